"""Whether a receipt that a node keeps follows from the journal's entries about its delivery."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

from edxml_router.core.delivery.entries.replay import ToldDelivery
from edxml_router.core.link.statement import EndStatement
from edxml_router.core.link.wire import ENDS, Receipt


def differing(told: ToldDelivery, receipt: Receipt) -> Iterator[tuple[str, Any, Any]]:
    """What does not follow: a name, what the receipt says, what the entries say. Compared are ends only, and only where
    all of the delivery is told: "accepted" and "unknown" are answers, which no entry is about."""
    if receipt.outcome not in ENDS or not told.whole:
        return
    ends = [end for end in told.ends if end.state.value == receipt.outcome.value]
    if not ends:
        yield "outcome", receipt.outcome.value, told.state.value if told.state else ""
        return
    times = {end.ended_at for end in ends} | _stated(receipt)
    if receipt.at not in times:
        yield "at", receipt.at, ends[-1].ended_at
    if receipt.code not in {end.code for end in ends}:
        yield "code", receipt.code, ends[-1].code
    # A statement that proves nothing is kept as it came, and the node has said why: a neighbour's lie, not the owner's.
    evidence = receipt.evidence
    if evidence.end is not None and evidence.proven and not _is_about(receipt):
        yield "signed_end", evidence.end.digest, receipt.outcome.value


def missing(told: ToldDelivery, kept: Sequence[Receipt], *, redacted: bool) -> Iterator[str]:
    """Outcomes of which no receipt is kept any more, or not the statement: the entry of an end that was reported names
    the statement it rests on, and another entry what this node has signed. ``redacted``: statements about this delivery
    were erased with the words in them. A receipt without any signed statement is missed by nobody."""
    theirs = [one for one in kept if one.recipient == told.recipient]
    there = {one.evidence.end.digest for one in theirs if one.evidence.end is not None}
    for end in told.ends:
        of_end = [one for one in theirs if one.outcome.value == end.state.value]
        # A proof that came later stands in place of a statement that proved nothing.
        stated = redacted or end.statement in there or any(one.evidence.proven for one in of_end)
        if end.statement and not (of_end and stated):
            yield end.state.value
    if told.ends and told.signed and not (theirs if redacted else told.signed <= there):
        yield told.ends[-1].state.value


def _stated(receipt: Receipt) -> set[datetime]:
    """The time in the statement that proves it, which a receipt takes over."""
    statement = _statement(receipt)
    return set() if statement is None else {statement.at}


def _is_about(receipt: Receipt) -> bool:
    statement = _statement(receipt)
    return statement is not None and (statement.envelope, statement.outcome) == (receipt.envelope, receipt.outcome)


def _statement(receipt: Receipt) -> EndStatement | None:
    if receipt.evidence.end is None:
        return None
    try:
        return EndStatement.read(receipt.evidence.end.text)
    except ValueError:
        return None
