"""What neighbours know of each other's journals, as values, and what authorities have stamped of this one.

Each node shows its newest checkpoint to its neighbours, and they cosign it if it continues what they cosigned before.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


@dataclass(frozen=True, slots=True)
class WitnessedLog:
    """A checkpoint of a neighbour's journal that was verified and cosigned here. ``note``: its bytes; ``sent_at``: when
    it was sent, by the neighbour's clock; ``at``: when it was taken here."""

    origin: str
    peer: str
    size: int
    root: bytes
    note: bytes
    sent_at: datetime
    at: datetime


class ForkKind(StrEnum):
    """``forked``: what was shown does not continue what was cosigned; ``shortened``: it is smaller, and newer."""

    FORKED = "forked"
    SHORTENED = "shortened"


@dataclass(frozen=True, slots=True)
class LogFork:
    """Two checkpoints that a neighbour signed, and that cannot both be of one journal. The notes are the evidence."""

    origin: str
    peer: str
    kind: ForkKind
    known_size: int
    known: bytes
    shown_size: int
    shown: bytes
    at: datetime


@dataclass(frozen=True, slots=True)
class KeptCosignature:
    """A neighbour's cosignature under a checkpoint of this node. ``line``: as it stands in a note; ``at``: the time in
    it."""

    size: int
    peer: str
    at: datetime
    line: str


@dataclass(frozen=True, slots=True)
class WitnessStanding:
    """How it stands with a neighbour that is asked to cosign. ``size``: what it has cosigned last, as far as is known;
    ``code`` and ``detail``: why it does not, or empty."""

    peer: str
    since: datetime  # asked for the first time
    asked_at: datetime
    answered_at: datetime | None = None
    size: int = 0
    code: str = ""
    detail: str = ""


@dataclass(frozen=True, slots=True)
class KeptTimeStamp:
    """A time stamp over a checkpoint of this node. ``note``: the checkpoint with its signatures, the bytes that were
    stamped; ``token``: the stamp, as :mod:`edxml_router.core.proof.time_stamp` keeps it; ``at``: the time in it;
    ``taken_at``: when it was taken, by this node's clock."""

    size: int
    authority: str  # the address that was asked
    at: datetime
    taken_at: datetime
    note: bytes
    token: bytes
