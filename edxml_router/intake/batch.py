"""Messages from a hub's mailboxes: the only place where the kind of a message decides what happens.

Offices submit, confirm and return; neighbours transfer, send chunks and receipts, and inquire. Anything else, from
anybody else (see :mod:`~edxml_router.intake.speakers`), is quarantined for the operator. A message is acknowledged
after its effect is committed, and given back when that is not possible now. After a crash the hub redelivers it.

Neighbours may be hostile. What they send costs no more than its own bytes, is never given back for their sake (it would
come again ahead of everybody else's mail), and reveals nothing about others' mail.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, fields, replace
from typing import TypeVar

from edxml_router import pipeline
from edxml_router.core.body import MemoryBody
from edxml_router.core.delivery.values import Move
from edxml_router.core.detail import Detail
from edxml_router.core.faults import machine_fault, mistake
from edxml_router.core.link import chunked, skew
from edxml_router.core.link.proving import chains_of
from edxml_router.core.link.route import Route
from edxml_router.core.link.wire import (
    Receipt,
    ReceiptOutcome,
    decode_chunk,
    decode_inquiry,
    decode_objection,
    decode_receipts,
    decode_transfer,
    read_letter_name,
)
from edxml_router.core.problems import Finding, Refusal, Setback
from edxml_router.intake import answering, apart, mending, reports, speakers, submissions, witnessing
from edxml_router.intake.settling import acknowledge
from edxml_router.intake.wholes import Wholes, Withheld, whole_of
from edxml_router.ports.transport import Arrival, Transport
from edxml_router.stages import clocks
from edxml_router.stages.acceptance.submission import Acceptance, Submission
from edxml_router.stages.node import Node
from edxml_router.stages.offices import inbox
from edxml_router.stages.outcomes import evidence, recovery
from edxml_router.stages.outcomes.receipts import answer_questions, state_receipt

T = TypeVar("T")

_HELD = 50  # messages of a neighbour over its quota that one batch gives back more than once
_BEGINNING = 1000  # bytes
_SENT_ON = ("chunk", "transfer", "submit", chunked.FROM_OFFICE)  # what these bring is sent on from memory
_BEGUN = 4  # bodies of the largest size that a neighbour may have begun in chunks


@dataclass(slots=True)
class BatchResult:
    """The result of a batch: the answers of acceptance, the deliveries that receipts moved, and what to give back.

    ``spent`` are envelopes whose chunks can go once the transfer is acknowledged, and not before: a redelivered
    transfer would wait for them in vain.
    """

    answers: list[Acceptance] = field(default_factory=list)
    moves: list[Move] = field(default_factory=list)
    back: list[Arrival] = field(default_factory=list)
    spent: list[tuple[str, str]] = field(default_factory=list)  # (peer, digest)
    setbacks: list[Finding] = field(default_factory=list)  # why messages without an answer of their own come again
    alarms: list[tuple[str, Finding | None]] = field(default_factory=list)  # (peer, what is wrong now with receipts)
    logs: list[tuple[str, Finding]] = field(default_factory=list)  # (peer, what is wrong with its journal, or ours)
    clocks: list[tuple[str, Finding | None]] = field(default_factory=list)  # (peer, how its clock differs from ours)
    odd: list[tuple[Arrival, Finding]] = field(default_factory=list)  # what was quarantined, and why
    doubts: list[evidence.Doubt] = field(default_factory=list)  # what neighbours showed as proofs and is none

    def add(self, other: BatchResult) -> None:
        for each in fields(self):
            getattr(self, each.name).extend(getattr(other, each.name))


def receive(node: Node, transport: Transport, arrivals: Sequence[Arrival]) -> BatchResult:
    """Deal with one hub's arrivals; each is acknowledged or given back. What was accepted is sent on first, since the
    next node waits for it and nobody waits for an acknowledgement."""
    by_kind: dict[str, list[Arrival]] = defaultdict(list)
    for arrival in arrivals:
        by_kind[speakers.kind(node, arrival)].append(arrival)
    total = BatchResult()
    # Chunks first: a transfer in the same batch may need them.
    for kind, handle in _HANDLERS.items():
        if not (batch := by_kind.pop(kind, [])):
            continue
        handled = _handle(node, handle, batch)
        node.left |= kind not in _SENT_ON
        try:
            handled.moves += pipeline.pass_on(node)
        except Setback as setback:  # what was accepted is committed; it is due again when its leases end
            handled.setbacks.append(setback.finding)
        # After a crash before this line the hub redelivers the batch, and what was committed is recognised.
        acknowledge(node, transport, batch, handled.back, handled.setbacks, handled.answers)
        with suppress(Setback):  # the sweep removes them later
            for peer, digest in handled.spent:
                node.bodies.drop_chunks(peer, digest)
        total.add(handled)
    return total


def abandon(node: Node, transport: Transport, arrival: Arrival, deaths: int, *, whole: bool) -> BatchResult:
    """Quarantine, unread, a message that has ended too many workers; only its beginning, unless ``whole``."""
    body = arrival.message.body if whole else arrival.message.body[:_BEGINNING]
    kept = replace(arrival, message=replace(arrival.message, body=body))
    finding = Finding("EDX623", arrival.message.kind, Detail("{count} attempts", count=deaths))
    handled = _unread(node, arrival, finding, kept)
    acknowledge(node, transport, [arrival], handled.back, handled.setbacks, ())
    return handled


def _handle(node: Node, handle: Handler, batch: list[Arrival]) -> BatchResult:
    """Deal with messages of one kind. One that provokes a defect of ours is quarantined: it must not come again and end
    every worker that takes it."""
    try:
        handled = handle(node, batch)
        apart.quarantine(node, handled.odd)
        return handled
    except Setback as setback:
        return BatchResult(back=batch, setbacks=[setback.finding])
    except Exception as error:  # noqa: BLE001  # whatever it is: the worker and the other messages go on
        if fault := machine_fault(error, handle.__name__.strip("_")):
            return BatchResult(back=batch, setbacks=[fault.finding])
        if len(batch) == 1:
            return _unread(node, batch[0], mistake(error, handle.__name__.strip("_")).finding)
        total = BatchResult()
        for arrival in batch:
            total.add(_handle(node, handle, [arrival]))
        return total


def _unread(node: Node, arrival: Arrival, finding: Finding, kept: Arrival | None = None) -> BatchResult:
    """Quarantine what could not be dealt with, and tell the office that sent it, which would otherwise wait for its
    verdict for ever. What cannot be written or told now comes again."""
    try:
        apart.quarantine(node, [(kept or arrival, finding)])
        return BatchResult(back=answering.tell_unread(node, arrival, finding), odd=[(arrival, finding)])
    except Setback as setback:
        return BatchResult(back=[arrival], setbacks=[setback.finding])


Handler = Callable[[Node, Sequence[Arrival]], BatchResult]


def _chunks(node: Node, batch: Sequence[Arrival]) -> BatchResult:
    most = node.rules.limits.max_bytes
    odd: list[tuple[Arrival, Finding]] = []
    for arrival, (chunk, piece) in _readable(batch, decode_chunk, odd):
        if chunk.size > most or chunk.count > chunk.size:
            odd.append((_manifest_only(arrival), Finding("EDX102", "size", str(chunk.size))))
        elif not node.bodies.keep_chunk(arrival.peer, chunk, piece, _BEGUN * most):
            # Its transfer gets no receipt, so the neighbour sends both again.
            detail = Detail("bodies begun and not completed: {size} bytes", size=_BEGUN * most)
            odd.append((_manifest_only(arrival), Finding("EDX406", arrival.peer, detail)))
    return BatchResult(back=_tell_offices(node, odd), odd=odd)


def _tell_offices(node: Node, odd: Sequence[tuple[Arrival, Finding]]) -> list[Arrival]:
    """Answer the offices among the senders, so many times in a minute; what could not be told comes again."""
    now = node.now()
    offices = [(one, found) for one, found in odd if Route.office(one.peer) in node.links]
    return answering.tell(node, [(one, found) for one, found in offices if node.telling.allows(one.peer, now)])


def _manifest_only(arrival: Arrival) -> Arrival:
    """Only the manifest line: megabytes of refused mail must not fill the quarantine."""
    line = arrival.message.body.partition(b"\n")[0]
    return replace(arrival, message=replace(arrival.message, body=line))


def _transfers(node: Node, batch: Sequence[Arrival]) -> BatchResult:
    waiting: list[Arrival] = []
    odd: list[tuple[Arrival, Finding]] = []
    ready: list[tuple[Arrival, Submission]] = []
    wholes: Wholes = {}  # assembled once, however often it is named
    most = node.rules.limits.max_bytes
    over: list[tuple[Submission, Finding]] = []
    decoded = list(_readable(batch, decode_transfer, odd))
    differing = [alarm for one, (transfer, _) in decoded for alarm in clocks.transferred(node, one.peer, transfer)]
    for arrival, (transfer, body) in decoded:
        if transfer.chunks and transfer.size > most:
            line = _manifest_only(arrival).message.body
            found = Finding("EDX102", "size", Detail("{size} bytes, at most {most}", size=transfer.size, most=most))
            over.append((Submission(MemoryBody(line), arrival.peer, "link", transfer), found))
        elif transfer.chunks:
            try:
                whole = whole_of(node, arrival.peer, transfer, wholes)
            except Withheld:
                continue  # it is sent again, and answered then
            if whole is None:
                if node.has_waited(f"{arrival.peer} {transfer.id}", again=arrival.redelivered):  # it is sent anew
                    odd.append((arrival, Finding("EDX708", transfer.id, Detail("{n} pieces", n=transfer.chunks))))
                else:
                    waiting.append(arrival)  # its chunks are on their way, perhaps through another worker
                continue
            ready.append((arrival, Submission(whole, arrival.peer, "link", transfer)))
        else:
            ready.append((arrival, Submission(MemoryBody(body), arrival.peer, "link", transfer)))
    try:
        declined = pipeline.decline(node, over) if over else []
        answers = pipeline.accept(node, [submission for _, submission in ready], at_once=True) if ready else []
    finally:
        for whole in wholes.values():
            if whole is not None:
                whole.discard()
    back, let_go = _put_off(node, ready, answers)
    unfinished = {answer.digest for answer in answers if answer.passing}
    spent = [
        (arrival.peer, submission.transfer.envelope)
        for arrival, submission in ready
        if submission.transfer and submission.transfer.chunks and submission.transfer.envelope not in unfinished
    ]
    return BatchResult([*declined, *answers], back=waiting + back, spent=spent, clocks=differing, odd=odd + let_go)


def _put_off(
    node: Node, ready: Sequence[tuple[Arrival, Submission]], answers: Sequence[Acceptance]
) -> tuple[list[Arrival], list[tuple[Arrival, Finding]]]:
    """Decide what is given back to come again soon, and what is dropped. What a neighbour sends far beyond its quota
    (EDX406) would take up everybody else's room, so it is dropped: without a receipt it is sent again later. The same
    goes for what only one of two clocks accepts; it is sent again with a new date."""
    back: list[Arrival] = []
    let_go: list[tuple[Arrival, Finding]] = []
    held: Counter[str] = Counter()
    for (arrival, _), answer in zip(ready, answers, strict=True):
        if not answer.passing:
            continue
        if answer.finding is not None and clocks.puts_off(answer.finding.code):
            clocks.show_time(node, arrival.peer)
            if answer.finding.code == skew.CODE:
                continue
        if answer.finding is not None and answer.finding.code == "EDX406":
            held[arrival.peer] += 1
            if arrival.redelivered and held[arrival.peer] > _HELD:
                let_go.append((_manifest_only(arrival), answer.finding))
                continue
        back.append(arrival)
    return back, let_go


def _submissions(node: Node, batch: Sequence[Arrival]) -> BatchResult:
    """Accept envelopes of offices."""
    answers, back, _ = submissions.whole(node, batch)
    return BatchResult(answers, back=back)


def _chunked_submissions(node: Node, batch: Sequence[Arrival]) -> BatchResult:
    """Accept envelopes of offices that came in chunks."""
    answers, back, spent = submissions.chunked(node, batch)
    return BatchResult(answers, back=back, spent=spent)


def _receipts(node: Node, batch: Sequence[Arrival]) -> BatchResult:
    """Settle the outcomes that neighbours report. Unproven receipts are kept whole, since they may count later."""
    counted: list[tuple[str, Receipt]] = []
    chains: dict[str, Sequence[bytes]] = {}
    handled = BatchResult()
    for arrival, report in _readable(batch, decode_receipts, handled.odd):
        finding = reports.doubt(node, arrival.peer, report)
        if finding is not None:
            handled.odd.append((arrival, finding))
        else:
            judged, doubts = evidence.judged(node, arrival.peer, report)
            counted += [(arrival.peer, reports.placed(item, node.name)) for item in judged]
            chains |= chains_of(report.chains)
            handled.doubts += doubts
            handled.clocks += reports.dated(node, arrival.peer, report)
        if reports.object_to(node, arrival.peer, finding):
            handled.alarms.append((arrival.peer, finding))
    handled.moves += pipeline.settle(node, counted, chains) if counted else ()
    if handled.doubts:
        evidence.note_doubts(node, handled.doubts)
    return handled


def _clocks(node: Node, batch: Sequence[Arrival]) -> BatchResult:
    """Hear what neighbours say of our clock; the last word of each counts."""
    handled = BatchResult()
    said = {arrival.peer: word for arrival, word in _readable(batch, skew.decode_clock, handled.odd)}
    for peer, word in said.items():
        handled.clocks += clocks.hear_word(node, peer, word)
    return handled


def _objections(node: Node, batch: Sequence[Arrival]) -> BatchResult:
    """Hear what neighbours say of our receipts; the last word of each counts."""
    handled = BatchResult()
    read = _readable(batch, decode_objection, handled.odd)
    said = {arrival.peer: (arrival, objection) for arrival, objection in read}
    for peer, (arrival, objection) in said.items():
        kept = reports.objected(node, peer, objection)
        if kept is not None:
            finding, data = kept
            handled.odd.append((replace(arrival, message=replace(arrival.message, body=data)), finding))
        handled.alarms.append((peer, kept[0] if kept else None))
    return handled


def _inquiries(node: Node, batch: Sequence[Arrival]) -> BatchResult:
    handled = BatchResult()
    asked = list(_readable(batch, lambda data: (decode_inquiry(data), b""), handled.odd))
    now = node.now()
    with node.ledger.book() as book:
        about = {inquiry.envelope for _, (inquiry, _) in asked}
        standing = {(one.digest, one.recipient): one for one in book.deliveries.of(about)}
        rows = book.envelopes.known(about)
        answers = []
        for arrival, (inquiry, _) in asked:
            origin = Route.link(arrival.peer)
            for recipient in inquiry.recipients:
                one = standing.get((inquiry.envelope, recipient))
                if one is not None and one.origin == origin and one.generation >= inquiry.generation:
                    answers.append((origin, state_receipt(one, rows[one.digest])))
                else:
                    unknown = Receipt(inquiry.envelope, recipient, inquiry.generation, ReceiptOutcome.UNKNOWN, now)
                    answers.append((origin, unknown))
        answer_questions(node, book, answers, now)
    return handled


def _logs(node: Node, batch: Sequence[Arrival]) -> BatchResult:
    """Cosign neighbours' checkpoints, hear what they say of this node's, and compare what went over the link."""
    logs, odd = witnessing.deal_with(node, batch)
    return BatchResult(logs=logs, odd=odd)


def _recoveries(node: Node, batch: Sequence[Arrival]) -> BatchResult:
    return BatchResult(odd=[(one, odd) for one in batch if (odd := recovery.heard(node, one))])


def _bodies(node: Node, batch: Sequence[Arrival]) -> BatchResult:
    return BatchResult(odd=mending.deal_with(node, batch))


def _confirmations(node: Node, batch: Sequence[Arrival]) -> BatchResult:
    """Apply offices' answers about their mail. An office is told where its answer has no effect, or another than it
    expects."""
    found = [(arrival, finding) for arrival in batch if (finding := _confirmed(node, arrival)) is not None]
    untold = answering.tell(node, found)
    odd = [(one, finding) for one, finding in found if finding.code != "EDX804" and one not in untold]
    return BatchResult(back=untold, odd=odd)


def _confirmed(node: Node, arrival: Arrival) -> Finding | None:
    message, name = arrival.message, arrival.message.correlation
    try:
        read_letter_name(name)
    except Refusal:
        return Finding("EDX704", "correlation_id", Detail("not the id of an inbox message"))
    if message.kind == "confirm":
        [finding] = inbox.confirm(node, arrival.peer, [name])
    else:
        reason = message.body.decode("utf-8", "replace")
        [finding] = inbox.refuse(node, arrival.peer, [name], reason)
    return finding


def _strangers(node: Node, batch: Sequence[Arrival]) -> BatchResult:
    """Quarantine messages of a kind that their writer may not send. An office is told, a limited number of times a
    minute, because nothing else would tell its developers; neighbours have operators for that."""
    odd = [speakers.strange(node, arrival) for arrival in batch]
    now = node.now()
    answering.tell(node, [(one, finding) for one, finding in odd if node.telling.allows(one.peer, now)])
    return BatchResult(odd=odd)


_HANDLERS: dict[str, Handler] = {
    "chunk": _chunks,
    "transfer": _transfers,
    "submit": _submissions,
    chunked.FROM_OFFICE: _chunked_submissions,
    "receipts": _receipts,
    "objection": _objections,
    "inquiry": _inquiries,
    "clock": _clocks,
    **dict.fromkeys(witnessing.KINDS, _logs),
    **dict.fromkeys(answering.ANSWERS, _confirmations),
    **dict.fromkeys(recovery.KINDS, _recoveries),
    **dict.fromkeys(mending.KINDS, _bodies),
    speakers.QUARANTINE: _strangers,
}


def _readable(
    batch: Sequence[Arrival], decode: Callable[[bytes], T], odd: list[tuple[Arrival, Finding]]
) -> Iterable[tuple[Arrival, T]]:
    """The arrivals that can be decoded. The others go into ``odd``, to be quarantined afterwards."""
    for arrival in batch:
        try:
            decoded = decode(arrival.message.body)
        except Refusal as refusal:
            odd.append((arrival, refusal.finding))
            continue
        yield arrival, decoded
