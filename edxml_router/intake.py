"""What comes out of a hub's mailboxes, by kind: the only place where a message's kind decides what happens.

Offices submit, confirm and return; neighbours transfer, send chunks and receipts, and inquire. Whatever else comes,
or from whomever else, is kept aside for the operator. A message is acknowledged only after its effect is committed,
and given back when that was not possible now; so a crash anywhere here makes the hub bring it again.
"""

from __future__ import annotations

import base64
import json
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TypeVar

from edxml_router import inbox, pipeline
from edxml_router.core.journal import Entry
from edxml_router.core.problems import Finding, Refusal, Setback
from edxml_router.core.signing import verify_bytes
from edxml_router.core.transfer import (
    Outcome,
    Receipt,
    decode_chunk,
    decode_inquiry,
    decode_receipts,
    decode_transfer,
)
from edxml_router.pipeline import Answer
from edxml_router.ports import Arrival, Aside, Body, Message, Move, Parcel, Transport
from edxml_router.records import Submission, state_receipt
from edxml_router.rules import Node, Role

T = TypeVar("T")

_FROM_OFFICES = frozenset({"submit", "confirm", "return"})
_FROM_NEIGHBOURS = frozenset({"transfer", "chunk", "receipts", "inquiry"})


@dataclass(slots=True)
class Handled:
    """What became of a batch: the answers of acceptance, the deliveries that receipts moved, and what to give back.

    ``spent`` are envelopes whose chunks are of no more use once the transfer is acknowledged; not before, because a
    transfer that came again without them would wait in vain.
    """

    answers: list[Answer] = field(default_factory=list)
    moves: list[Move] = field(default_factory=list)
    back: list[Arrival] = field(default_factory=list)
    spent: list[str] = field(default_factory=list)


def receive(node: Node, transport: Transport, arrivals: Sequence[Arrival]) -> Handled:
    """Deal with one hub's arrivals; each is acknowledged or given back."""
    by_kind: dict[str, list[Arrival]] = defaultdict(list)
    for arrival in arrivals:
        by_kind[_kind(node, arrival)].append(arrival)
    total = Handled()
    # Chunks first: a transfer in the same batch may need them.
    for kind, handle in _HANDLERS.items():
        batch = by_kind.pop(kind, [])
        if not batch:
            continue
        try:
            handled = handle(node, batch)
        except Setback:
            handled = Handled(back=batch)
        returned = {id(arrival) for arrival in handled.back}
        transport.acknowledge([arrival for arrival in batch if id(arrival) not in returned])
        transport.give_back(handled.back)
        with suppress(Setback):  # the sweep removes them later
            for digest in handled.spent:
                node.bodies.drop_chunks(digest)
        total.answers += handled.answers
        total.moves += handled.moves
        total.back += handled.back
    return total


def _kind(node: Node, arrival: Arrival) -> str:
    """The kind, if this peer may send it; else "aside"."""
    peer = node.rules.peers.get(arrival.peer)
    if peer is None:
        return "aside"
    fitting = _FROM_OFFICES if peer.role is Role.OFFICE else _FROM_NEIGHBOURS
    return arrival.message.kind if arrival.message.kind in fitting else "aside"


Handler = Callable[[Node, Sequence[Arrival]], Handled]


def _chunks(node: Node, batch: Sequence[Arrival]) -> Handled:
    for arrival, (chunk, piece) in _readable(node, batch, decode_chunk):
        if chunk.size > node.rules.limits.max_bytes or chunk.count > chunk.size:
            _set_aside(node, [(arrival, Finding("EDX102", "size", str(chunk.size)))])
            continue
        node.bodies.keep_chunk(chunk.envelope, chunk.number, chunk.count, chunk.size, piece)
    return Handled()


def _transfers(node: Node, batch: Sequence[Arrival]) -> Handled:
    waiting: list[Arrival] = []
    ready: list[tuple[Arrival, Submission]] = []
    for arrival, (transfer, body) in _readable(node, batch, decode_transfer):
        if transfer.chunks:
            whole: bytes | Body | None = node.bodies.assembled(transfer.envelope, transfer.chunks)
            if whole is None:  # accepted before perhaps, and its chunks are spent
                whole = node.bodies.read([transfer.envelope]).get(transfer.envelope)
            if whole is None:
                if transfer.expires_at > node.now():
                    waiting.append(arrival)  # its chunks are on their way, perhaps through another worker
                continue
            ready.append((arrival, Submission(whole, arrival.peer, "link", transfer)))
        else:
            ready.append((arrival, Submission(body, arrival.peer, "link", transfer)))
    try:
        answers = pipeline.accept(node, [submission for _, submission in ready]) if ready else []
    finally:
        for _, submission in ready:
            if not isinstance(submission.data, bytes):
                submission.data.discard()
    back = [arrival for (arrival, _), answer in zip(ready, answers, strict=True) if answer.passing]
    chunked = [submission.transfer for _, submission in ready if submission.transfer and submission.transfer.chunks]
    unfinished = {answer.digest for answer in answers if answer.passing}
    spent = [transfer.envelope for transfer in chunked if transfer.envelope not in unfinished]
    return Handled(answers, back=waiting + back, spent=spent)


def _submissions(node: Node, batch: Sequence[Arrival]) -> Handled:
    """An office's envelopes; each is answered, correlated to the request, before it is acknowledged."""
    answers = pipeline.accept(node, [Submission(one.message.body, one.peer, "amqp") for one in batch])
    back: list[Arrival] = []
    replies: dict[str, list[tuple[Arrival, Message]]] = defaultdict(list)
    for arrival, answer in zip(batch, answers, strict=True):
        message = Message(
            "verdict",
            f"verdict.{arrival.message.id or answer.digest}",
            json.dumps(verdict_fields(answer), ensure_ascii=False).encode(),
            correlation=arrival.message.id,
        )
        replies[arrival.peer].append((arrival, message))
    for peer, pairs in replies.items():
        link = node.links.get(f"office:{peer}")
        if link is None:
            continue  # an office that pulls has no mailbox; it asks for the trace
        parcels = [Parcel(link.mailbox, message) for _, message in pairs]
        for (arrival, _), finding in zip(pairs, link.transport.publish(parcels), strict=True):
            if finding is not None:
                back.append(arrival)  # unanswered: it comes again, is recognised, and gets the same answer
    passing = [one for one, answer in zip(batch, answers, strict=True) if answer.passing and one not in back]
    return Handled(answers, back=back + passing)


def verdict_fields(answer: Answer) -> dict[str, object]:
    """The verdict as JSON for the office: the problem with its remedy in both languages where there is one."""
    fields: dict[str, object] = {
        "accepted": answer.accepted,
        "repeated": answer.repeated,
        "try_again": answer.passing,
        "envelope": answer.digest,
        "document_id": answer.envelope.document_id if answer.envelope else None,
        "recipients": list(answer.recipients),
        "signature": str(answer.verdict.indication) if answer.verdict else None,
        "remarks": [remark.as_json() for remark in answer.remarks],
    }
    if answer.finding:
        fields["problem"] = answer.finding.as_json()
        fields["problem_vi"] = answer.finding.as_json("vi")
    return fields


def _receipts(node: Node, batch: Sequence[Arrival]) -> Handled:
    receipts: list[tuple[str, Receipt]] = []
    for arrival, (items, signed, mark) in _readable(node, batch, decode_receipts):
        certificate = node.rules.peers[arrival.peer].certificate
        try:
            if certificate is not None:
                verify_bytes(certificate, signed, _signature(mark))
        except Refusal as refusal:
            _set_aside(node, [(arrival, refusal.finding)])
            continue
        receipts += [(arrival.peer, item) for item in items]
    return Handled(moves=list(pipeline.settle(node, receipts)) if receipts else [])


def _signature(mark: str) -> bytes:
    try:
        return base64.b64decode(mark, validate=True)
    except ValueError as error:
        raise Refusal("EDX315", where="signature", detail="not base64") from error


def _inquiries(node: Node, batch: Sequence[Arrival]) -> Handled:
    asked = list(_readable(node, batch, lambda data: (decode_inquiry(data), b"")))
    now = node.now()
    with node.ledger.book() as book:
        standing = {
            (one.digest, one.recipient): one
            for one in book.deliveries({inquiry.envelope for _, (inquiry, _) in asked})
        }
        rows = book.envelopes({inquiry.envelope for _, (inquiry, _) in asked})
        answers = []
        for arrival, (inquiry, _) in asked:
            origin = f"link:{arrival.peer}"
            for recipient in inquiry.recipients:
                one = standing.get((inquiry.envelope, recipient))
                if one is not None and one.origin == origin and one.generation >= inquiry.generation:
                    answers.append((origin, state_receipt(one, now, rows[one.digest].hops)))
                else:
                    unknown = Receipt(inquiry.envelope, recipient, inquiry.generation, Outcome.UNKNOWN, now)
                    answers.append((origin, unknown))
        book.add_receipts(answers)
    return Handled()


def _confirmations(node: Node, batch: Sequence[Arrival]) -> Handled:
    for arrival in batch:
        message = arrival.message
        try:
            number = int(message.correlation)
        except ValueError:
            _set_aside(
                node, [(arrival, Finding("EDX704", "correlation_id", "not the id of an inbox message"))]
            )
            continue
        if message.kind == "confirm":
            [finding] = inbox.confirm(node, arrival.peer, [number])
        else:
            reason = message.body.decode("utf-8", "replace")
            [finding] = inbox.refuse(node, arrival.peer, [number], reason)
        if finding is not None:
            _set_aside(node, [(arrival, finding)])
    return Handled()


def _strangers(node: Node, batch: Sequence[Arrival]) -> Handled:
    _set_aside(node, [(arrival, _strange(node, arrival)) for arrival in batch])
    return Handled()


def _strange(node: Node, arrival: Arrival) -> Finding:
    if arrival.peer not in node.rules.peers:
        return Finding("EDX403", arrival.mailbox, arrival.peer or "no user id")
    return Finding("EDX704", arrival.mailbox, f"kind {arrival.message.kind[:40]!r}")


_HANDLERS: dict[str, Handler] = {
    "chunk": _chunks,
    "transfer": _transfers,
    "submit": _submissions,
    "receipts": _receipts,
    "inquiry": _inquiries,
    "confirm": _confirmations,
    "return": _confirmations,
    "aside": _strangers,
}


def _readable(
    node: Node, batch: Sequence[Arrival], decode: Callable[[bytes], T]
) -> Iterable[tuple[Arrival, T]]:
    """The arrivals that can be decoded; the others are kept aside."""
    for arrival in batch:
        try:
            decoded = decode(arrival.message.body)
        except Refusal as refusal:
            _set_aside(node, [(arrival, refusal.finding)])
            continue
        yield arrival, decoded


def _set_aside(node: Node, items: Sequence[tuple[Arrival, Finding]]) -> None:
    now = node.now()
    with node.ledger.book() as book:
        kept = book.set_aside(
            [
                Aside(now, one.peer, one.mailbox, found.code, found.where, found.detail, one.message.body)
                for one, found in items
            ],
            node.rules.aside_quota,
        )
        book.note(
            [
                Entry(
                    now,
                    "input.aside",
                    actor=one.peer,
                    code=found.code,
                    detail=found.detail if was_kept else f"{found.detail} (EDX604: bytes not kept)",
                )
                for (one, found), was_kept in zip(items, kept, strict=True)
            ]
        )
