"""Whether an outcome is proven: by the signed statement of the node where the delivery ended, and its certificate.

    receipt, doubt = judge_evidence(receipt, chains, nodes, peer, now)
    receipt.evidence.proven; receipt.evidence.doubt     # EDX326, EDX327, EDX328: who said what that does not hold

The certificate must lead to an authority of nodes, hold at the moment of the outcome (and not have ended long before it
became known, or whoever finds an old key could date back), and name the recipient where only the node that serves it
can know such an outcome: that the office has it, or sends it back. Every other end may be a node's on the way; then the
statement proves which.

EDX326: nothing was signed, as by a node of an older version. EDX327: what was signed does not hold, or is about
something else. EDX328: the certificate does not entitle who signed.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Final

from cryptography import x509

from edxml_router.core import pki
from edxml_router.core.detail import Detail
from edxml_router.core.detail import said as said_of
from edxml_router.core.link.credentials import certificate_name
from edxml_router.core.link.skew import TOLERANCE
from edxml_router.core.link.statement import (
    CONTRADICTED,
    NOT_ENTITLED,
    UNSIGNED,
    EndStatement,
    Evidence,
    PassStatement,
    SignedText,
    by_recipient,
)
from edxml_router.core.link.wire import ENDS, Receipt, ReceiptOutcome
from edxml_router.core.problems import Finding, Refusal
from edxml_router.core.signature.signing import verify_bytes
from edxml_router.core.trust import certificate as certificates
from edxml_router.core.trust.chain import TrustStore

# So long a receipt may have lain in mailboxes while the certificate of its statement ended.
LYING: Final = timedelta(days=7)

Chains = Mapping[str, Sequence[bytes]]  # certificates (DER) by the SHA-256 (hex) of the first, that of a signer


def chains_of(shown: Sequence[Sequence[bytes]]) -> Chains:
    """The chains that a message shows, each by its first certificate."""
    return {hashlib.sha256(chain[0]).hexdigest(): chain for chain in shown if chain}


def judge_evidence(
    receipt: Receipt, chains: Chains, nodes: TrustStore, peer: str, now: datetime
) -> tuple[Receipt, Finding | None]:
    """The receipt with what its evidence is worth, told by ``peer``, and what of it was shown as a proof and is none.
    That nothing was signed is no accusation: nodes of older versions sign nothing.

    What is proven is dated as its witness dated it, whatever the receipt says. Of those who passed it on, the first
    whose word does not hold and all behind it are left out.
    """
    if receipt.outcome not in ENDS:
        return replace(receipt, evidence=Evidence(told_by=peer, taken_at=now, complete=True)), None
    taken = replace(receipt.evidence, told_by=peer, taken_at=now, complete=False)
    try:
        end = _end(receipt, chains, nodes, peer, now)
    except Refusal as refusal:
        doubt = refusal.finding
        return replace(receipt, evidence=replace(taken, doubt=doubt)), doubt if doubt.code != UNSIGNED else None
    passes, broken = _holding(taken, chains, nodes, peer, now)
    proven = replace(receipt, evidence=replace(taken, passes=passes), at=end.at)
    return proven, broken or _misdated(end, receipt, peer)


def _misdated(end: EndStatement, receipt: Receipt, peer: str) -> Finding | None:
    """EDX327 where a neighbour dates an outcome otherwise than the witness, and not for its own clock's sake."""
    # A node on the way brings a date that it cannot believe into what it knows: not before it had the letter.
    if abs(end.at - receipt.at) <= TOLERANCE or receipt.at in {hop.at for hop in receipt.hops}:
        return None
    detail = Detail(
        "{peer} says {said:%Y-%m-%dT%H:%M:%SZ}, {node} signed {at:%Y-%m-%dT%H:%M:%SZ}, which counts",
        peer=peer,
        said=receipt.at,
        node=end.node,
        at=end.at,
    )
    return Finding(CONTRADICTED, peer, detail)


def _holding(
    evidence: Evidence, chains: Chains, nodes: TrustStore, peer: str, now: datetime
) -> tuple[tuple[SignedText, ...], Finding | None]:
    """The statements of the nodes on the way back, up to the first that does not hold, and why it does not."""
    held: list[SignedText] = []
    before = evidence.end
    for one in evidence.passes:
        try:
            said = PassStatement.read(one.text)
            if before is None or said.about != before.digest:
                detail = Detail("from {peer}: it is not about the statement before it", peer=peer)
                raise Refusal(CONTRADICTED, where=said.node, detail=detail)
            _signer(one, chains, nodes, said.node, min(said.passed, now), peer)
        except ValueError as error:
            detail = Detail("from {peer}: {error}", peer=peer, error=said_of(error))
            return tuple(held), Finding(CONTRADICTED, peer, detail)
        except Refusal as refusal:
            return tuple(held), refusal.finding
        held.append(one)
        before = one
    return tuple(held), None


def _end(receipt: Receipt, chains: Chains, nodes: TrustStore, peer: str, now: datetime) -> EndStatement:
    """What the ending node stated, if it proves the receipt. Raises Refusal."""
    signed = receipt.evidence.end
    if signed is None:
        detail = Detail("{peer} reports it, and no node has signed it", peer=peer)
        raise Refusal(UNSIGNED, where=peer, detail=detail)
    try:
        end = EndStatement.read(signed.text)
    except ValueError as error:
        detail = Detail("from {peer}: {error}", peer=peer, error=said_of(error))
        raise Refusal(CONTRADICTED, where=peer, detail=detail) from error
    if differing := _differing(end, receipt):
        detail = Detail("{peer} shows it for another one: {what} differs", peer=peer, what=differing)
        raise Refusal(CONTRADICTED, where=peer, detail=detail)
    if not nodes.anchors:
        raise Refusal(UNSIGNED, where="trust.node_anchors", detail=Detail("no authority of nodes is configured here"))
    chain = _signer(signed, chains, nodes, end.node, max(min(end.at, now), now - LYING), peer)
    if by_recipient(end.outcome, end.code) and not pki.entitled(chain, receipt.recipient):
        short = next(one for one in chain if not pki.covers(one, receipt.recipient))  # the first that does not name it
        detail = Detail(
            "{signer}, which {peer} shows, does not name {recipient}",
            signer=certificate_name(short),
            peer=peer,
            recipient=receipt.recipient,
        )
        raise Refusal(NOT_ENTITLED, where=end.node, detail=detail)
    return end


def _differing(end: EndStatement, receipt: Receipt) -> str:
    """The first field in which a statement is not about what the receipt says; empty where there is none.

    A confirmation holds for every generation; a letter that came back may have been sent again since. The problem of
    a confirmation is that of each node by itself (EDX804).
    """
    confirmed = receipt.outcome is ReceiptOutcome.CONFIRMED
    if end.envelope != receipt.envelope:
        return "envelope"
    if receipt.recipient not in (end.recipient, end.resolved):
        return "recipient"
    if end.outcome != receipt.outcome:
        return "outcome"
    if end.generation < receipt.generation and not confirmed:
        return "generation"
    if receipt.code and end.code != receipt.code and not confirmed:
        return "code"
    return ""


def _signer(
    signed: SignedText, chains: Chains, nodes: TrustStore, node: str, at: datetime, peer: str
) -> tuple[x509.Certificate, ...]:
    """The certificate of who signed, which an authority of nodes had issued to that node then, and those above it.
    Raises Refusal EDX327, EDX328."""
    chain = chains.get(signed.signer)
    if chain is None:
        detail = Detail("{peer} does not show the certificate of who signed as {node}", peer=peer, node=node)
        raise Refusal(CONTRADICTED, where=peer, detail=detail)
    try:
        leaf = _certificate(chain[0])
        verify_bytes(leaf, signed.text.encode(), base64.b64decode(signed.signature, validate=True))
    except (Refusal, *certificates.DAMAGED) as error:
        detail = Detail("{peer} shows it as signed by {node}: the signature does not hold", peer=peer, node=node)
        raise Refusal(CONTRADICTED, where=peer, detail=detail) from error
    verdict = nodes.judge(chain, at)
    if verdict.finding is None and verdict.leaf == leaf and pki.is_of_node(leaf, node):
        return verdict.chain
    if verdict.finding is not None:
        found = verdict.finding
        reason = Detail("{code} {slug} {detail}", code=found.code, slug=found.problem.slug, detail=found.detail)
    else:
        reason = Detail("it is not that of node {node}", node=node)
    told = Detail("{signer}, which {peer} shows: {reason}", signer=certificate_name(leaf), peer=peer, reason=reason)
    raise Refusal(NOT_ENTITLED, where=node, detail=told)


@lru_cache(maxsize=1024)
def _certificate(der: bytes) -> x509.Certificate:
    """Raises Refusal EDX310, EDX311."""
    read = certificates.read(der)
    if not certificates.has_usable_key(read):
        raise Refusal("EDX310")
    return read
