"""The journey of an envelope through a node: accept, forward, deliver, settle.

    bytes ─▶ accept ─▶ one transaction: envelope, body, a delivery per recipient ─▶ the channel is acknowledged
                                      │
              forward: due deliveries, one copy of the body per link ─▶ the next node
              deliver: recipients served here ─▶ inbox ─▶ (pushed, where attached) ─▶ the recipient's system
                                      │
              settle: receipts from further on ─▶ our deliveries ─▶ report: receipts towards the sender

Every stage works on a batch and commits once; each commit point says what a crash leaves on either side. The rules are
a snapshot (:mod:`edxml_router.stages.rules`), and the outside world is behind :mod:`edxml_router.ports`. A stage raises
only Setback, when the store is away: then nothing was committed and the stage is simply called again.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from edxml_router.core.delivery.lifecycle import Event
from edxml_router.core.delivery.moves import change
from edxml_router.core.delivery.values import Delivery, Move
from edxml_router.core.detail import Detail
from edxml_router.core.faults import machine_fault, mistake
from edxml_router.core.link.credentials import UNPROVEN
from edxml_router.core.link.manifest import LIST_LIMIT
from edxml_router.core.link.proving import Chains
from edxml_router.core.link.route import Route
from edxml_router.core.link.wire import Receipt
from edxml_router.core.problems import Defect, Finding, Refusal, Setback, Trouble
from edxml_router.ports.transport import Parcel
from edxml_router.stages import clocks
from edxml_router.stages.acceptance.admission import (
    address_transfer,
    admit,
    authorise,
    not_back,
    routes_of,
    same_sender,
    sender_of,
    under_way,
)
from edxml_router.stages.acceptance.decision import Decision, Overtaken, decide, write_decision
from edxml_router.stages.acceptance.draining import refuse_when_draining
from edxml_router.stages.acceptance.examination import examine
from edxml_router.stages.acceptance.facts import gather
from edxml_router.stages.acceptance.results import envelope_row
from edxml_router.stages.acceptance.submission import Acceptance, Candidate, Submission, postponed
from edxml_router.stages.forwarding import halting, room, sending
from edxml_router.stages.forwarding.bodiless import bodiless
from edxml_router.stages.forwarding.dispatch import Groups, plan, portions, shares_of, transfer_parcels
from edxml_router.stages.forwarding.taking import RECEIPTS, LeasedWork, take_due
from edxml_router.stages.forwarding.windows import Sending
from edxml_router.stages.mending import DAMAGED
from edxml_router.stages.node import Link, Node
from edxml_router.stages.offices.notices import report_messages
from edxml_router.stages.outcomes import evidence, signing
from edxml_router.stages.outcomes.receipts import final_receipts, withdrawals
from edxml_router.stages.outcomes.settlement import expiry_move, late_entries, latest, sends_again, settlement
from edxml_router.stages.rules import Rules
from edxml_router.stages.rulesets.keeping import keep_rules

# --- accept ------------------------------------------------------------------------------------------


def accept(node: Node, submissions: Sequence[Submission], *, at_once: bool = False) -> list[Acceptance]:
    """Take responsibility for envelopes, or say why not: one answer each, in order. With ``at_once`` the same
    transaction also leases them to this process, which sends them with :func:`pass_on`.

    Whatever was accepted is committed when this returns. A crash before the commit leaves nothing, or an unreferenced
    file. After a crash between the commit and the answer the peer repeats the submission and gets the same answer. A
    bad submission never fails its batch-mates.
    """
    now = node.now()
    judged = node.judging(clocks.careful(node, judge, now), submissions, node.rules.limits.judging_time)
    try:
        node.bodies.stage({item.digest: item.submission.data for item in judged if item.fit})
        decision = record(node, judged, now, at_once=at_once)
    except Setback as setback:
        # Nothing was committed, not even the refusals: all of them come again.
        return [postponed(item, setback.finding) for item in judged]
    except Exception as error:  # a defect of ours, met while recording: find the submission that provokes it
        if fault := machine_fault(error):
            return [postponed(item, fault.finding) for item in judged]
        if at_once:
            return accept(node, submissions)  # the cause may be other due work, not these submissions
        if len(submissions) > 1:
            return [answer for submission in submissions for answer in accept(node, [submission])]
        if isinstance(judged[0].trouble, Defect):
            raise  # it cannot even be quarantined: let the worker stop; the hub keeps the message
        defect = mistake(error, "record")
        decision = record(node, [replace(judged[0], trouble=defect)], now)
    return [ruling.answer() for ruling in decision.rulings]


def judge(rules: Rules, here: str, submission: Submission, now: datetime) -> Candidate:
    """Decide everything about a submission that needs no store. Never raises.

    ``examine`` parses safely, validates, verifies the signature, and reads only what was signed; then the rules decide:
    who the sender is, whether such an envelope is accepted at all, whether this peer and this signer may send it, and
    where it goes.
    """
    digest, examined = submission.data.digest, None
    try:
        peer = rules.peers.get(submission.peer)
        if peer is None:
            raise Refusal("EDX403", detail=submission.peer)
        trust = rules.trust.blocking(rules.bindings.blocked_keys(now))
        examined = examine(submission.data, rules.limits, trust, now, rules.engine)
        envelope, transfer = examined.envelope, submission.transfer
        admit(rules, submission, envelope, now)  # first: nothing of a state secret is kept, whatever else is wrong
        sender = sender_of(rules.registry, envelope, now, under_way(rules, transfer))
        same_sender(rules.registry, submission, envelope, sender)
        reason = authorise(rules, peer, examined.verdict, sender, now)
        unreachable: Mapping[str, Finding] = {}
        if transfer is None:
            routes = not_back(peer, routes_of(rules, examined, now, submission.chosen))
        else:
            routes, unreachable = address_transfer(rules, here, peer, transfer, examined)
        row = envelope_row(rules, here, submission, examined, sender, reason, now)
        return Candidate(submission, digest, examined, sender, row, routes, unreachable)
    except Trouble as trouble:
        return Candidate(submission, digest, examined, trouble=trouble)
    except Exception as error:  # noqa: BLE001  # a mistake of ours must not take the batch or the worker with it
        fault = machine_fault(error, "judge") or mistake(error, "judge")
        fault.__cause__ = error
        return Candidate(submission, digest, examined, trouble=fault)


def decline(node: Node, transfers: Sequence[tuple[Submission, Finding]]) -> list[Acceptance]:
    """Refuse transfers by their manifests alone. The neighbour learns at once that an envelope is too large for this
    node, instead of sending it again until its lifetime ends."""
    judged = [
        Candidate(one, one.transfer.envelope, trouble=Refusal(found.code, where=found.where, detail=found.detail))
        for one, found in transfers
        if one.transfer is not None
    ]
    return [ruling.answer() for ruling in record(node, judged, node.now()).rulings]


def record(node: Node, judged: Sequence[Candidate], now: datetime, *, at_once: bool = False) -> Decision:
    """The one transaction of acceptance: gather what the store knows, decide, write; and lease what may go now, if it
    is to be sent at once. Raises Setback.
    """
    keep_rules(node, now)
    while True:  # another worker was quicker; each round knows at least one envelope more, so this ends
        try:
            with node.ledger.book() as book:
                refuse_when_draining(book)
                decision = decide(node.name, node.rules, judged, gather(node, book, judged, now), now)
                write_decision(node, book, decision, now)
                taken = [take_due(node, book, decision.rows, decision.bodies, now)] if at_once else []
        except Overtaken:
            continue
        # Committed. A crash before this line leaves at most an unreferenced file. After it, a repeat is recognised, and
        # leased deliveries are due again when the lease ends.
        node.taken += taken
        node.let_wait(decision.waiting, decision.waited)
        return decision


# --- forward and deliver -----------------------------------------------------------------------------


def forward(node: Node) -> Sequence[Move]:
    """Send what is due, with one copy of the body per link, and deliver what is for here. Returns what was done, if
    anything.

    One commit leases the deliveries and another records the outcome, with the sending between them; large bodies go in
    portions, so that memory stays flat. After a crash behind the first commit the leases run out. After a crash behind
    the sending the transfer is repeated under the same id, and the next node recognises it. A delivery that was in hand
    at five crashes in a row is held (EDX623). An answer that a mailbox gives late is recorded in a later turn, and
    nothing is claimed for a mailbox that does not answer (:mod:`edxml_router.stages.forwarding.sending`).
    """
    now = node.now()
    applied = [*pass_on(node), *sending.record_answers(node, now)]
    node.left = False  # until somebody finds more
    away = sending.silent(node)
    closed = [place for place in away if place[0].is_link]  # an offer needs no hub
    with node.ledger.book() as book:
        sending.rebind(node, book)
        sending.welcome(node, book, away, now)
        due = book.deliveries.claim(now, now + node.rules.delivery.lease, node.rules.delivery.batch, closed, LIST_LIMIT)
        rows = book.envelopes.known({delivery.digest for delivery in due})
        due = halting.let_pass(node, book, due, rows)
        noted = sending.note_silences(node, book, away, now)
    # Committed: these are ours until the leases end. A crash before leaves them due; after a crash here any worker may
    # claim them once the leases have ended.
    node.outgoing.silent, node.outgoing.noted, node.outgoing.bound = away, noted, node.rules.routes
    return [*applied, *hand_over(node, LeasedWork(now + node.rules.delivery.lease, due, rows, {}), now)]


def pass_on(node: Node) -> Sequence[Move]:
    """Send, from memory, what acceptance leased in its own transaction, and its receipts. Returns what was done.

    After a crash before or during the sending the leases run out, as with :func:`forward`.
    """
    applied: list[Move] = []
    while node.taken:
        taken, now = node.taken.pop(0), node.now()
        if now < taken.until:  # otherwise another worker may have it by now
            applied += hand_over(node, taken, now)
    return applied


def hand_over(node: Node, taken: LeasedWork, now: datetime) -> Sequence[Move]:
    """Plan where it goes, send it, and record the outcome; large bodies in portions, with one commit each."""
    if not taken.due and not taken.receipts:
        return ()
    rows, applied = taken.rows, list[Move]()
    # The plan: values in, values out, except for the room in the mailboxes, which only the store and the hubs know.
    planned = plan(node.rules, node.links.keys(), taken.due, rows, now, node.clock.chance)
    lying = room.measured(node, planned.groups, rows, now)
    planned = room.fitting(node.rules, planned, rows, lying, now, node.clock.chance)
    room.note_taken(node, planned.groups, rows)
    moves, receipts = list(planned.moves), taken.receipts
    for portion in portions(planned.groups, rows):
        sendings, decided = _sendings(node, portion, taken, now)
        # The letters first: the next node works on them while the receipts are signed and written.
        letters = sending.begin_letters(node, sendings)
        begun, unsigned = [], None
        try:
            begun = sending.send_receipts(node, _reports(node, node.links, receipts, {}), 0.0)
        except Setback as setback:  # the signing key is away: the outcome of the letters is recorded all the same
            unsigned = setback
        moves += [*decided, *sending.finish_letters(node, letters, now)]
        over, sent = sending.collect_taken(node, begun)
        with node.ledger.book() as book:
            done = book.deliveries.move(moves)
            if broken := {move.delivery.digest for move in done if move.code == DAMAGED}:
                book.damages.note(broken, now)  # and asked for
            ends = final_receipts(book, done)
            book.receipts.add(ends)
            book.receipts.sent(sent, now)
        # Committed. A crash before this line repeats what was sent, under the same names.
        sending.forget(node, over)
        applied += done
        node.left |= bool(ends) or any(move.event is Event.OFFER for move in done)
        if unsigned is not None:
            raise unsigned
        moves, receipts = [], ()
    return applied


def _sendings(
    node: Node, groups: Groups, taken: LeasedWork, now: datetime
) -> tuple[list[Sending[Delivery]], list[Move]]:
    """The messages to send for these groups, and the moves of the deliveries that are not sent."""
    wanted = {digest for _, digest, _, _ in groups}
    bodies = {**taken.bodies, **node.bodies.open(wanted - taken.bodies.keys())}
    sendings: list[Sending[Delivery]] = []
    moves: list[Move] = []
    for (route, digest, _, _), group in groups.items():
        row, link, body = taken.rows[digest], node.links.get(route), bodies.get(digest)
        if body is None:
            moves += bodiless(node, digest, group)
        elif route.is_office:
            moves += deliver(group, now)
        elif link is not None:
            for part in shares_of(link, group):
                parcels = transfer_parcels(link, row, part, body, node.rules.delivery.chunk_bytes, node.name, now)
                mailbox = link.mailbox_for(urgent=row.urgent)
                sendings.append(Sending(link.transport, mailbox, parcels, part))
    return sendings, moves


def deliver(group: Sequence[Delivery], now: datetime) -> list[Move]:
    """Put an envelope for recipients served here into their inbox, which is the delivery itself in state AVAILABLE.

    For an office attached to the hub it is put into the mailbox after that commit
    (:mod:`edxml_router.stages.offices.pushing`), so that even an immediate answer finds it offered.
    """
    return [change(one, Event.OFFER, due_at=now, attempts=1, route=one.route) for one in group]


# --- settle ------------------------------------------------------------------------------------------


def settle(node: Node, receipts: Sequence[tuple[str, Receipt]], chains: Chains | None = None) -> Sequence[Move]:
    """Apply what neighbours report, as (peer, receipt), and pass final outcomes on towards the sender; one commit.

    A receipt that is repeated, unmatched or of an earlier generation changes nothing and is journalled; those about no
    delivery of ours are journalled as a count. ``chains`` are the certificates of those who signed the outcomes. After
    a crash before the commit the hub redelivers the receipts.
    """
    now = node.now()
    with node.ledger.book() as book:
        standing = {
            (one.digest, one.recipient): one for one in book.deliveries.of({item.envelope for _, item in receipts})
        }
        again = {one.envelope for _, one in receipts if sends_again(one)}
        copies = book.mailboxes.copies(again & {digest for digest, _ in standing}) if again else {}
        moves, late = list[Move](), list[tuple[str, Receipt]]()
        came: dict[int, Receipt] = {}
        for peer, receipt in latest(receipts):
            delivery = standing.get((receipt.envelope, receipt.recipient))
            count = copies.get((receipt.envelope, receipt.recipient), 0)
            move = settlement(delivery, peer, receipt, node.rules, now, book.moved.found_before, count)
            move = evidence.rested(node.rules, move, receipt, peer, now) if move is not None else None
            if move is None:
                late.append((peer, receipt))
                continue
            moves.append(replace(move, hops=receipt.hops))
            came[move.delivery.id] = receipt
        applied = book.deliveries.move(moves)
        if len(applied) < len(moves):  # another worker changed a delivery between our read and our write
            raise Setback("EDX602", detail=Detail("deliveries changed meanwhile"))
        odd = late_entries(late, standing, now)
        book.journal.note_odd(odd, node.rules.limits.noted_hourly, node.rules.peers.keys())
        book.receipts.add(final_receipts(book, applied, came))
        evidence.keep(book, [*came.values(), *evidence.better(book, late, standing)], chains or {})
        room.made(node, book, applied, now)
    # Committed: only now are the messages acknowledged. After an earlier crash the hub redelivers them.
    return applied


def expire(node: Node) -> Sequence[Move]:
    """End deliveries whose lifetime is over, with a receipt towards the sender. Returns what ended. One commit.

    What the far side has committed, the far side expires. It ends here only when no receipt arrives within the grace
    period either, so that no sender waits for ever (P1). Nothing expires before every hub of this node has been read
    empty once since the start: after a long downtime the confirmation may still be lying there.
    """
    if not node.hubs_read():
        return ()
    now = node.now()
    with node.ledger.book() as book:
        over = book.deliveries.expired(now, now - node.rules.delivery.expiry_grace, node.rules.delivery.batch)
        unproven = book.quarantine.kept_of(UNPROVEN) if over else {}
        applied = book.deliveries.move([expiry_move(delivery, unproven, now) for delivery in over])
        book.receipts.add([*final_receipts(book, applied), *withdrawals(node, book, applied)])
    # Committed: the end and its notice together. A crash before this leaves neither.
    return applied


def report(node: Node) -> int:
    """Send receipts, batched per link, and notices and withdrawals to attached offices. Returns how many the hubs have
    taken.

    A hub that does not answer is left out until it does. After a crash between sending and recording they are sent
    again: applying a receipt twice changes nothing.
    """
    now = node.now()
    count = sending.record_told(node, now)
    links = dict(node.links) | {route.inbox: link for route, link in node.links.items() if route.is_office}
    busy = node.outgoing.receipts
    links = {
        to: one
        for to, one in links.items()
        if one.transport.silence(one.mailbox) is None and (id(one.transport), one.mailbox) not in busy
    }
    with node.ledger.book() as book:
        terms = node.rules.delivery
        waiting = book.receipts.unsent(now, now + terms.lease, RECEIPTS * terms.batch, list(links))
        named = {one.envelope for _, to, one in waiting if not (to.is_link and one.evidence.complete)}
        known = book.envelopes.known(named) if named else {}
        documents = {digest: row.document_id for digest, row in known.items()}
    waiting, chains = signing.signed(node, waiting, known, now)
    sending.send_receipts(node, _reports(node, links, waiting, documents, chains))
    return count + sending.record_told(node, node.now())


def _reports(
    node: Node,
    links: Mapping[Route, Link],
    waiting: Sequence[tuple[int, Route, Receipt]],
    documents: Mapping[str, str],
    chains: Chains | None = None,
) -> list[Sending[int]]:
    """The messages that carry these receipts."""
    told: dict[Route, list[tuple[int, Receipt]]] = defaultdict(list)
    for number, origin, receipt in waiting:
        told[origin].append((number, receipt))
    sendings: list[Sending[int]] = []
    for origin, receipts in told.items():
        link = links.get(origin)
        if link is None:
            continue  # the rules have changed since: a former neighbour is told nothing
        for message, numbers in report_messages(node, link, origin, receipts, documents, chains or {}):
            sendings.append(Sending(link.transport, link.mailbox, [Parcel(link.mailbox, message)], numbers))
    return sendings
