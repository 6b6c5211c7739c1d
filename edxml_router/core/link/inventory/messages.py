"""The messages ``inventory`` and ``inventoried`` of a link: what one end believes to have gone over it, delivery by
delivery, and what of that the other end does not know.

Each is a note that the sender's log key has signed, so that whoever keeps two of them can show that they contradict
each other. Their first lines are no log's name: neither can be taken for a checkpoint. Unreadable ones raise Refusal
EDX704; whether a known key has signed one is asked of :func:`signed_text`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final
from urllib.parse import quote, unquote

from edxml_router.core.detail import Detail, said
from edxml_router.core.link import manifest
from edxml_router.core.link.manifest import exact_instant
from edxml_router.core.link.wire import ENDS
from edxml_router.core.problems import Refusal
from edxml_router.core.proof.note import NoteSigner, VerifierKey, read_note, verified

PAGE_DELIVERIES: Final = 200  # in one inventory
PAGE_BYTES: Final = 160 * 1024  # longest note: 200 lines with a DocumentId of 150 characters, quoted, take half of it
SPANS: Final = 15  # restored back-ups that an answer tells
OPEN: Final = "open"  # in the place of an outcome
_FURTHER: Final = 16  # lines of an answer that are about no delivery
_GENERATIONS: Final = 1_000_000
_LINE_BYTES: Final = 1000  # of the manifest
_INVENTORY: Final = "edxml/link-inventory v1"  # the space: no log can have this name
_ANSWER: Final = "edxml/link-inventoried v1"


class Direction(StrEnum):
    """``handed``: handed over by who lists it, and accepted there by the other's word; ``taken``: taken from it."""

    HANDED = "handed"
    TAKEN = "taken"


class Pass(StrEnum):
    """Why a stretch is compared: soon after it; once more when nothing of it can be on its way any longer; because an
    operator asks; because the neighbour's operator does."""

    SOON = "soon"
    LATE = "late"
    ASKED = "asked"
    INVITED = "invited"


@dataclass(frozen=True, slots=True)
class CarriedDelivery:
    """One delivery that went over a link. ``named``: sender, business kind and DocumentId as one key; ``at``: when it
    went, by the clock of who lists it; ``place``: when its envelope was accepted there, by which lists are in order."""

    digest: str
    recipient: str
    named: str
    at: datetime
    place: datetime

    @property
    def key(self) -> tuple[datetime, str, str]:
        return self.place, self.digest, self.recipient


@dataclass(frozen=True, slots=True)
class InventoryLine:
    """A delivery in an inventory."""

    digest: str
    at: datetime
    named: str
    recipient: str


@dataclass(frozen=True, slots=True)
class Inventory:
    """A page of what ``node`` has handed to ``peer``, or taken from it, of envelopes that it accepted from ``since`` to
    before ``until``. It has no time of its own: what is asked again is the same, and the answer to either will do.
    ``turn``: the receiver is to send its own from that time on; ``last``: the stretch ends here."""

    node: str
    peer: str
    direction: Direction
    reason: Pass
    since: datetime
    until: datetime
    lines: tuple[InventoryLine, ...]
    turn: datetime | None = None
    last: bool = False

    @property
    def text(self) -> str:
        """What is signed."""
        head = [_INVENTORY, f"{self.node} {self.peer}", f"{self.direction} {self.reason}"]
        head += [" ".join(map(exact_instant, (self.since, self.until)))]
        return "".join(f"{line}\n" for line in (*head, *map(_written, self.lines)))


@dataclass(frozen=True, slots=True)
class UnknownDelivery:
    """One that who answers does not know. ``other``: the digest under which it has that document for that recipient."""

    digest: str
    recipient: str
    other: str = ""


@dataclass(frozen=True, slots=True)
class DeliveryStanding:
    """How it stands with a delivery at one end of a link: ``outcome`` is :data:`OPEN` while it has none. ``code``: its
    last problem, which the other end is not told."""

    digest: str
    recipient: str
    generation: int
    outcome: str
    ended_at: datetime | None = None
    code: str = ""


@dataclass(frozen=True, slots=True)
class InventoryAnswer:
    """What ``node`` does not know of an inventory of ``peer``, which is named by its SHA-256, and how it stands there
    with what it knows and has from that link, or gave to it. ``lost``: the spans from which its database has forgotten
    everything, since back-ups were restored."""

    node: str
    peer: str
    question: str
    direction: Direction  # of the question
    reason: Pass
    sent_at: datetime
    judged: int
    unknown: tuple[UnknownDelivery, ...] = ()
    lost: tuple[tuple[datetime, datetime], ...] = ()
    standings: tuple[DeliveryStanding, ...] = ()  # none from a node of an older version, which passes over them

    @property
    def text(self) -> str:
        """What is signed."""
        head = [_ANSWER, f"{self.node} {self.peer}", f"{self.direction} {self.reason} {self.question}"]
        head += [exact_instant(self.sent_at), f"judged {self.judged}"]
        spans = [f"lost {exact_instant(since)} {exact_instant(at)}" for since, at in self.lost]
        missing = [" ".join(("unknown", one.digest, one.recipient, one.other)).rstrip() for one in self.unknown]
        standings = map(_stands, self.standings)
        return "".join(f"{line}\n" for line in (*head, *spans, *missing, *standings))


def text_digest(text: str) -> str:
    """SHA-256 of a signed text, in hex: by it an answer names its question, and evidence is kept."""
    return hashlib.sha256(text.encode()).hexdigest()


def encode_inventory(inventory: Inventory, signer: NoteSigner) -> bytes:
    turn = {"turn": exact_instant(inventory.turn)} if inventory.turn else {}
    fields = {"v": manifest.VERSION, "last": inventory.last, **turn}
    return manifest.line(fields) + signer.sign(inventory.text).data


def encode_inventory_answer(answer: InventoryAnswer, signer: NoteSigner) -> bytes:
    return manifest.line({"v": manifest.VERSION}) + signer.sign(answer.text).data


def signed_text(data: bytes, keys: Iterable[VerifierKey]) -> str | None:
    """The text of the note in a message, if one of these keys has signed it. Raises Refusal EDX704."""
    _, note = _split(data)
    try:
        read = read_note(note, PAGE_BYTES)
        return read.text if verified(read, keys) else None
    except ValueError as error:
        raise Refusal("EDX704", where="inventory", detail=said(error)) from error


def decode_inventory(data: bytes, text: str) -> Inventory:
    """The inventory of a message whose signed text this is."""
    fields, _ = _split(data)
    return manifest.read_fields(lambda: _inventory(text, fields.get("turn"), fields.get("last")))


def decode_inventory_answer(text: str) -> InventoryAnswer:
    return manifest.read_fields(lambda: _answer(text))


def inventory_note(data: bytes) -> bytes:
    """The note of a message: what is kept as evidence."""
    return _split(data)[1]


def _inventory(text: str, turn: object, last: object) -> Inventory:
    first, names, what, span, *lines = text.splitlines()
    (node, peer), (direction, reason), (since, until) = names.split(" "), what.split(" "), span.split(" ")
    if first != _INVENTORY or len(lines) > PAGE_DELIVERIES:
        raise ValueError
    return Inventory(
        node,
        peer,
        Direction(direction),
        Pass(reason),
        manifest.read_moment(since),
        manifest.read_moment(until),
        tuple(map(_read, lines)),
        None if turn is None else manifest.read_moment(turn),
        last is True,
    )


def _answer(text: str) -> InventoryAnswer:
    first, names, what, sent, judged, *lines = text.splitlines()
    (node, peer), (direction, reason, question) = names.split(" "), what.split(" ")
    if first != _ANSWER or len(lines) > PAGE_DELIVERIES + _FURTHER or not judged.startswith("judged "):
        raise ValueError
    words = [line.split(" ") for line in lines]
    return InventoryAnswer(
        node,
        peer,
        manifest.digest(question),
        Direction(direction),
        Pass(reason),
        manifest.read_moment(sent),
        int(judged.removeprefix("judged ")),
        tuple(map(_unknown, (each for each in words if each[0] == "unknown"))),
        tuple((manifest.read_moment(each[1]), manifest.read_moment(each[2])) for each in words if each[0] == "lost"),
        tuple(map(_standing, (each for each in words if each[0] == "stands"))),
    )


def _unknown(words: Sequence[str]) -> UnknownDelivery:
    _, digest, recipient, *other = words
    return UnknownDelivery(manifest.digest(digest), _code(recipient), manifest.digest(other[0]) if other else "")


def _stands(one: DeliveryStanding) -> str:
    ended = [exact_instant(one.ended_at)] if one.ended_at else []
    return " ".join(("stands", one.digest, one.recipient, str(one.generation), one.outcome, *ended))


def _standing(words: Sequence[str]) -> DeliveryStanding:
    _, digest, recipient, generation, outcome, *ended = words
    if not generation.isdecimal() or int(generation) > _GENERATIONS or (outcome == OPEN) == bool(ended):
        raise ValueError
    if outcome != OPEN and outcome not in ENDS:
        raise ValueError
    at = manifest.read_moment(ended[0]) if ended else None
    return DeliveryStanding(manifest.digest(digest), _code(recipient), int(generation), outcome, at)


def _written(line: InventoryLine) -> str:
    return f"{line.digest} {exact_instant(line.at)} {quote(line.named, safe='|/:')} {line.recipient}"


def _read(text: str) -> InventoryLine:
    digest, at, named, recipient = text.split(" ")
    named = manifest.read_text(unquote(named, errors="strict"))
    return InventoryLine(manifest.digest(digest), manifest.read_moment(at), named, _code(recipient))


def _code(text: str) -> str:
    if not text or len(text) > 100:
        raise ValueError
    return manifest.read_text(text)


def _split(data: bytes) -> tuple[dict[str, object], bytes]:
    if len(data) > PAGE_BYTES + _LINE_BYTES:
        raise Refusal("EDX704", where="inventory", detail=Detail("more than {most} bytes", most=PAGE_BYTES))
    return manifest.split(data, _LINE_BYTES)
