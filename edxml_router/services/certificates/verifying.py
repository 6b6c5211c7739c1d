"""Verify a delivery certificate without the node, its database or the network.

    found = verify(data, anchors, now=now)
    found.proved, found.not_proved           # sentences
    script()                                 # the same by public tools, as a script of the shell

Raises Refusal EDX653 to EDX657 with what does not hold, EDX632 for what is enclosed of revocation, EDX648 for a time
stamp, EDX674 for the statement of a node, EDX902 for anchors that cannot be read.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final, cast

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from edxml_router.core.asice import archive, container
from edxml_router.core.asice.container import Container
from edxml_router.core.detail import Detail, said
from edxml_router.core.problems import Refusal
from edxml_router.core.proof import time_stamp
from edxml_router.core.proof.note import ED25519, VerifierKey
from edxml_router.core.proof.time_stamp import TimeStamp
from edxml_router.core.trust.chain import TrustStore
from edxml_router.core.wording import in_words
from edxml_router.credentials.keys import load_certificates
from edxml_router.services.certificates.claims import Ground, claims
from edxml_router.services.certificates.decisions import KnownStanding, authorities_of, read_decision
from edxml_router.services.certificates.entries import ProvedEntries, accepted_in, read_entries
from edxml_router.services.certificates.statements import Judge, check_about, read_statements
from edxml_router.services.proof.checkpoints import read_keys
from edxml_router.shapes.evidence.certificate import FORMAT, CertificateShape

STATEMENT: Final = "certificate.json"
PAGE: Final = "certificate.html"
LETTER: Final = "letter.edxml"
LOG_KEY: Final = "trust/log.vkey"
JOURNAL_STAMP: Final = "journal.tst"
_SCRIPT: Final = Path(__file__).with_name("verify-certificate.sh")
# What a stamp says of the bytes that are stamped; raises ValueError for one that does not hold.
StampReader = Callable[[bytes, bytes], TimeStamp]


@dataclass(frozen=True, slots=True)
class VerifiedCertificate:
    """A certificate that holds. ``signed_at`` is the signer's word; ``stamped`` that of a time stamp authority over the
    certificate, ``journal_stamped`` over the checkpoint, which ``witnesses`` have signed, by keys that are known."""

    statement: CertificateShape
    signer: str
    signed_at: datetime
    stamped: TimeStamp | None
    journal_stamped: TimeStamp | None
    witnesses: Sequence[str]
    proved: Sequence[Detail]
    not_proved: Sequence[Detail]


def script() -> bytes:
    """The script that verifies a certificate with public tools alone."""
    return _SCRIPT.read_bytes()


def verify_file(
    file: str,
    anchors: Path,
    crls: Sequence[Path],
    keys: Sequence[str],
    now: datetime,
    stamp_anchors: Path | None = None,
) -> VerifiedCertificate:
    """The certificate in a file, by what stands in others; ``keys`` as they were typed. Raises Refusal EDX901, EDX902
    for these as well."""
    typed = read_keys(keys)
    known = (*typed, *(key.cosigner for key in typed if key.kind == ED25519))  # a witness has one key for both
    data = _read(Path(file), archive.SIZE_MAX)
    lists = [_read(path, archive.SIZE_MAX) for path in crls]
    reader = stamp_reader(load_certificates(stamp_anchors)) if stamp_anchors is not None else None
    return verify(data, _read(anchors, archive.SIZE_MAX), now=now, crls=lists, keys=known, read_stamp=reader)


def stamp_reader(anchors: Sequence[x509.Certificate]) -> StampReader:
    """Reads stamps of authorities under these roots."""
    return lambda token, data: time_stamp.read_stamp(token, data, anchors)


def _read(path: Path, most: int) -> bytes:
    """A file of at most ``most`` bytes; of a longer one, a byte more."""
    try:
        with path.open("rb") as file:
            return file.read(most + 1)
    except OSError as error:
        raise Refusal("EDX902", where=str(path), detail=in_words(error)) from error


def verify(
    data: bytes,
    anchors: bytes,
    *,
    now: datetime,
    crls: Sequence[bytes] = (),
    keys: Sequence[VerifierKey] = (),
    read_stamp: StampReader | None = None,
) -> VerifiedCertificate:
    """``anchors``: the authorities of nodes (PEM), from a source that is trusted; ``crls``: revocation lists; ``keys``:
    those of journals and witnesses that are known; ``read_stamp`` where there are anchors of time stamps."""
    held = container.read(data)
    stamped = _stamp(read_stamp, container.STAMP, held.stamp, held.stamped)
    at = stamped.at if stamped else now
    trust = TrustStore.from_pem(anchors, b"", crls).of_nodes()
    signer, revocation_known = _judge(held, trust, at)
    statement = _statement(held.files)
    proved = read_entries(held.files, _log_key(held.files), keys)
    _check_account(statement, proved, held.files)
    outcomes = [(one["recipient"], one["state"]) for one in statement["deliveries"]]
    ends = read_statements(held.files, held.signature.certificates[1:], Judge(trust, at))
    check_about(ends, statement["envelope"]["digest"], statement["envelope"]["document_id"], outcomes)
    standings = _standings(held.files, statement, proved, trust)
    journal_stamp = held.files.get(JOURNAL_STAMP)
    journal_stamped = _stamp(read_stamp, JOURNAL_STAMP, journal_stamp, proved.checkpoint, held.stamp)
    ground = Ground(
        node=statement["node"],
        signer=signer,
        origin=proved.head.origin,
        size=proved.head.size,
        entries=len(proved.entries),
        log_signed=proved.signed,
        witnesses=proved.witnesses,
        outcomes=outcomes,
        ends=ends,
        standings=standings,
        letter_signed=statement["envelope"]["signature"]["signer"] is not None,
        digest=statement["envelope"]["digest"],
        with_letter=LETTER in held.files,
        stamped=stamped,
        stamp_enclosed=held.stamp is not None or journal_stamp is not None,
        journal_stamped=journal_stamped,
        others_signed=proved.others,
        revocation_known=revocation_known,
    )
    return VerifiedCertificate(
        statement, signer, held.signature.at, stamped, journal_stamped, proved.witnesses, *claims(ground)
    )


def _standings(
    files: Mapping[str, bytes], statement: CertificateShape, proved: ProvedEntries, trust: TrustStore
) -> Sequence[KnownStanding]:
    """What is known of revocation. Raises Refusal EDX632, EDX657."""
    try:
        return read_decision(files, statement["decision"], accepted_in(proved.said), authorities_of(trust))
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise _contradicted(Detail("a certificate of another version")) from error


def _stamp(
    read: StampReader | None, where: str, token: bytes | None, data: bytes | None, other: bytes | None = None
) -> TimeStamp | None:
    """What a stamp says, where there is one, and somebody who reads it. ``other``: one that may show the certificates
    of the same authority. Raises Refusal EDX648."""
    if read is None or token is None or data is None:
        return None
    try:
        return read(time_stamp.completed_token(token, other) if other else token, data)
    except ValueError as error:
        raise Refusal("EDX648", where=where, detail=said(error)) from error


def _judge(held: Container, trust: TrustStore, at: datetime) -> tuple[str, bool]:
    """Who signed, if the certificate leads to an anchor and held ``at`` that moment, and whether it is known not to be
    revoked. Raises Refusal EDX655."""
    shown = held.signature.certificates
    verdict = trust.judge([one.public_bytes(Encoding.DER) for one in shown], at)
    if verdict.finding is not None:
        found = verdict.finding
        detail = Detail("{code} {slug} {detail}", code=found.code, slug=found.problem.slug, detail=found.detail)
        raise Refusal("EDX655", where=container.SIGNATURE, detail=detail)
    if verdict.leaf != shown[0]:
        raise Refusal(
            "EDX655", where=container.SIGNATURE, detail=Detail("no telling which certificate is the signer's")
        )
    if not shown[0].not_valid_before_utc <= held.signature.at <= shown[0].not_valid_after_utc:
        detail = Detail("it says that it was made when its certificate was not valid")
        raise Refusal("EDX655", where=container.SIGNATURE, detail=detail)
    return shown[0].subject.rfc4514_string(), "revocation-unchecked" not in verdict.marks


def _statement(files: Mapping[str, bytes]) -> CertificateShape:
    try:
        statement = json.loads(files[STATEMENT])
        if statement["format"] != FORMAT or PAGE not in files:
            raise ValueError(Detail("a certificate of another version"))
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise _contradicted(Detail("a certificate of another version")) from error
    return cast("CertificateShape", statement)


def _log_key(files: Mapping[str, bytes]) -> VerifierKey | None:
    if LOG_KEY not in files:
        return None
    try:
        return VerifierKey.read(files[LOG_KEY].decode().removesuffix("\n"))
    except ValueError as error:
        raise Refusal("EDX656", where=LOG_KEY, detail=said(error)) from error


def _check_account(statement: CertificateShape, proved: ProvedEntries, files: Mapping[str, bytes]) -> None:
    """Refuse (EDX657) a statement that says other than the entries do."""
    try:
        digest = statement["envelope"]["digest"]
        if any(one.get("envelope") != digest for one in proved.said):
            raise _contradicted(Detail("an entry is about another document"))
        if [{**one, "etsi_event": None} for one in statement["entries"]] != [
            {**one, "etsi_event": None} for one in proved.entries
        ]:
            raise _contradicted(Detail("it says of the entries what they do not"))
        _check_acceptance(statement, proved.said)
        last = {one["recipient"]: one["after"] for one in proved.entries if one["recipient"] and one["after"]}
        stated = {one["recipient"]: one["state"] for one in statement["deliveries"]}
        if stated != last:
            odd = next(code for code in (*stated, *last) if stated.get(code) != last.get(code))
            raise _contradicted(Detail("of {recipient} the entries tell another state", recipient=odd))
        if statement["with_letter"] != (LETTER in files):
            raise _contradicted(Detail("the letter is missing, or is there unsaid"))
        if LETTER in files and hashlib.sha256(files[LETTER]).hexdigest() != digest:
            raise _contradicted(Detail("the letter that is enclosed is another"))
    except (KeyError, TypeError, AttributeError) as error:
        raise _contradicted(Detail("a certificate of another version")) from error


def _check_acceptance(statement: CertificateShape, said_: Sequence[Mapping[str, Any]]) -> None:
    """The entry of the acceptance, and where it tells of the envelope, that the statement tells the same."""
    accepted = accepted_in(said_)
    facts = accepted.get("facts", {})
    envelope = cast("dict[str, Any]", statement["envelope"])
    for name, field in (("sender", "sender"), ("document", "document_id"), ("size", "size"), ("kind", "kind")):
        if name in facts and facts[name] != envelope[field]:
            raise _contradicted(Detail("it says another {name} than the entry of the acceptance", name=name))
    signature = envelope["signature"]
    key = signature["signer"]["key"] if signature["signer"] else None
    if facts and (key or "") != facts.get("signer", ""):
        raise _contradicted(Detail("it says another {name} than the entry of the acceptance", name="signer"))
    if facts and f"{signature['indication']}: {signature['reason']}" != accepted.get("detail"):
        raise _contradicted(Detail("it says another {name} than the entry of the acceptance", name="verdict"))


def _contradicted(detail: Detail) -> Refusal:
    return Refusal("EDX657", where=STATEMENT, detail=detail)
