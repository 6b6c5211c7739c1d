"""The signed statements of other nodes in a certificate: how a delivery ended there, and who passed that on.

    files = statement_files(told.receipts, outcomes, chains, above, judge)     # statements/1.json, statements/1.sig, …
    ended = read_statements(files, above, judge)                               # each holds; Refusal EDX674 otherwise

``statements/N.json`` is a statement byte for byte as it was signed; ``statements/N.sig`` names the file of the signer's
certificate in a line, and has the signature (base64) in the next. Behind the statement of an end stand those of the
nodes that passed it on, in the order of the way back. Each certificate is enclosed but once: those above the signers'
are in ``trust/nodes-above.pem``, but for what the signature of the certificate as a whole shows already.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from edxml_router.core import pki
from edxml_router.core.delivery.views import Notice
from edxml_router.core.detail import Detail, said
from edxml_router.core.link.statement import EndStatement, Evidence, PassStatement, SignedText, by_recipient
from edxml_router.core.problems import Refusal
from edxml_router.core.signature.signing import verify_bytes
from edxml_router.core.trust import certificate as certificates
from edxml_router.core.trust.chain import TrustStore

ABOVE: Final = "trust/nodes-above.pem"
ENDS_MAX: Final = 20  # in a circular to more, a certificate for one recipient has that one's
_STATEMENT: Final = re.compile(r"statements/([1-9][0-9]{0,3})\.json")
_OWN: Final = re.compile(r"statements/.*|trust/node(?:-|s-).*")
_SIGNATURE: Final = re.compile(rb"(trust/node-[1-9][0-9]{0,3}\.pem)\n([A-Za-z0-9+/]{1,2046}={0,2})\n")
Outcomes = Iterable[tuple[str, str]]  # recipient, state


@dataclass(frozen=True, slots=True)
class SignedEnd:
    """That a delivery ended so, as the node where it ended has signed it; ``passed``: the nodes that signed that they
    passed this on."""

    said: EndStatement
    passed: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Judge:
    """By what statements are judged: the authorities of nodes, and when the certificate that shows them was signed."""

    trust: TrustStore
    until: datetime


def proven_ends(receipts: Iterable[Notice], outcomes: Outcomes) -> list[Evidence]:
    """What proves these outcomes, as far as other nodes have signed it and it was found to hold."""
    known = {
        (one.receipt.recipient, one.receipt.outcome.value): one.receipt.evidence
        for one in receipts
        if one.receipt.evidence.proven and one.receipt.evidence.told_by != ""
    }
    found = [known[outcome] for outcome in outcomes if outcome in known]
    return found if len(found) <= ENDS_MAX else []


def statement_files(
    ends: Iterable[Evidence],
    chains: Mapping[str, Sequence[bytes]],
    above: Sequence[x509.Certificate],
    judge: Judge,
) -> dict[str, bytes]:
    """The files of what proves these ends. ``chains`` (DER) by the SHA-256 of the first certificate; ``above``: what
    the signature shows. Left out is what its reader would refuse, e.g. after a change of authorities."""
    taken: list[tuple[SignedText, ...]] = []
    for one in ends:
        if one.end is None:
            continue
        group = (one.end, *one.passes)
        while group and not _holds(group, chains, above, judge):
            group = group[:-1]
        if group:
            taken.append(group)
    return _written([one for group in taken for one in group], chains, above)


def _holds(
    group: Sequence[SignedText],
    chains: Mapping[str, Sequence[bytes]],
    above: Sequence[x509.Certificate],
    judge: Judge,
) -> bool:
    if any(one.signer not in chains for one in group):
        return False
    try:
        read_statements(_written(group, chains, above), above, judge)
    except Refusal:
        return False
    return True


def _written(
    statements: Sequence[SignedText], chains: Mapping[str, Sequence[bytes]], above: Sequence[x509.Certificate]
) -> dict[str, bytes]:
    signers = list(dict.fromkeys(one.signer for one in statements))
    names = {signer: f"trust/node-{number}.pem" for number, signer in enumerate(signers, start=1)}
    files: dict[str, bytes] = {}
    for number, one in enumerate(statements, start=1):
        files[f"statements/{number}.json"] = one.text.encode()
        files[f"statements/{number}.sig"] = f"{names[one.signer]}\n{one.signature}\n".encode()
    for signer, name in names.items():
        files[name] = certificates.write_pem([certificates.read(chains[signer][0])])
    between = [certificates.read(each) for signer in signers for each in chains[signer][1:]]
    shown = {*above}
    wanted = dict.fromkeys(one for one in between if one not in shown and one.issuer != one.subject)
    return {**files, ABOVE: certificates.write_pem(wanted)} if wanted else files


def read_statements(
    files: Mapping[str, bytes], above: Sequence[x509.Certificate], judge: Judge
) -> tuple[SignedEnd, ...]:
    """What nodes have signed, each by a certificate that leads to an authority of nodes, names the node, held then,
    and names the recipient where only the node that serves it can know. Raises Refusal EDX674."""
    own = [name for name in files if _OWN.fullmatch(name)]
    if not own:
        return ()
    between = [*above, *(_certificates(files, ABOVE) if ABOVE in files else ())]
    found: list[SignedEnd] = []
    before, used = "", {ABOVE} & files.keys()
    for number, name in enumerate((name for name in own if _STATEMENT.fullmatch(name)), start=1):
        mark = f"statements/{number}.sig"
        if name != f"statements/{number}.json" or mark not in files:
            raise _refused(name, Detail("a statement without its signature, or out of order"))
        signature = _SIGNATURE.fullmatch(files[mark])
        if signature is None:
            raise _refused(mark, Detail("not a signature as it is written here"))
        signer = signature[1].decode()
        used |= {name, mark, signer}
        leaf = _signer(files, name, signer, signature[2])
        said_ = _read(files[name], name)
        if isinstance(said_, EndStatement):
            chain = _entitled(leaf, between, said_.node, said_.at, judge, signer)
            if by_recipient(said_.outcome, said_.code) and not any(
                pki.entitled(chain, code) for code in (said_.recipient, said_.resolved)
            ):
                raise _refused(signer, Detail("it does not name {recipient}", recipient=said_.recipient))
            found.append(SignedEnd(said_))
        else:
            if not found or said_.about != before:
                raise _refused(name, Detail("it is not about the statement before it"))
            _entitled(leaf, between, said_.node, said_.passed, judge, signer)
            found[-1] = SignedEnd(found[-1].said, (*found[-1].passed, said_.node))
        before = hashlib.sha256(files[name]).hexdigest()
    if odd := next((name for name in own if name not in used), ""):
        raise _refused(odd, Detail("it belongs to no statement"))
    return tuple(found)


def check_about(ends: Sequence[SignedEnd], digest: str, document: str, outcomes: Outcomes) -> None:
    """Refuse (EDX674) statements that are about another document or another outcome, or two about one."""
    left = dict(outcomes)
    for number, end in enumerate(ends, start=1):
        where = f"statements: {number}"
        if end.said.envelope != digest or end.said.document not in ("", document):
            raise _refused(where, Detail("it is about another document"))
        code = next((code for code in (end.said.recipient, end.said.resolved) if code in left), None)
        if code is None or left.pop(code) != end.said.outcome:
            raise _refused(where, Detail("it is about another recipient, or another outcome"))


def _signer(files: Mapping[str, bytes], name: str, signer: str, signature: bytes) -> x509.Certificate:
    """The certificate whose key has signed a statement."""
    shown = _certificates(files, signer)
    try:
        if len(shown) != 1 or not certificates.has_usable_key(shown[0]):
            raise ValueError
        verify_bytes(shown[0], files[name], base64.b64decode(signature, validate=True))
    except (Refusal, *certificates.DAMAGED) as error:
        raise _refused(name, Detail("the signature is not that of the certificate's key")) from error
    return shown[0]


def _entitled(
    leaf: x509.Certificate, between: Sequence[x509.Certificate], node: str, at: datetime, judge: Judge, where: str
) -> Sequence[x509.Certificate]:
    """Refuse a certificate that is not that node's, or that did not hold when it signed. Returns it with those above
    it."""
    # A node signs when it comes to report; by then its certificate may be a newer one than at the end of the delivery.
    moment = min(max(at, leaf.not_valid_before_utc), judge.until)
    verdict = judge.trust.judge([one.public_bytes(Encoding.DER) for one in (leaf, *between)], moment)
    if verdict.finding is not None:
        found = verdict.finding
        reason = Detail("{code} {slug} {detail}", code=found.code, slug=found.problem.slug, detail=found.detail)
        raise _refused(where, reason)
    if verdict.leaf != leaf or not pki.is_of_node(leaf, node):
        raise _refused(where, Detail("it is not that of node {node}", node=node))
    return verdict.chain


def _read(data: bytes, where: str) -> EndStatement | PassStatement:
    readers: tuple[Callable[[str], EndStatement | PassStatement], ...] = (EndStatement.read, PassStatement.read)
    for read in readers:
        try:
            return read(data.decode())
        except ValueError as error:
            reason = said(error)
    raise _refused(where, reason)


def _certificates(files: Mapping[str, bytes], name: str) -> tuple[x509.Certificate, ...]:
    try:
        return certificates.read_all(files[name], name)
    except (KeyError, Refusal) as error:
        raise _refused(name, Detail("no readable certificate (PEM, DER or PKCS#7)")) from error


def _refused(where: str, detail: str) -> Refusal:
    return Refusal("EDX674", where=where, detail=detail)
