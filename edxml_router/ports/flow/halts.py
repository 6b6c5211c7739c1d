"""What the ledger keeps of halts (:mod:`edxml_router.core.delivery.halts`)."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Protocol

from edxml_router.core.delivery.halts import Halt, StandingHalt


class Halts(Protocol):
    """Inside a transaction."""

    def standing(self) -> Sequence[Halt]:
        """Those in force, the oldest first. None of them ends before this transaction has."""

    def add(self, halt: Halt) -> Halt:
        """Put it in force; the same with its number."""

    def note_stopped(self, stopped: Mapping[int, int]) -> None:
        """Note by which halt each delivery was stopped: numbers by number."""

    def end(self, number: int, at: datetime) -> Halt | None:
        """Have it stop nothing more; None where there is none of this number. Waits for whoever is stopping by it."""

    def stopped(self, number: int, limit: int) -> Sequence[int]:
        """The first deliveries that it has stopped, by number; some may have gone on since by other means."""

    def forget_stopped(self, deliveries: Collection[int]) -> None:
        """Forget that these were stopped."""

    def remove(self, number: int) -> None:
        """Remove one that has ended."""

    def stopping(self, deliveries: Collection[int]) -> Mapping[int, int]:
        """Of these deliveries, by which halt in force each was stopped."""


class HaltViews(Protocol):
    """Queries."""

    def halts(self) -> Sequence[StandingHalt]:
        """All halts, those that are being let go included, the oldest first."""
