"""Turn deliveries into messages: which of them share a body, in which mailbox, in how many pieces."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from edxml_router.core.body import Body
from edxml_router.core.delivery import lifecycle
from edxml_router.core.delivery.handing_back import HANDED_BACK
from edxml_router.core.delivery.lifecycle import Event
from edxml_router.core.delivery.moves import change
from edxml_router.core.delivery.terms import DeliveryTerms
from edxml_router.core.delivery.values import Delivery, EnvelopeRow, Move
from edxml_router.core.detail import Detail
from edxml_router.core.link.chunked import TO_OFFICE, ChunkedEnvelope, encode_chunked
from edxml_router.core.link.manifest import LIST_LIMIT, MANIFEST_LIMIT
from edxml_router.core.link.route import Route
from edxml_router.core.link.wire import (
    HOPS_LIMIT,
    RECEIPTS_TOGETHER,
    Chunk,
    Hop,
    Inquiry,
    Transfer,
    encode_chunk,
    encode_inquiry,
    encode_transfer,
)
from edxml_router.core.problems import Finding, Refusal
from edxml_router.core.xml.skeleton import LARGE_BYTES
from edxml_router.ports.transport import Message, Parcel
from edxml_router.stages.acceptance.admission import route
from edxml_router.stages.forwarding.windows import PORTION_BYTES
from edxml_router.stages.node import Link
from edxml_router.stages.rules import Rules

_CHUNK_LINE = 1024  # bytes that the manifest of a chunk takes at most
_RECEIPT = 8 * 1024  # bytes of one, with a detail and hops as long as they may be
NEVER: Final = frozenset({"EDX713"})  # answers of a hub that every repeat would get again
LAPSES = 5  # workers that ended with a delivery in hand before it waits for an operator

GroupKey = tuple[Route, str, int, bool]  # route, digest, generation, whether the body is there, or on its way, already
Groups = Mapping[GroupKey, Sequence[Delivery]]
Chance = Callable[[], float]  # a new random number from 0 to 1, which spreads the pauses


@dataclass(frozen=True, slots=True)
class DispatchPlan:
    """What to do with claimed deliveries: the moves that are decided already, and what to send."""

    moves: Sequence[Move]
    groups: Mapping[GroupKey, list[Delivery]]  # one copy of a body over one link each, or into inboxes here


def plan(
    rules: Rules,
    links: Collection[Route],
    due: Sequence[Delivery],
    rows: Mapping[str, EnvelopeRow],
    now: datetime,
    chance: Chance,
) -> DispatchPlan:
    """Where everything goes by today's rules, from the arguments alone. ``links`` are the routes that lead
    somewhere."""
    spent = [one for one in due if one.lapses >= LAPSES]
    moves, groups = bind_routes(rules, [one for one in due if one.lapses < LAPSES], now)
    moves += [
        change(one, Event.HOLD, code="EDX623", detail=Detail("{count} attempts", count=one.lapses)) for one in spent
    ]
    over, groups = returns(groups, rows, now)
    moves += over
    left: dict[GroupKey, list[Delivery]] = {}
    for key, group in groups.items():
        route, _, _, there = key
        if route.is_link and route not in links:
            away = Finding("EDX509", detail=route)
            moves += [deferral(rules.delivery, one, away, now, chance()) for one in group]
        elif there:  # the next node is asked instead (edxml_router.stages.outcomes.inquiring), whoever wanted it sent
            moves += [change(one, Event.HAND_OVER, due_at=now, route=route) for one in group]
        else:
            left[key] = group
    return DispatchPlan(moves, left)


def bind_routes(
    rules: Rules, due: Sequence[Delivery], now: datetime
) -> tuple[list[Move], dict[GroupKey, list[Delivery]]]:
    """Where each delivery goes *today*, grouped so that each group is one copy of one body over one link."""
    moves: list[Move] = []
    groups: dict[GroupKey, list[Delivery]] = defaultdict(list)
    for delivery in due:
        try:
            # What the far side has committed stays on that link, whatever the routes say now.
            following = delivery.route if delivery.far_accepted else route(rules, delivery.recipient)
        except Refusal as refusal:
            found = refusal.finding
            moves.append(change(delivery, Event.RETURN, code=found.code, detail=found.detail, ended_at=now))
            continue
        if following == delivery.origin and following.is_link and not delivery.far_accepted:
            # Its agency has moved away. The neighbour that brought it still has the envelope, and would refuse it as a
            # loop.
            detail = Detail("{recipient} is not served here any more", recipient=delivery.recipient)
            moves.append(change(delivery, Event.RETURN, code=HANDED_BACK, detail=detail, ended_at=now))
            continue
        there = delivery.far_accepted or (delivery.handed_at is not None and delivery.route == following)
        key = (following, delivery.digest, delivery.generation, there)
        groups[key].append(delivery if delivery.route == following else replace(delivery, route=following))
    return moves, groups


def returns(
    groups: Mapping[GroupKey, list[Delivery]], rows: Mapping[str, EnvelopeRow], now: datetime
) -> tuple[list[Move], dict[GroupKey, list[Delivery]]]:
    """The moves of deliveries that no next node will ever accept, and the groups without them. Acceptance refuses such
    transfers; this covers those accepted before it did."""
    over = {key for key in groups if key[0].is_link and len(rows[key[1]].hops) > HOPS_LIMIT}
    detail = Detail("more than {most} nodes have had it", most=HOPS_LIMIT)
    told = {"code": "EDX414", "detail": detail, "ended_at": now}
    moves = [change(one, Event.RETURN, **told) for key in over for one in groups[key]]
    return moves, {key: group for key, group in groups.items() if key not in over}


def portions(
    groups: Mapping[GroupKey, list[Delivery]], rows: Mapping[str, EnvelopeRow]
) -> Iterator[dict[GroupKey, list[Delivery]]]:
    """The groups in portions, at least one, of PORTION bytes of bodies at most, or of a single larger group.

    What an earlier worker had in hand when it ended comes last and alone, after the large bodies: should it end this
    worker too, everything else has been sent and recorded.
    """

    def doubtful(key: GroupKey) -> int:
        return max(delivery.lapses for delivery in groups[key])

    portion: dict[GroupKey, list[Delivery]] = {}
    held = 0
    for key in sorted(groups, key=lambda key: (doubtful(key), not key[3] and rows[key[1]].size > LARGE_BYTES)):
        group = groups[key]
        more = 0 if key[3] else rows[key[1]].size
        if portion and (held + more > PORTION_BYTES or doubtful(key)):
            yield portion
            portion, held = {}, 0
        portion[key] = group
        held += more
    yield portion


def deferral(terms: DeliveryTerms, delivery: Delivery, finding: Finding, now: datetime, chance: float) -> Move:
    """The move of a delivery that could not be sent: due again later, or returned where trying again cannot help."""
    if finding.code in NEVER:
        return change(delivery, Event.RETURN, code=finding.code, detail=finding.detail, ended_at=now)
    wait = lifecycle.back_off(delivery.attempts, terms.retry_first, terms.retry_ceiling, chance)
    told = {"code": finding.code, "detail": finding.detail, "route": delivery.route}
    return change(delivery, Event.DEFER, due_at=now + wait, **told)


def receipts_together(link: Link) -> int:
    """How many receipts fit into one message that the hub takes, whatever they say."""
    return max(1, min(RECEIPTS_TOGETHER, link.transport.largest_message // _RECEIPT))


def shares_of(link: Link, group: Sequence[Delivery]) -> Iterator[Sequence[Delivery]]:
    """A group in the fewest parts whose recipients each fill at most half of a message that the hub takes and a node
    reads. The other half is for the rest of the manifest; a body that does not fit there goes in chunks."""
    room = min(MANIFEST_LIMIT, link.transport.largest_message) // 2
    part: list[Delivery] = []
    held = 0
    for one in group:
        more = len(one.recipient.encode()) + 3  # quotation marks and a comma
        if part and (held + more > room or len(part) == LIST_LIMIT):
            yield part
            part, held = [], 0
        part.append(one)
        held += more
    yield part


def transfer_parcels(
    link: Link,
    row: EnvelopeRow,
    group: Sequence[Delivery],
    body: Body,
    chunk_bytes: int,
    here: str,
    now: datetime,
) -> Iterator[Parcel]:
    """The messages of one transfer: its chunks, if the body is large, then the manifest; each is made when asked for.

    The hub withdraws them when the lifetime of the last delivery is over, whatever clocks say: expired mail must not
    fill the mailbox of a node that is away. Raises Setback EDX601 or EDX622 when the body can no longer be read.
    """
    first = group[0]
    mailbox = link.mailbox_for(urgent=row.urgent)
    chunk_bytes = max(chunk_bytes, -(-body.size // LIST_LIMIT))  # longer chunks where there would be too many
    transfer = Transfer(
        id=_name(row, group),
        envelope=row.digest,
        size=row.size,
        recipients=tuple(delivery.recipient for delivery in group),
        generation=first.generation,
        # A node that was renamed since it accepted this vouches for it under its new name, which the far side knows.
        hops=row.hops if row.hops[-1:] and row.hops[-1].node == here else (*row.hops, Hop(here, row.accepted_at)),
        expires_at=max(delivery.expires_at for delivery in group),
        urgent=row.urgent,
        sent_at=now,
    )
    left, most = transfer.expires_at - now, link.transport.largest_message
    chunk_bytes = max(1, min(chunk_bytes, most - _CHUNK_LINE))
    if body.size > chunk_bytes or len(encode_transfer(transfer)) + body.size > most:
        transfer = replace(transfer, chunks=-(-body.size // chunk_bytes))
        for number, piece in enumerate(body_chunks(body, row.digest, chunk_bytes)):
            yield Parcel(mailbox, Message("chunk", f"{transfer.id}.{number}", piece, row.urgent, lifetime=left))
    manifest = encode_transfer(transfer, b"" if transfer.chunks else body.whole())
    headers = {"envelope": row.digest, "sender": row.sender}
    yield Parcel(mailbox, Message("transfer", transfer.id, manifest, row.urgent, headers=headers, lifetime=left))


def inquiry_parcel(link: Link, row: EnvelopeRow, group: Sequence[Delivery]) -> Parcel:
    """The question what became of deliveries that were handed over. It follows their body through the same mailbox:
    otherwise it could be answered before the body is taken, and a second copy would be sent for nothing."""
    inquiry = Inquiry(row.digest, tuple(delivery.recipient for delivery in group), group[0].generation)
    headers = {"envelope": row.digest}
    message = Message("inquiry", _name(row, group), encode_inquiry(inquiry), row.urgent, headers=headers)
    return Parcel(link.mailbox_for(urgent=row.urgent), message)


def inbox_parcels(
    link: Link, row: EnvelopeRow, delivery: Delivery, body: Body, now: datetime, chunk_bytes: int
) -> Iterator[Parcel]:
    """An envelope pushed to an office: in one message, or its chunks and their manifest where the hub takes no message
    of its size and ``chunk_bytes`` (0: never) says that the office puts them together. The id of the last message is
    the letter's name, the same for every repeat.

    They are withdrawn when the delivery's lifetime is over: an office that was away must not find mail whose sender was
    told that it has expired. Raises Setback EDX601, EDX622 when the body cannot be read any more.
    """
    headers = {"envelope": row.digest, "sender": row.sender, "recipient": delivery.recipient}
    mailbox, left = link.mailbox_for(urgent=row.urgent), delivery.expires_at - now
    most = link.transport.largest_message
    if not chunk_bytes or body.size <= most:
        message = Message("envelope", delivery.name, body.whole(), row.urgent, headers=headers, lifetime=left)
        yield Parcel(mailbox, message)
        return
    size = max(1, min(max(chunk_bytes, -(-body.size // LIST_LIMIT)), most - _CHUNK_LINE))
    for number, piece in enumerate(body_chunks(body, row.digest, size)):
        name = f"{delivery.name}.{number}"
        yield Parcel(mailbox, Message("chunk", name, piece, row.urgent, delivery.name, headers, left))
    manifest = encode_chunked(ChunkedEnvelope(row.digest, body.size, -(-body.size // size)))
    yield Parcel(mailbox, Message(TO_OFFICE, delivery.name, manifest, row.urgent, "", headers, left))


def body_chunks(body: Body, digest: str, size: int) -> Iterator[bytes]:
    """The pieces of a body, each as a message."""
    count = -(-body.size // size)
    for number in range(count):
        first, last = number * size, min((number + 1) * size, body.size)
        piece = b"".join(body.pieces(first, last))
        chunk = Chunk(digest, number, count, body.size, hashlib.sha256(piece).hexdigest())
        yield encode_chunk(chunk, piece)


def _name(row: EnvelopeRow, group: Sequence[Delivery]) -> str:
    """The transfer's id: the same for every repeat of one group, even if the database has forgotten it."""
    recipients = "\n".join(sorted(delivery.recipient for delivery in group))
    return f"{row.digest[:32]}.{group[0].generation}.{hashlib.sha256(recipients.encode()).hexdigest()[:16]}"
