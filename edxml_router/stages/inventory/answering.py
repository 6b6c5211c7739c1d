"""Answer a neighbour's inventory: what of it is not known here.

    answer, findings = answer_inventory(node, "xa-an-thanh", body)

A delivery is known when there is one of that digest for that recipient, however it came or went. What is not known is a
gap at this end as well: it is kept here with the neighbour's signed list. Where another document has the name, the
answer tells its digest.

One transaction looks and keeps; the answer is sent behind its commit. A crash before: the neighbour asks again in a
minute.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from edxml_router.core.detail import Detail
from edxml_router.core.link.inventory.messages import (
    SPANS,
    Direction,
    Inventory,
    InventoryAnswer,
    InventoryLine,
    Pass,
    UnknownDelivery,
    decode_inventory,
    encode_inventory_answer,
    inventory_note,
    signed_text,
    text_digest,
)
from edxml_router.core.link.inventory.values import Lacking, LinkGap, is_forgotten
from edxml_router.core.problems import Finding, Refusal
from edxml_router.ports.ledger import Book
from edxml_router.stages.inventory.comparing import new_round, note_gaps
from edxml_router.stages.node import Node


def answer_inventory(node: Node, peer: str, body: bytes) -> tuple[bytes | None, Sequence[Finding]]:
    """The body of the answer, None where there can be none; and the gaps that are new. Raises Refusal EDX704."""
    text = signed_text(body, node.rules.peers[peer].log_keys)
    if text is None:
        return None, [Finding("EDX640", peer, Detail("no known key has signed its inventory of the link"))]
    inventory, now = decode_inventory(body, text), node.now()
    if inventory.peer != node.name:
        raise Refusal("EDX704", where="inventory", detail=Detail("not for {node}", node=node.name))
    if node.log_signer is None:
        return None, ()
    with node.ledger.book() as book:
        pairs = {(line.digest, line.recipient) for line in inventory.lines}
        known = book.inventories.known(pairs)
        unknown = [line for line in inventory.lines if (line.digest, line.recipient) not in known]
        others = _others(book, unknown)
        seen = Direction.HANDED if inventory.direction is Direction.TAKEN else Direction.TAKEN
        standings = book.inventories.standings(peer, seen, known)
        lost = tuple(book.inventories.restored(SPANS))
        gaps = _gaps(peer, inventory, unknown, others, lost, text_digest(text), now)
        new = note_gaps(node, book, gaps, inventory_note(body))
        book.inventories.close(peer, Lacking.HERE, known, now)
        _take_turn(node, book, peer, inventory, now)
    answer = InventoryAnswer(
        node.name,
        peer,
        text_digest(text),
        inventory.direction,
        inventory.reason,
        now,
        len(inventory.lines),
        tuple(UnknownDelivery(line.digest, line.recipient, others.get(line, "")) for line in unknown),
        lost,
        tuple(standings.values()),
    )
    return encode_inventory_answer(answer, node.log_signer), new


def _others(book: Book, unknown: Sequence[InventoryLine]) -> Mapping[InventoryLine, str]:
    """The digests under which documents of these names are here for the same recipients."""
    named = book.inventories.namesakes({line.named for line in unknown})
    pairs = {(digest, line.recipient) for line in unknown if (digest := named.get(line.named, ""))}
    there = book.inventories.known(pairs)
    return {
        line: digest
        for line in unknown
        if (digest := named.get(line.named, "")) and digest != line.digest and (digest, line.recipient) in there
    }


def _gaps(
    peer: str,
    inventory: Inventory,
    unknown: Sequence[InventoryLine],
    others: Mapping[InventoryLine, str],
    lost: tuple[tuple[datetime, datetime], ...],
    evidence: str,
    now: datetime,
) -> list[LinkGap]:
    return [
        LinkGap(
            peer,
            inventory.direction,
            Lacking.HERE,
            line.digest,
            line.recipient,
            line.named,
            line.at,
            now,
            others.get(line, ""),
            is_forgotten(line.at, lost),
            evidence,
        )
        for line in unknown
    ]


def _take_turn(node: Node, book: Book, peer: str, inventory: Inventory, now: datetime) -> None:
    """Begin an own comparison where the neighbour's operator wants one, and note where its own is over."""
    if inventory.turn is not None and node.inventory_turns.allows(peer, now):
        since = min(inventory.turn, now)
        rounds = [new_round(peer, direction, Pass.INVITED, since, now) for direction in Direction]
        book.inventories.begin(rounds, anew=True)
    if inventory.last and inventory.reason is Pass.INVITED:
        own = book.inventories.one(peer, inventory.direction, Pass.ASKED)
        if own is not None:
            book.inventories.keep(replace(own, turned_at=now))
