"""``book.journal``: :class:`edxml_router.ports.ledger.Journal` in SQL.

Entries are gathered and written in one go before the commit.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import datetime
from typing import Final

from sqlalchemy import Connection

from edxml_router.core.delivery.journal import Entry, leaf_hash
from edxml_router.core.delivery.values import Move
from edxml_router.store.database.bulk import Insert
from edxml_router.store.database.engine import troubles
from edxml_router.store.database.part import Part
from edxml_router.store.journal import noting
from edxml_router.store.journal.table import journal

_ADD: Final = Insert(journal, ("at", "event", "envelope", "recipient", "code", "actor", "entry", "leaf"))


class SqlJournal(Part):
    """See :class:`edxml_router.ports.ledger.Journal`."""

    def __init__(self, connection: Connection, now: datetime) -> None:
        super().__init__(connection)
        self._now = now
        self._entries: list[Entry] = []
        self.told: list[Entry] = []  # for those who count; of odd input all, also what is not written singly
        self.odd: list[Entry] = []
        self.moves: list[Move] = []
        self.peers: Collection[str] = ()
        self.wrote = False  # whether this transaction has anything to tell

    def note(self, entries: Iterable[Entry]) -> None:
        self._entries += entries

    def note_odd(self, entries: Iterable[Entry], most: int, peers: Collection[str]) -> None:
        odd = list(entries)
        with troubles():
            self._entries += noting.within(self._connection, odd, most, peers, self._now)
        self.odd += odd
        self.peers = peers

    def write(self) -> None:
        """Write the entries gathered so far; the ledger calls this before the commit."""
        rows = []
        for entry in self._entries:
            canonical = entry.canonical()
            rows.append(
                {
                    "at": entry.at,
                    "event": entry.event,
                    "envelope": entry.envelope,
                    "recipient": entry.recipient,
                    "code": entry.code,
                    "actor": entry.actor,
                    "entry": canonical,
                    "leaf": leaf_hash(canonical),
                }
            )
        self.told += self._entries
        self._entries = []
        self.wrote |= bool(rows)
        self._write(_ADD, rows)


class JournalledPart(Part):
    """A part whose changes are journalled; ``now`` dates them."""

    def __init__(self, connection: Connection, journal: SqlJournal, now: datetime) -> None:
        super().__init__(connection)
        self._journal = journal
        self._now = now
