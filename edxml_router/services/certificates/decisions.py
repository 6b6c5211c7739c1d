"""By what a letter's signature was judged, in a certificate: the rules in force, and what was known of revocation.

    decision, files = decision_record(rules, accepted, signers, now)    # trust/revocation-1.crl, …
    known = read_decision(files, decision, accepted, authorities)       # Refusal EDX632, EDX657 for what does not hold

The entry of the acceptance has the digest of what the node went by. As long as the node still has the same, the record
tells of what that digest is, so that a list that is enclosed is proved to be one that the node went by; once a list has
been renewed, the newer one is enclosed, which tells more about the time of the acceptance, and is not said to have been
there. Enclosed is what is small: the list of a large authority has megabytes, and is named by its SHA-256.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from typing import Any, Final

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.serialization import Encoding

from edxml_router.core.detail import Detail
from edxml_router.core.link.manifest import instant
from edxml_router.core.problems import Refusal, Setback
from edxml_router.core.trust import certificate as certificates
from edxml_router.core.trust.certificate import DAMAGED, spki_sha256
from edxml_router.core.trust.chain import TrustContent, TrustStore
from edxml_router.core.trust.ocsp import read_answer
from edxml_router.core.trust.revocation import RevocationEvidence
from edxml_router.core.trust.revocation_list import RevocationList
from edxml_router.shapes.evidence.decision import (
    DecisionShape,
    RevocationEvidenceShape,
    decision_shape,
    revocation_evidence_shape,
)
from edxml_router.stages.rules import Rules

SIGNERS: Final = "trust/letter-signer.pem"
ENCLOSED_MAX: Final = 2048  # bytes of a list or answer
TOGETHER_MAX: Final = 4096  # bytes of all of them
TOLD_MAX: Final = 64  # certificates and lists of which the digest in the entry is told
_OWN: Final = re.compile(r"trust/revocation-[1-9][0-9]{0,2}\.(crl|ocsp)")
_ENDINGS: Final = {"list": "crl", "answer": "ocsp"}


@dataclass(frozen=True, slots=True)
class KnownStanding:
    """What an authority said of a certificate by which a letter was judged. ``told``: whether that could be verified;
    ``enclosed``: whether it is here at all; ``used``: whether it is proved that the node went by it."""

    about: str  # subjects
    issuer: str
    at: datetime
    sha256: str
    size: int
    enclosed: bool = False
    told: bool = False
    revoked: datetime | None = None
    used: bool = False


def decision_record(
    rules: Rules, accepted: Mapping[str, Any], signers: Sequence[x509.Certificate], now: datetime
) -> tuple[DecisionShape, dict[str, bytes]]:
    """The record of the acceptance that this entry tells of, and the files that go with it. ``signers``: what the
    letter's own signature shows."""
    facts = accepted.get("facts", {})
    told = facts.get("rules", {})
    same = told.get("trust") == rules.digests()["trust"]
    content = rules.trust.content if same else None
    if content is not None and len(content.certificates) + len(content.lists) > TOLD_MAX:
        content = None
    sent = [one.public_bytes(Encoding.DER) for one in signers]
    chain = rules.trust.chain(sent, datetime.fromisoformat(str(accepted["at"]))) if sent else ()
    files: dict[str, bytes] = {}
    if signers:
        between = [one for one in chain[:-1] if one not in signers]
        files[SIGNERS] = certificates.write_pem((*signers, *between))
    known: list[RevocationEvidenceShape] = []
    for certificate, issuer in pairwise(chain if chain and spki_sha256(chain[0]) == facts.get("signer") else ()):
        for one in rules.trust.evidence(certificate, issuer, now):
            name = f"trust/revocation-{len(known) + 1}.{_ENDINGS[one.kind]}"
            left = TOGETHER_MAX - sum(len(files[each]) for each in files if each != SIGNERS)
            if len(one.data) <= min(ENCLOSED_MAX, left) and _readable(one, certificate, issuer):
                files[name] = one.data
            known.append(revocation_evidence_shape(certificate, issuer, one, name if name in files else None))
    return decision_shape(told, content, rules.bindings.digest if content else None, known), files


def _readable(one: RevocationEvidence, certificate: x509.Certificate, issuer: x509.Certificate) -> bool:
    """Whether who has the certificates alone can verify it: a responder may have been named by the operator."""
    try:
        _ = one.kind == "list" or read_answer(one.data, certificate, issuer)
    except Setback:
        return False
    return True


def read_decision(
    files: Mapping[str, bytes],
    decision: DecisionShape,
    accepted: Mapping[str, Any],
    authorities: Sequence[x509.Certificate],
) -> tuple[KnownStanding, ...]:
    """What is enclosed of revocation, each signed by the authority of the certificate that it is about. ``authorities``
    are those of the reader, besides those in the certificate; what is of another is not told. Raises Refusal."""
    facts = accepted.get("facts", {})
    if decision["rules"] != facts.get("rules", {}):
        raise _contradicted(Detail("it tells of other rules than the entry of the acceptance"))
    used = _used(decision, facts)
    shown = certificates.read_all(files[SIGNERS], SIGNERS) if SIGNERS in files else ()
    known = decision["revocation"]
    if known and not any(spki_sha256(one) == facts.get("signer") for one in shown):
        raise _refused(SIGNERS, Detail("the certificate of the key that signed the letter is missing"))
    named = [one["file"] for one in known if one["file"] is not None]
    if [name for name in files if _OWN.fullmatch(name)] != named:
        raise _refused("trust", Detail("other files about revocation than it names"))
    return tuple(_standing(files, one, shown, (*shown, *authorities), used) for one in known)


def _used(decision: DecisionShape, facts: Mapping[str, Any]) -> frozenset[str]:
    """The lists that are proved to have been there at the acceptance (SHA-256)."""
    told = decision["trust"]
    if told is None:
        return frozenset()
    answers = told["answers"] or ""
    content = TrustContent(
        told["grace_seconds"],
        told["required"],
        tuple(told["certificates"]),
        tuple(told["lists"]),
        answers,
    )
    try:
        both = f"{content.digest()}\n{told['bindings']}"
    except ValueError:
        both = ""
    if hashlib.sha256(both.encode()).hexdigest() != facts.get("rules", {}).get("trust"):
        raise _contradicted(Detail("what it tells of the rules is not what the entry of the acceptance has"))
    return frozenset(content.lists)


def _standing(
    files: Mapping[str, bytes],
    stated: RevocationEvidenceShape,
    shown: Sequence[x509.Certificate],
    authorities: Sequence[x509.Certificate],
    used: frozenset[str],
) -> KnownStanding:
    at, size = datetime.fromisoformat(stated["at"]), stated["size"]
    name = stated["file"]
    if name is None:
        return KnownStanding(stated["about"], stated["issuer"], at, stated["sha256"], size)
    data = files[name]
    if hashlib.sha256(data).hexdigest() != stated["sha256"] or len(data) != size:
        raise _refused(name, Detail("its digest is not the listed one"))
    about = [one for one in shown if one.subject.rfc4514_string() == stated["about"]]
    if len(about) != 1 or about[0].issuer.rfc4514_string() != stated["issuer"]:
        raise _refused(name, Detail("no telling whom it is about"))
    of_name = [one for one in authorities if one.subject == about[0].issuer]
    told, revoked = False, None
    if of_name:
        issuers = [one for one in of_name if _has_issued(one, about[0])]
        said_at, revoked = _said(stated["kind"], data, about[0], issuers, name)
        if instant(said_at) != stated["at"]:
            raise _refused(name, Detail("it is of another time than is said"))
        told = True
    in_force = stated["sha256"] in used
    return KnownStanding(stated["about"], stated["issuer"], at, stated["sha256"], size, True, told, revoked, in_force)


def _said(
    kind: str, data: bytes, about: x509.Certificate, issuers: Sequence[x509.Certificate], name: str
) -> tuple[datetime, datetime | None]:
    """When the authority said it, and since when the certificate is revoked."""
    for issuer in issuers:
        try:
            if kind == "answer":
                answer = read_answer(data, about, issuer)
                return answer.this_update, answer.revoked
            listed = RevocationList(data)
        except (Setback, ValueError):
            continue
        if not listed.trouble and listed.signed_by(issuer):
            return listed.this_update, listed.revoked(about.serial_number)
    raise _refused(name, Detail("the authority of that certificate has not signed it"))


def _has_issued(issuer: x509.Certificate, certificate: x509.Certificate) -> bool:
    try:
        certificate.verify_directly_issued_by(issuer)
    except (InvalidSignature, ValueError, TypeError, *DAMAGED):
        return False
    return True


def authorities_of(trust: TrustStore) -> Sequence[x509.Certificate]:
    """Anchors and intermediates."""
    return (*trust.anchors, *trust.intermediates)


def _contradicted(detail: Detail) -> Refusal:
    return Refusal("EDX657", where="certificate.json", detail=detail)


def _refused(where: str, detail: Detail) -> Refusal:
    return Refusal("EDX632", where=where, detail=detail)
