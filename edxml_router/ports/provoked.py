"""The part of a ledger's transaction that writes what others provoke, and that therefore has bounds for each of them.

``ports.Book`` has it; it stands here because it speaks of nothing but values of the core.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Protocol

from edxml_router.core.delivery.journal import Entry
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
