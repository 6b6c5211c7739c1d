"""The outcome of a judged batch: decided from values alone, then written as decided.

    decision = decide(node.name, node.rules, judged, facts, now)
    write(node, book, decision, now)

Only the store can tell four things about a submission: its peer has brought too much (EDX406), the document it changes
may still be on its way (EDX625), other bytes have its identity (EDX404), or it was accepted before. They are checked in
this order, and the first counts.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from operator import attrgetter

from edxml_router.core.body import Body
from edxml_router.core.delivery.entries.facts import Grounds
from edxml_router.core.delivery.lifecycle import State
from edxml_router.core.delivery.values import EnvelopeRow, Move, NewDelivery
from edxml_router.core.detail import Detail
from edxml_router.core.link.route import Route
from edxml_router.core.link.wire import ENDS, Receipt
from edxml_router.core.problems import Refusal, Setback, Trouble
from edxml_router.ports.ledger import Book
from edxml_router.stages.acceptance import order
from edxml_router.stages.acceptance.facts import Facts
from edxml_router.stages.acceptance.quarantine import quarantine_items, quarantined_item, refusal_entry
from edxml_router.stages.acceptance.results import (
    acceptance_receipts,
    honour_repeat,
    new_deliveries,
    reopen_failed,
    with_skew,
)
from edxml_router.stages.acceptance.submission import Candidate, Ruling
from edxml_router.stages.node import Node
from edxml_router.stages.outcomes.receipts import answer_neighbours, answer_questions
from edxml_router.stages.rules import Rules
from edxml_router.stages.rulesets.keeping import rules_named

Troubles = Mapping[int, Trouble]  # by place in the batch

_PAIR = attrgetter("digest", "recipient")


@dataclass(frozen=True, slots=True)
class Decision:
    """What acceptance writes, and the answer to each submission, in the order of arrival."""

    rulings: Sequence[Ruling]
    rows: Sequence[EnvelopeRow]  # of the envelopes that are new
    bodies: Mapping[str, Body]  # theirs, by digest
    deliveries: Sequence[NewDelivery]
    moves: Sequence[Move]
    receipts: Sequence[tuple[Route, Receipt]]  # about what is new, or was read and refused
    repeats: Sequence[tuple[Route, Receipt]]  # about what was known, and what brought nothing that could be read
    waiting: frozenset[str]  # names of submissions given back to wait for their document
    waited: frozenset[str]  # names of those that have waited


class Overtaken(Exception):  # noqa: N818  # an event, not a mistake
    """Another worker has accepted one of these between our reading and our writing."""


def decide(here: str, rules: Rules, judged: Sequence[Candidate], facts: Facts, now: datetime) -> Decision:
    """Decide a whole batch, from the arguments alone."""
    troubles: dict[int, Trouble] = {place: item.trouble for place, item in enumerate(judged) if item.trouble}
    troubles |= _over_quota(rules, judged, troubles, facts)
    early = order.early(judged, troubles, facts)
    troubles |= early
    troubles |= _conflicts(judged, troubles, facts)
    fit = [item for place, item in enumerate(judged) if place not in troubles]
    rows: dict[str, EnvelopeRow] = {}
    for item in fit:
        if item.row is not None:
            rows.setdefault(item.digest, with_skew(item.row, facts))
    rows = order.chained(rows, facts.chains)
    fresh = [item for item in fit if item.digest not in facts.known]
    repeats = [item for item in fit if item.digest in facts.known]
    chains = {digest: (facts.known.get(digest) or row).chains or row.chains for digest, row in rows.items()}
    # In the order of arrival, which the numbers preserve. Further recipients of known envelopes come sorted: two
    # writers that insert in different orders could deadlock.
    more = [
        row
        for item in repeats
        for row in new_deliveries(rules, item, now, chains)
        if _PAIR(row) not in facts.standing
    ]
    deliveries = [
        *sorted(more, key=_PAIR),
        *(row for item in fresh for row in new_deliveries(rules, item, now, chains)),
    ]
    moves = list(reopen_failed(rules, facts, repeats, now))
    rulings = [_ruling(item, troubles.get(place), facts, more) for place, item in enumerate(judged)]
    changed = {_PAIR(row) for row in deliveries} | {_PAIR(move.delivery) for move in moves}
    # Of a repeat, too, where it gives the letter something to do: its body may have been removed on purpose.
    travelling = {item.digest for item in fresh} | {digest for digest, _ in changed}
    cheap = {item.digest for item in judged if item.digest in facts.known or item.examined is None}
    answers: dict[bool, list[tuple[Route, Receipt]]] = {False: [], True: []}
    for origin, told in acceptance_receipts(here, rules, rulings, facts, moves, deliveries, now):
        is_repeat = told.envelope in cheap and (told.envelope, told.recipient) not in changed
        answers[is_repeat].append((origin, told))
    return Decision(
        rulings=rulings,
        rows=[row for digest, row in rows.items() if digest not in facts.known],
        bodies={item.digest: item.submission.data for item in (*fresh, *repeats) if item.digest in travelling},
        deliveries=deliveries,
        moves=moves,
        receipts=answers[False],
        repeats=answers[True],
        waiting=frozenset(order.name(judged[place]) for place in early),
        waited=facts.waited & {order.name(each.item) for each in rulings if not each.passing},
    )


def write_decision(node: Node, book: Book, decision: Decision, now: datetime) -> None:
    """Write the decision, each table once. Raises Overtaken where the facts no longer hold, and Setback."""
    recipients: dict[str, list[str]] = {row.digest: [] for row in decision.rows}
    for one in decision.deliveries:
        if one.digest in recipients:
            recipients[one.digest].append(one.recipient)
    named = rules_named(node)
    grounds = Grounds(recipients, named)
    if book.envelopes.add(decision.rows, grounds) != {row.digest for row in decision.rows}:
        raise Overtaken
    book.bodies.add(decision.bodies)
    book.deliveries.add(decision.deliveries)
    book.deliveries.move(decision.moves)
    # Those that are sent with the letters say that a delivery goes on; what says more is signed first, by report.
    node.left |= any(one.outcome in ENDS for _, one in (*decision.receipts, *decision.repeats))
    answer_neighbours(node, book, decision.receipts, now)
    answer_questions(node, book, decision.repeats, now)
    refused = [ruling for ruling in decision.rulings if ruling.refused]
    items = [(quarantined_item(ruling, now), refusal_entry(ruling, now, named)) for ruling in refused]
    quarantine_items(node, book, items)


def _over_quota(rules: Rules, judged: Sequence[Candidate], troubles: Troubles, facts: Facts) -> dict[int, Trouble]:
    """The submissions beyond their peer's quota for the last minute."""
    used = {peer: list(brought) for peer, brought in facts.brought.items()}
    found: dict[int, Trouble] = {}
    for place, item in enumerate(judged):
        peer = item.submission.peer
        if place in troubles or peer not in used:
            continue
        quota = rules.peers[peer].quota
        limits = (quota.messages, quota.bytes, quota.recipients)
        asked = (1, len(item.submission.data), len(item.routes))
        over = [most for most, so_far, more in zip(limits, used[peer], asked, strict=True) if 0 < most < so_far + more]
        if over and any(used[peer]):  # a single large one must get through at some point
            found[place] = Setback("EDX406", where=peer, detail=Detail("at most {most} a minute", most=over[0]))
        else:
            used[peer] = [so_far + more for so_far, more in zip(used[peer], asked, strict=True)]
    return found


def _conflicts(judged: Sequence[Candidate], troubles: Troubles, facts: Facts) -> dict[int, Trouble]:
    """The submissions whose identity belongs to other bytes; within a batch the first one stands."""
    holders = dict(facts.holders)
    found: dict[int, Trouble] = {}
    for place, item in enumerate(judged):
        row = item.row
        if place in troubles or row is None or item.digest in facts.known:
            continue
        if holders.setdefault(row.identity, item.digest) != item.digest:
            found[place] = Refusal("EDX404", where="DocumentId", detail=row.document_id)
    return found


def _ruling(item: Candidate, trouble: Trouble | None, facts: Facts, more: Sequence[NewDelivery]) -> Ruling:
    """The outcome of one submission; no other place decides it."""
    if trouble is not None:
        return honour_repeat(item, trouble, facts) or Ruling(item, trouble)
    if item.digest not in facts.known:
        return Ruling(item, routes=item.routes)
    standing = {recipient: one.state for (digest, recipient), one in facts.standing.items() if digest == item.digest}
    queued = {row.recipient: State.QUEUED for row in more if row.digest == item.digest}
    return Ruling(item, repeated=True, routes=item.routes, standing=standing | queued)
