"""Deliveries turned into messages: who shares a body, in which mailbox, in how many pieces."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from edxml_router.core.lifecycle import Event
from edxml_router.core.problems import Refusal
from edxml_router.core.transfer import Chunk, Inquiry, Transfer, encode_chunk, encode_inquiry, encode_transfer
from edxml_router.judgement import route
from edxml_router.ports import Delivery, EnvelopeRow, Message, Move, Parcel
from edxml_router.records import change
from edxml_router.rules import Link, Rules

PORTION = 16 * 1024 * 1024  # bytes of bodies that a worker holds at once; messages made of them as much again

GroupKey = tuple[str, str, int, bool]  # route, digest, generation, whether the far side has it already


def bind_routes(rules: Rules, due: Sequence[Delivery]) -> tuple[list[Move], dict[GroupKey, list[Delivery]]]:
    """Where each delivery goes *today*, grouped so that each group is one copy of one body over one link."""
    moves: list[Move] = []
    groups: dict[GroupKey, list[Delivery]] = defaultdict(list)
    for delivery in due:
        try:
            # What the far side has committed stays with that link, whatever the routes say now.
            following = delivery.route if delivery.far_accepted else route(rules, delivery.recipient)
        except Refusal as refusal:
            moves.append(change(delivery, Event.RETURN, code=refusal.code, detail=refusal.finding.detail))
            continue
        key = (following, delivery.digest, delivery.generation, delivery.far_accepted)
        groups[key].append(delivery if delivery.route == following else replace(delivery, route=following))
    return moves, groups


def portions(
    groups: Mapping[GroupKey, list[Delivery]], rows: Mapping[str, EnvelopeRow]
) -> Iterator[dict[GroupKey, list[Delivery]]]:
    """The groups in portions whose bodies together hold PORTION bytes at most, or that are one group; at least one."""
    portion: dict[GroupKey, list[Delivery]] = {}
    held = 0
    for key, group in groups.items():
        more = 0 if key[3] else rows[key[1]].size
        if portion and held + more > PORTION:
            yield portion
            portion, held = {}, 0
        portion[key] = group
        held += more
    yield portion


def transfer_parcels(
    link: Link, row: EnvelopeRow, group: Sequence[Delivery], body: bytes, chunk_bytes: int
) -> list[Parcel]:
    """The messages of one transfer: its chunks, if the body is large, and the manifest last."""
    first = group[0]
    mailbox = link.mailbox_for(urgent=row.urgent)
    pieces = list(chunks(body, row.digest, chunk_bytes)) if len(body) > chunk_bytes else []
    transfer = Transfer(
        id=_name(row, group),
        envelope=row.digest,
        size=row.size,
        recipients=tuple(delivery.recipient for delivery in group),
        generation=first.generation,
        hops=row.hops,
        expires_at=max(delivery.expires_at for delivery in group),
        urgent=row.urgent,
        chunks=len(pieces),
    )
    manifest = encode_transfer(transfer, b"" if pieces else body)
    headers = {"envelope": row.digest, "sender": row.sender}
    return [
        *(Parcel(mailbox, Message("chunk", f"{transfer.id}.{n}", one, row.urgent)) for n, one in enumerate(pieces)),
        Parcel(mailbox, Message("transfer", transfer.id, manifest, row.urgent, headers=headers)),
    ]


def inquiry_parcels(link: Link, row: EnvelopeRow, group: Sequence[Delivery]) -> list[Parcel]:
    """The question what became of deliveries that the far side has committed."""
    inquiry = Inquiry(row.digest, tuple(delivery.recipient for delivery in group), group[0].generation)
    message = Message("inquiry", _name(row, group), encode_inquiry(inquiry), headers={"envelope": row.digest})
    return [Parcel(link.mailbox, message)]


def inbox_parcel(link: Link, row: EnvelopeRow, delivery: Delivery, body: bytes) -> Parcel:
    """An envelope pushed to an office; the message's id is the letter's name, over all repeats."""
    headers = {"envelope": row.digest, "sender": row.sender, "recipient": delivery.recipient}
    message = Message("envelope", delivery.name, body, row.urgent, headers=headers)
    return Parcel(link.mailbox_for(urgent=row.urgent), message)


def chunks(body: bytes, digest: str, size: int) -> Iterator[bytes]:
    """The pieces of a body, each as a message."""
    count = -(-len(body) // size)
    for number in range(count):
        piece = body[number * size : (number + 1) * size]
        chunk = Chunk(digest, number, count, len(body), hashlib.sha256(piece).hexdigest())
        yield encode_chunk(chunk, piece)


def _name(row: EnvelopeRow, group: Sequence[Delivery]) -> str:
    """The transfer's id: the same for every repeat of one group, whatever the database forgets."""
    recipients = "\n".join(sorted(delivery.recipient for delivery in group))
    return f"{row.digest[:32]}.{group[0].generation}.{hashlib.sha256(recipients.encode()).hexdigest()[:16]}"
