"""What the stages write: rows of the ledger and receipts, made from judged submissions and moved deliveries."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from edxml_router.core.document_id import comparable
from edxml_router.core.envelope import Envelope, Kind
from edxml_router.core.journal import ANSWER_WITHHELD, Entry
from edxml_router.core.lifecycle import ENDS, FAILED_ENDS, Event, State, advance
from edxml_router.core.problems import Defect, Finding, Refusal, Setback, Trouble
from edxml_router.core.signature import Verdict
from edxml_router.core.transfer import Hop, Outcome, Receipt, Transfer
from edxml_router.ports import Aside, Body, Book, Delivery, EnvelopeRow, Move, NewDelivery
from edxml_router.rules import Node, Role

_QUOTA_TIME = timedelta(minutes=1)
LIFETIMES = 2  # of ours, at most, that a neighbour may have us keep an envelope


@dataclass(frozen=True, slots=True)
class Submission:
    """What somebody brought: bytes, or a body on disk if it is large. ``transfer`` is there when a neighbour brought
    it over a link."""

    data: bytes | Body
    peer: str
    channel: str  # "cli", "amqp", "link"
    transfer: Transfer | None = None
    digest: str = ""  # of the data, where it is known already


@dataclass(frozen=True, slots=True)
class Examined:
    """An envelope that is safe, valid and read; whether its signature suffices is for ``judge`` to say."""

    digest: str
    envelope: Envelope
    verdict: Verdict
    remarks: tuple[Finding, ...]


@dataclass(slots=True)
class Judged:
    """A submission on its way through ``accept``."""

    submission: Submission
    digest: str
    examined: Examined | None = None
    sender: str = ""
    reason: str = ""  # of the signature's verdict, with the exception that stood in for one
    routes: Mapping[str, str] = field(default_factory=dict)  # recipient → route
    unreachable: Mapping[str, Finding] = field(default_factory=dict)  # recipient → why (transfers only)
    trouble: Trouble | None = None
    repeated: bool = False
    standing: Mapping[str, State] = field(default_factory=dict)  # of a repeat: recipient → state

    @property
    def fit(self) -> bool:
        return self.trouble is None


def origin_of(node: Node, submission: Submission) -> str:
    """Where receipts about this submission go."""
    office = node.rules.peers[submission.peer].role is Role.OFFICE
    return f"{'office' if office else 'link'}:{submission.peer}"


def expiry(node: Node, transfer: Transfer | None, now: datetime) -> datetime:
    """When a delivery ends unless it is completed. A neighbour's time stands, but it does not bind us for years."""
    lifetime = node.rules.timing.lifetime
    return min(transfer.expires_at, now + LIFETIMES * lifetime) if transfer else now + lifetime


def put_off(node: Node, book: Book, judged: Sequence[Judged], now: datetime) -> None:
    """Put off (EDX406) what goes beyond the quota of its peer for the last minute; one question for each peer."""
    for name in {item.submission.peer for item in judged if item.fit}:
        quota = node.rules.peers[name].quota
        limits = (quota.messages, quota.bytes, quota.recipients)
        if not any(limits):
            continue
        used = list(book.brought(name, now - _QUOTA_TIME))
        for item in judged:
            if not item.fit or item.submission.peer != name:
                continue
            asked = (1, len(item.submission.data), len(item.routes))
            over = [top for top, so_far, more in zip(limits, used, asked, strict=True) if 0 < top < so_far + more]
            if over and any(used):  # a single large one must get through some time
                item.trouble = Setback("EDX406", where=name, detail=f"at most {over[0]} a minute")
            else:
                used = [so_far + more for so_far, more in zip(used, asked, strict=True)]


def envelope_row(node: Node, item: Judged, now: datetime) -> EnvelopeRow:
    examined, transfer = item.examined, item.submission.transfer
    assert examined is not None  # noqa: S101  # fit implies examined
    envelope, verdict = examined.envelope, examined.verdict
    status = envelope.kind is Kind.STATUS
    # A status carries no id of its own: it is the same only when its bytes are.
    key = comparable(envelope.document_id)
    own = item.digest if status else key
    return EnvelopeRow(
        digest=item.digest,
        identity=f"{item.sender}|{'status' if status else int(envelope.business)}|{own}",
        kind=str(envelope.kind),
        business=int(envelope.business),
        sender=item.sender,
        document_id=envelope.document_id,
        refers_to=tuple(dict.fromkeys(map(comparable, envelope.refers_to))),
        status_code=envelope.status_code or "",
        size=len(item.submission.data),
        attachments=len(envelope.attachments),
        urgent=envelope.priority > 0,
        accepted_at=now,
        expires_at=expiry(node, transfer, now),
        peer=item.submission.peer,
        channel=item.submission.channel,
        indication=str(verdict.indication),
        reason=item.reason,
        signer=verdict.signer.spki_sha256 if verdict.signer else "",
        remarks=tuple(sorted({remark.code for remark in examined.remarks})),
        hops=(*(transfer.hops if transfer else ()), Hop(node.name, now)),
        document_key=key,
    )


def new_deliveries(node: Node, item: Judged, now: datetime) -> Iterable[NewDelivery]:
    assert item.examined is not None  # noqa: S101  # fit implies examined
    transfer = item.submission.transfer
    for recipient, route in item.routes.items():
        yield NewDelivery(
            digest=item.digest,
            recipient=recipient,
            route=route,
            origin=origin_of(node, item.submission),
            generation=transfer.generation if transfer else 0,
            urgent=item.examined.envelope.priority > 0,
            due_at=now,
            expires_at=expiry(node, transfer, now),
        )


def reopenings(node: Node, standing: Iterable[Delivery], items: Mapping[str, Judged], now: datetime) -> Iterable[Move]:
    """What failed is sent again on an explicit wish only: an operator's resend, here or further up.

    A neighbour brings that wish as a higher generation; an old transfer that comes late must not start anything. An
    office's repeat is no wish: it repeats when it has lost the answer, and the node takes a submission again by itself
    when the verdict could not be sent. Either would give the recipient a letter twice that its sender was told to be
    returned; so a repeat is answered with how things stand. What an operator of this node cancelled stays so whoever
    asks, until one of this node's operators sends it again.
    """
    for delivery in standing:
        item = items[delivery.digest]
        transfer = item.submission.transfer
        if transfer is None or transfer.generation <= delivery.generation:
            continue
        if delivery.recipient not in item.routes or delivery.state not in FAILED_ENDS:
            continue
        # What the next node had accepted cannot be cancelled here: such an end is that node's word, and it keeps it.
        if delivery.state is State.CANCELLED and not delivery.far_accepted:
            continue
        yield change(
            delivery,
            Event.RESEND,
            due_at=now,
            attempts=0,
            far_accepted=False,
            generation=transfer.generation,
            expires_at=expiry(node, transfer, now),
            origin=origin_of(node, item.submission),
        )


def acceptance_receipts(
    node: Node, book: Book, judged: Sequence[Judged], now: datetime
) -> Iterable[tuple[str, Receipt]]:
    """What neighbours must hear about the transfers they sent; offices hear it in their answer.

    What was taken before stays taken: a repeat that would be refused today, perhaps because the signer's certificate
    has ended since, is answered with the state of what it repeats.
    """
    links = [item for item in judged if item.submission.transfer and item.submission.peer in node.rules.peers]
    repeated = {item.digest for item in links if item.repeated or not item.fit or item.unreachable}
    standing = {(one.digest, one.recipient): one for one in book.deliveries(repeated)} if repeated else {}
    rows = book.envelopes(repeated) if repeated else {}
    for item in links:
        transfer = item.submission.transfer
        assert transfer is not None  # noqa: S101  # filtered above
        if isinstance(item.trouble, Setback) or item.digest != transfer.envelope:
            continue  # it comes again: given back, or sent anew because no receipt went back for damaged bytes
        hops = (*transfer.hops, Hop(node.name, now))
        origin = origin_of(node, item.submission)
        for recipient in transfer.recipients:
            finding = item.trouble.finding if item.trouble else item.unreachable.get(recipient)
            known = standing.get((item.digest, recipient))
            receipt = Receipt(transfer.envelope, recipient, transfer.generation, Outcome.ACCEPTED, now, hops=hops)
            if finding and known and (known.origin != origin or known.generation < transfer.generation):
                known = None  # another's, or ended and asked for anew: that is refused today
            if known is not None:
                receipt = replace(state_receipt(known, rows[item.digest]), generation=transfer.generation)
            elif finding is not None:
                receipt = replace(receipt, outcome=Outcome.RETURNED, code=finding.code, detail=finding.detail)
            yield origin, receipt


def answer_neighbours(node: Node, book: Book, receipts: Iterable[tuple[str, Receipt]], now: datetime) -> None:
    """Answer neighbours, each as far as it may have answers waiting; it asks again, or sends again, for the others."""
    of_origin: dict[str, list[Receipt]] = defaultdict(list)
    for origin, receipt in receipts:
        of_origin[origin].append(receipt)
    entries = []
    for origin, told in of_origin.items():
        if left := book.add_answers((origin, receipt) for receipt in told):
            peer = origin.partition(":")[2]
            entries.append(Entry(now, ANSWER_WITHHELD, actor=peer, code="EDX413", detail=f"{left} of {len(told)}"))
    book.note_odd(entries, node.rules.noted_hourly, node.rules.peers.keys())


def let_stand(book: Book, judged: Sequence[Judged]) -> None:
    """What an office was told to be accepted stays so: when it lost the answer and repeats the same bytes, it hears it
    again, though they would be refused today, perhaps because the agency is blocked since. Nothing is done for them.
    """
    refused = [item for item in judged if isinstance(item.trouble, Refusal) and not item.submission.transfer]
    known = book.envelopes({item.digest for item in refused}) if refused else {}
    for item in refused:
        row = known.get(item.digest)
        if row is not None and row.peer == item.submission.peer:
            item.trouble, item.repeated = None, True
            deliveries = book.deliveries([item.digest])
            item.routes = {one.recipient: one.route for one in deliveries}
            item.standing = {one.recipient: one.state for one in deliveries}


def aside(item: Judged, now: datetime) -> Aside:
    assert item.trouble is not None  # noqa: S101  # refused
    finding, submission = item.trouble.finding, item.submission
    # Of a state secret nothing may stay here but the digest, which the journal has, and the notice.
    secret = finding.code == "EDX405"
    data = b"" if secret else submission.data
    document_id = "" if secret or item.examined is None else comparable(item.examined.envelope.document_id)
    fields = (finding.code, finding.where, finding.detail)
    return Aside(now, submission.peer, submission.channel, *fields, data, document_id)


def refusal_entry(item: Judged, now: datetime) -> Entry:
    assert item.trouble is not None  # noqa: S101  # refused
    finding = item.trouble.finding
    event = "input.defect" if isinstance(item.trouble, Defect) else "envelope.refused"
    return Entry(now, event, item.digest, actor=item.submission.peer, code=finding.code, detail=finding.detail)


def set_aside(node: Node, book: Book, items: Sequence[tuple[Aside, Entry]]) -> None:
    """Keep refused input for the operator, and journal it; each within what its peer may have us keep."""
    rules = node.rules
    kept = book.set_aside([one for one, _ in items], rules.aside_quota, rules.peers.keys())
    entries = [
        entry if was_kept else replace(entry, detail=f"{entry.detail} (EDX604: bytes not kept)".strip())
        for (_, entry), was_kept in zip(items, kept, strict=True)
    ]
    book.note_odd(entries, rules.noted_hourly, rules.peers.keys())


def change(delivery: Delivery, event: Event, **fields: Any) -> Move:
    """The move that ``event`` makes of ``delivery``; ``fields`` are those of :class:`Move`.

    Raises Defect where the table has no change: callers ask ``lifecycle.allowed`` when they cannot know. Also for an
    end without its time, which all receipts about it will carry.
    """
    after = advance(delivery.state, event)
    if not isinstance(after, State):
        raise Defect(f"{event} changes nothing in {delivery.state}")
    if (after in ENDS) != ("ended_at" in fields):
        raise Defect(f"{event} in {delivery.state}: an end has a time, and nothing else has")
    return Move(delivery, event, after, **fields)


_OUTCOMES = {
    State.CONFIRMED: Outcome.CONFIRMED,
    State.RETURNED: Outcome.RETURNED,
    State.EXPIRED: Outcome.EXPIRED,
    State.CANCELLED: Outcome.CANCELLED,
}


def state_receipt(delivery: Delivery, row: EnvelopeRow) -> Receipt:
    """The receipt that a delivery's present state is worth: its end, or ``accepted`` while it is open.

    Its time is that of the fact, so that it says the same however often it is given.
    """
    ended = delivery.state in ENDS
    return Receipt(
        delivery.digest,
        delivery.recipient,
        delivery.generation,
        _OUTCOMES.get(delivery.state, Outcome.ACCEPTED),
        (delivery.ended_at or delivery.updated_at) if ended else row.accepted_at,
        delivery.code if ended else "",
        delivery.detail if ended else "",
        row.hops,
    )


def final_receipts(
    book: Book, moves: Sequence[Move], trails: Mapping[int, tuple[Hop, ...]] | None = None
) -> Sequence[tuple[str, Receipt]]:
    """Receipts towards the sender for the moves that ended a delivery, or corrected its end (P1).

    ``trails`` has the hops by delivery, where a receipt from further on brought them; else the trail ends here.
    """
    ended = [move for move in moves if move.after in ENDS]
    trails = trails or {}
    rows = book.envelopes({move.delivery.digest for move in ended if move.delivery.id not in trails}) if ended else {}
    receipts = []
    for move in ended:
        one = move.delivery
        assert move.ended_at is not None  # noqa: S101  # change() sees to it
        hops = trails[one.id] if one.id in trails else rows[one.digest].hops
        receipt = Receipt(
            one.digest,
            one.recipient,
            one.generation,
            _OUTCOMES[move.after],
            move.ended_at,
            move.code,
            move.detail,
            hops,
        )
        receipts.append((one.origin, receipt))
    return receipts


def withdrawals(node: Node, book: Book, moves: Sequence[Move]) -> Sequence[tuple[str, Receipt]]:
    """What offices attached to the hub must hear about mail that may lie in their mailboxes, or that they have taken
    and not answered yet, and that is no longer theirs: it has expired or was cancelled."""
    gone = [move for move in moves if move.event in (Event.EXPIRE, Event.CANCEL) and was_offered(move.delivery)]
    pushed = {f"office:{peer.name}" for peer in node.rules.peers.values() if peer.pushed}
    receipts = final_receipts(book, [move for move in gone if move.delivery.route in pushed])
    routes = {(move.delivery.digest, move.delivery.recipient): move.delivery.route for move in gone}
    return [(inbox_of(routes[one.envelope, one.recipient]), one) for _, one in receipts]


def was_offered(delivery: Delivery) -> bool:
    """Whether it lies in its recipient's inbox here, or has lain there."""
    return delivery.route.startswith("office:") and (delivery.state is State.AVAILABLE or delivery.attempts > 0)


def inbox_of(route: str) -> str:
    """Where an office hears of mail *for* it; under its route it hears of mail *from* it."""
    return f"inbox:{route.partition(':')[2]}"
