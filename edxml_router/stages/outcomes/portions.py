"""Receipts in messages that every node reads and the hub takes, each with the certificates of who signed in it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Final

from edxml_router.core.link.proving import Chains
from edxml_router.core.link.statement import UNKNOWN, Evidence
from edxml_router.core.link.wire import CERTIFICATES_LIMIT, Receipt

RECEIPT_BYTES: Final = 8 * 1024  # of one, with a detail and hops as long as they may be, and nothing signed
_AROUND: Final = 64 * 1024  # bytes for what stands around the receipts: the node's own certificates and its signature

Numbered = tuple[int, Receipt]


def receipt_portions(
    told: Sequence[Numbered], most: int, chains: Chains, room: int
) -> Iterator[tuple[list[Numbered], list[Sequence[bytes]]]]:
    """Portions of ``most`` receipts and ``room`` bytes at most, each with the chains that it needs."""
    portion: list[Numbered] = []
    needed: dict[str, int] = {}  # signers and the bytes of their certificates
    held = _AROUND
    for number, receipt in told:
        one = _slim(receipt, chains, room)
        signers = {each: _chain_bytes(chains[each]) for each in _signers(one.evidence) if each in chains}
        own = _bytes(one.evidence)
        more = own + sum(size for each, size in signers.items() if each not in needed)
        if portion and (len(portion) == most or held + more > room):
            yield portion, [chains[each] for each in needed]
            portion, needed, held = [], {}, _AROUND
            more = own + sum(signers.values())
        portion.append((number, one))
        needed |= signers
        held += more
    if portion:
        yield portion, [chains[each] for each in needed]


def _slim(receipt: Receipt, chains: Chains, room: int) -> Receipt:
    """The receipt, without what no message of this hub can hold: first the word of those who passed it on, then the
    proof itself. The outcome must arrive in any case."""
    for evidence in (receipt.evidence, replace(receipt.evidence, passes=()), UNKNOWN):
        shown = sum(_chain_bytes(chains[each]) for each in _signers(evidence) if each in chains)
        if _AROUND + _bytes(evidence) + shown <= room:
            break
    return receipt if evidence is receipt.evidence else replace(receipt, evidence=evidence)


def _bytes(evidence: Evidence) -> int:
    texts = (*([evidence.end] if evidence.end else []), *evidence.passes)
    # In JSON within JSON a quotation mark takes two bytes more, and a character four at most.
    return RECEIPT_BYTES + sum(len(each.text.encode()) + each.text.count('"') * 2 + 3000 for each in texts)


def _chain_bytes(chain: Sequence[bytes]) -> int:
    return sum(len(each) * 4 // 3 + 8 for each in chain[:CERTIFICATES_LIMIT])


def _signers(evidence: Evidence) -> set[str]:
    return {each.signer for each in (*([evidence.end] if evidence.end else []), *evidence.passes)}
