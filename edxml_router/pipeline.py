"""The journey of an envelope through a node: accept, forward, deliver, settle.

    bytes ─▶ accept ─▶ one transaction: envelope, body, a delivery per recipient ─▶ the channel is acknowledged
                                      │
              forward: due deliveries, one copy of the body per link ─▶ the next node
              deliver: recipients served here ─▶ inbox ─▶ (pushed, where attached) ─▶ the recipient's system
                                      │
              settle: receipts from further on ─▶ our deliveries ─▶ report: receipts towards the sender

Every stage works on a batch and commits once; what a crash leaves on either side of a commit is said there. The
rules are a snapshot (:mod:`edxml_router.stages.rules`), the outside is behind :mod:`edxml_router.ports`. A stage raises
only Setback, when the store is away: nothing of it was committed then, and it is simply called again.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime
from operator import attrgetter

from edxml_router.core.delivery.credentials import UNPROVEN
from edxml_router.core.delivery.lifecycle import Event
from edxml_router.core.delivery.manifest import LIST_LIMIT
from edxml_router.core.delivery.moves import change, inbox_of
from edxml_router.core.delivery.values import Delivery, EnvelopeRow, Move
from edxml_router.core.delivery.wire import Hop, Receipt
from edxml_router.core.faults import machine_fault
from edxml_router.core.problems import Defect, Finding, Refusal, Setback, Trouble
from edxml_router.ports.ledger import Book
from edxml_router.ports.transport import Parcel
from edxml_router.stages import clocks, order, room, sending
from edxml_router.stages.acceptance import (
    acceptance_receipts,
    envelope_row,
    let_stand,
    new_deliveries,
    put_off,
    reopenings,
)
from edxml_router.stages.admission import address, address_transfer, admit, authorise, sender_of, under_way
from edxml_router.stages.dispatch import (
    LAPSES,
    GroupKey,
    bind_routes,
    deferral,
    portions,
    returns,
    shares_of,
    transfer_parcels,
)
from edxml_router.stages.examination import digest_of, examine
from edxml_router.stages.node import Node
from edxml_router.stages.notices import report_messages
from edxml_router.stages.quarantine import aside, refusal_entry, set_aside
from edxml_router.stages.receipts import answer_neighbours, final_receipts, withdrawals
from edxml_router.stages.rules import Rules
from edxml_router.stages.settlement import expiry, late_entries, latest, sends_again, settlement
from edxml_router.stages.submission import Answer, Judged, Submission
from edxml_router.stages.windows import Sending

_PAIR = attrgetter("digest", "recipient")

# --- accept ------------------------------------------------------------------------------------------


def accept(node: Node, submissions: Sequence[Submission]) -> list[Answer]:
    """Take responsibility for envelopes, or say why not; one answer each, in order.

    When this returns, what was accepted is committed. A crash before leaves nothing, or an unreferenced file; a
    crash after and before the peer hears of it makes the peer repeat, and the repeat gets the same answer. One bad
    submission never fails its batch-mates.
    """
    now, rules = node.now(), node.rules
    judged = node.judging(clocks.careful(node, judge, now), submissions, rules.judging_time)
    try:
        node.bodies.stage({item.digest: item.submission.data for item in judged if item.fit})
        with node.ledger.book() as book:
            record(node, book, judged, now)
        # Committed. A crash before this line leaves at most a file that nothing refers to; after it a repeat is known.
    except Setback as setback:
        # Nothing was committed, refusals included: all of them come again.
        return [Answer(item.digest, passing=True, finding=setback.finding) for item in judged]
    except Exception as error:  # a mistake of ours, met while recording: find the one that provokes it
        if fault := machine_fault(error):
            return [Answer(item.digest, passing=True, finding=fault.finding) for item in judged]
        if len(submissions) > 1:
            return [answer for submission in submissions for answer in accept(node, [submission])]
        if isinstance(judged[0].trouble, Defect):
            raise  # not even keeping it aside works: let the worker stop, the hub keeps the message
        judged[0].trouble = Defect(f"{type(error).__name__} in record")
        with node.ledger.book() as book:
            record(node, book, judged, now)
    return [_answer(item) for item in judged]


def judge(rules: Rules, here: str, submission: Submission, now: datetime) -> Judged:
    """Everything that can be decided about a submission before the store is asked. Never raises.

    ``examine`` parses safely, validates, verifies the signature, and reads only what was signed; then come the
    questions that need the rules: who sends, is it a thing to take, may this peer and this signer, and where to.
    """
    item = Judged(submission, submission.digest or digest_of(submission.data))
    try:
        peer = rules.peers.get(submission.peer)
        if peer is None:
            raise Refusal("EDX403", detail=submission.peer)
        trust = rules.trust.blocking(rules.bindings.blocked_keys(now))
        item.examined = examine(submission.data, rules.limits, trust, now, rules.engine, digest=item.digest)
        envelope = item.examined.envelope
        admit(rules, submission, envelope, now)  # first: of a state secret nothing is kept, not even for a wrong code
        item.sender = sender_of(rules.registry, envelope, now, under_way(rules, submission.transfer))
        item.reason = authorise(rules, peer, item.examined.verdict, item.sender, now)
        if submission.transfer is None:
            item.routes = address(rules, item.examined, now)
        else:
            item.routes, item.unreachable = address_transfer(rules, here, peer, submission.transfer, item.examined)
    except Trouble as trouble:
        item.trouble = trouble
    except Exception as error:  # noqa: BLE001  # a mistake of ours must not take the batch or the worker with it
        item.trouble = machine_fault(error, "judge") or Defect(f"{type(error).__name__} in judge")
        item.trouble.__cause__ = error
    return item


def decline(node: Node, transfers: Sequence[tuple[Submission, Finding]]) -> list[Answer]:
    """Refuse transfers by their manifests alone, which are their data here: of what is too large for this node the
    neighbour hears at once, instead of sending it again until its lifetime ends."""
    judged = [
        Judged(one, one.transfer.envelope, trouble=Refusal(found.code, where=found.where, detail=found.detail))
        for one, found in transfers
        if one.transfer is not None
    ]
    with node.ledger.book() as book:
        record(node, book, judged, node.now())
    return [_answer(item) for item in judged]


def record(node: Node, book: Book, judged: Sequence[Judged], now: datetime) -> None:
    """The one transaction of acceptance; decides what only the store can tell: new, repeated, or conflicting."""
    put_off(node, book, judged, now)
    order.wait(node, book, judged)
    rows: dict[str, EnvelopeRow] = {}
    holders: dict[str, str] = {}  # identity → digest, in the order of arrival: the first of a batch stands
    for item in judged:
        if item.fit:
            row = envelope_row(node, item, now)
            if holders.setdefault(row.identity, item.digest) == item.digest:
                rows[item.digest] = row
            else:
                item.trouble = _conflict(row)
    rows = order.chained(book, rows)
    inserted = book.add_envelopes(list(rows.values()))
    known = book.envelopes(rows.keys() - inserted)
    for item in judged:
        if item.fit and item.digest not in inserted:
            item.repeated = True
            if item.digest not in known:  # not inserted, yet not known: other bytes have this identity
                item.trouble = _conflict(rows[item.digest])
    fit = [item for item in judged if item.fit]
    book.add_bodies({item.digest: item.submission.data for item in fit if not item.repeated})
    # In the order of arrival, which their numbers keep; more recipients of what is known sorted, for the ledger's sake.
    repeats = [item for item in fit if item.repeated]
    fresh = [item for item in fit if not item.repeated]
    chains = {digest: known.get(digest, row).chains or row.chains for digest, row in rows.items()}
    book.add_deliveries(
        [
            *sorted((row for item in repeats for row in new_deliveries(node, item, now, chains)), key=_PAIR),
            *(row for item in fresh for row in new_deliveries(node, item, now, chains)),
        ]
    )
    repeated = {item.digest: item for item in fit if item.repeated}
    if repeated:
        standing = book.deliveries(repeated)
        for item in fit:
            if item.repeated:
                item.standing = {one.recipient: one.state for one in standing if one.digest == item.digest}
        book.move(list(reopenings(node, standing, repeated, now)))
    answer_neighbours(node, book, acceptance_receipts(node, book, judged, now), now)
    let_stand(book, judged)
    refused = [item for item in judged if item.trouble and not isinstance(item.trouble, Setback)]
    set_aside(node, book, [(aside(item, now), refusal_entry(item, now)) for item in refused])


def _conflict(row: EnvelopeRow) -> Refusal:
    return Refusal("EDX404", where="DocumentId", detail=row.document_id)


def _answer(item: Judged) -> Answer:
    examined = item.examined
    return Answer(
        digest=item.digest,
        accepted=item.fit,
        repeated=item.fit and item.repeated,
        passing=isinstance(item.trouble, Setback),
        finding=item.trouble.finding if item.trouble else None,
        envelope=examined.envelope if examined else None,
        verdict=examined.verdict if examined else None,
        remarks=examined.remarks if examined else (),
        recipients=tuple(item.routes) if item.fit else (),
        standing=item.standing if item.fit else {},
    )


# --- forward and deliver -----------------------------------------------------------------------------


def forward(node: Node) -> Sequence[Move]:
    """Send what is due, one copy of the body per link, and deliver what is for here; what was done, if anything.

    One commit takes the deliveries, one records what became of them, with the sending between; large bodies go in
    portions, so that memory stays flat. A crash after the first leaves leases that run out; a crash after sending
    repeats the transfer under the same id, and the next node recognises it. What was in hand at five crashes in a row
    is held (EDX623). What a hub has not answered in time is recorded in a later turn, and nothing is taken for a hub
    that does not answer (:mod:`edxml_router.stages.sending`).
    """
    now = node.now()
    applied = list(sending.answered(node, now))
    away = sending.silent(node)
    with node.ledger.book() as book:
        sending.rebind(node, book)
        sending.welcome(node, book, away, now)
        due = book.claim(now, now + node.rules.timing.lease, node.rules.batch, away, LIST_LIMIT)
        rows = book.envelopes({delivery.digest for delivery in due})
    # Committed: these are ours until the leases end. A crash before leaves them due, one after to whoever comes then.
    node.outgoing.silent, node.outgoing.bound = away, node.rules.routes
    if not due:
        return tuple(applied)
    spent = [one for one in due if one.lapses >= LAPSES]
    moves, groups = bind_routes(node.rules, [one for one in due if one.lapses < LAPSES], now)
    moves += [change(one, Event.HOLD, code="EDX623", detail=f"{one.lapses} attempts") for one in spent]
    over, groups = returns(groups, rows, now)
    moves += over
    full, groups = room.fitting(node, groups, rows, now)
    moves += full
    for portion in portions(groups, rows):
        moves += sending.send(node, _sendings(node, portion, rows, moves, now), now)
        with node.ledger.book() as book:
            done = book.move(moves)
            book.add_receipts(final_receipts(book, done))
        # Committed. A crash before this line repeats what was sent, under the same names.
        applied += done
        moves = []
    return applied


def _sendings(
    node: Node,
    groups: Mapping[GroupKey, list[Delivery]],
    rows: Mapping[str, EnvelopeRow],
    moves: list[Move],
    now: datetime,
) -> list[Sending[Delivery]]:
    """What there is to send for these groups; what cannot be sent at all is added to ``moves``."""
    bodies = node.bodies.open({digest for _, digest, _, there in groups if not there})
    sendings: list[Sending[Delivery]] = []
    for (route, digest, _, there), group in groups.items():
        row, link, body = rows[digest], node.links.get(route), bodies.get(digest)
        if link is None and route.startswith("link:"):  # first: nothing is wrong with the body
            moves += [deferral(node, one, Finding("EDX509", detail=route), now) for one in group]
        elif there:  # it is asked about instead (edxml_router.stages.inquiring), whoever wanted it sent
            moves += [change(one, Event.HAND_OVER, due_at=now, route=route) for one in group]
        elif body is None:
            moves += [change(one, Event.HOLD, code="EDX603", detail="body damaged or missing") for one in group]
        elif route.startswith("office:"):
            moves += deliver(group, now)
        elif link is not None:
            for part in shares_of(link, group):
                parcels = transfer_parcels(link, row, part, body, node.rules.chunk_bytes, node.name, now)
                sendings.append(Sending(link.transport, parcels, part))
    return sendings


def deliver(group: Sequence[Delivery], now: datetime) -> list[Move]:
    """An envelope for recipients served here goes into their inbox, which is the delivery itself, once AVAILABLE.

    Into the mailbox of an office attached to the hub it is laid after that commit
    (:mod:`edxml_router.stages.pushing`), so that an answer that comes at once finds it offered.
    """
    return [change(one, Event.OFFER, due_at=now, attempts=1, route=one.route) for one in group]


# --- settle ------------------------------------------------------------------------------------------


def settle(node: Node, receipts: Sequence[tuple[str, Receipt]]) -> Sequence[Move]:
    """Apply what neighbours report, (peer, receipt) each, and pass ends on towards the sender; one commit.

    A receipt of an earlier generation, a repeated or an unmatched one changes nothing and is journalled, those about
    no delivery of ours as a number. A crash before the commit makes the hub bring the receipts again.
    """
    now = node.now()
    with node.ledger.book() as book:
        standing = {
            (one.digest, one.recipient): one for one in book.deliveries({item.envelope for _, item in receipts})
        }
        again = {one.envelope for _, one in receipts if sends_again(one)}
        copies = book.copies(again & {digest for digest, _ in standing}) if again else {}
        moves, late = list[Move](), list[tuple[str, Receipt]]()
        trails: dict[int, tuple[Hop, ...]] = {}
        for peer, receipt in latest(receipts):
            delivery = standing.get((receipt.envelope, receipt.recipient))
            count = copies.get((receipt.envelope, receipt.recipient), 0)
            move = settlement(delivery, peer, receipt, node.rules, now, book.found_before, count)
            if move is None:
                late.append((peer, receipt))
                continue
            moves.append(move)
            trails[move.delivery.id] = receipt.hops
        applied = book.move(moves)
        if len(applied) < len(moves):  # somebody changed a delivery between our read and our write
            raise Setback("EDX602", detail="deliveries changed meanwhile")
        book.note_odd(late_entries(late, standing, now), node.rules.noted_hourly, node.rules.peers.keys())
        book.add_receipts(final_receipts(book, applied, trails))
        room.made(node, book, applied, now)
    # Committed: only now are the messages acknowledged. A crash before makes the hub bring them again.
    return applied


def expire(node: Node) -> Sequence[Move]:
    """End deliveries whose lifetime is over, with a receipt towards the sender; what ended. One commit.

    What the far side has committed is the far side's to expire; only when its receipt stays away for the grace as
    well does it end here, so that no sender waits for ever (P1). Nothing ends before every hub that this node reads
    has been read empty once since the start: after a long rest the confirmation of what is over may lie there.
    """
    if not node.hubs_read():
        return ()
    now = node.now()
    with node.ledger.book() as book:
        over = book.expired(now, now - node.rules.timing.expiry_grace, node.rules.batch)
        unproven = book.kept_of(UNPROVEN) if over else {}
        applied = book.move([expiry(delivery, unproven, now) for delivery in over])
        book.add_receipts([*final_receipts(book, applied), *withdrawals(node, book, applied)])
    # Committed, the end with its notice. A crash before leaves both undone.
    return applied


def report(node: Node) -> int:
    """Send receipts, batched per link, and to attached offices notices and withdrawals; how many hubs have taken.

    A hub that does not answer is left out until it does. A crash after sending, before the record, sends them again:
    applying a receipt twice changes nothing.
    """
    now = node.now()
    count = sending.told(node, now)
    links = dict(node.links) | {inbox_of(route): link for route, link in node.links.items() if route[:7] == "office:"}
    busy = node.outgoing.receipts
    links = {to: one for to, one in links.items() if one.transport.answering and id(one.transport) not in busy}
    with node.ledger.book() as book:
        waiting = book.unsent_receipts(now, now + node.rules.timing.lease, 10 * node.rules.batch, list(links))
        offices = {receipt.envelope for _, origin, receipt in waiting if not origin.startswith("link:")}
        documents = {digest: row.document_id for digest, row in book.envelopes(offices).items()} if offices else {}
    told: dict[str, list[tuple[int, Receipt]]] = defaultdict(list)
    for number, origin, receipt in waiting:
        told[origin].append((number, receipt))
    sendings: list[Sending[int]] = []
    for origin, receipts in told.items():
        link = links[origin]
        for message, numbers in report_messages(node, link, origin, receipts, documents):
            sendings.append(Sending(link.transport, [Parcel(link.mailbox, message)], numbers))
    sending.tell(node, sendings)
    return count + sending.told(node, node.now())
