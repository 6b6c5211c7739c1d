"""The part of a ledger's transaction that writes what others provoke, and that therefore has bounds for each of them.

``ports.Book`` has it; it stands here because it speaks of nothing but values of the core.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime, timedelta
from typing import Protocol

from edxml_router.core.delivery.journal import Entry
from edxml_router.core.delivery.resync import Recovery
from edxml_router.core.delivery.wire import Receipt


class Provoked(Protocol):
    """What peers can have us write as often as they like."""

    def note_odd(self, entries: Iterable[Entry], most: int, peers: Collection[str]) -> None:
        """Journal what peers provoke without an effect (refusals, late notices): of each of ``peers``, and of all
        others together, ``most`` entries an hour one by one, and the rest as a number in one."""

    def add_answers(self, receipts: Iterable[tuple[str, Receipt]]) -> int:
        """Receipts like those of ``Book.add_receipts`` that an origin will ask for again: what is said of transfers and
        to inquiries. So many refusals and "unknown" may wait for one origin; how many were left out.

        What is about nothing that is here goes once it is sent.
        """


class Recoveries(Protocol):
    """The part of a ledger's book that remembers who has still to repeat, and who has asked us to."""

    def recoveries(self, now: datetime, until: datetime, parties: Sequence[str]) -> Sequence[Recovery]:
        """Claim those of ``parties`` that have not done their part; they are not claimed again before ``until``."""

    def ask_again(self, parties: Sequence[str], at: datetime) -> None:
        """These could not be asked."""

    def recovered(self, party: str, epoch: str, now: datetime) -> bool:
        """This party has done its part for ``epoch``; whether that was open."""

    def asked(self, peer: str, epoch: str, now: datetime, pause: timedelta) -> bool | None:
        """A neighbour asks us to repeat: True for the first time in its epoch, False again, None when another epoch
        began less than ``pause`` ago."""

    def hurry(self, route: str, now: datetime) -> int:
        """Everything that went to ``route`` and has not ended is due at ``now``; how many deliveries that is."""
