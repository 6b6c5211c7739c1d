"""Who read what: each question of an auditor to the node's own database is an entry of the journal itself.

    with readings.noted(asked, "lan", "journal query", {"event": "delivery."}, tell) as reading:
        for page in …: reading.count += len(page)

The entry says who asked, by which command, under which conditions and how much was told; of free text only that there
was some, because people type names. There is one for each question, written when it has been answered, and when the
answer was broken off. Where it cannot be written, because the disk is full or the database is busy, ``tell`` hears why
and the answer is given all the same: whoever looks what is stuck needs it then most, and could as well look into the
file. A copy of a database (``--database``) is only read, and whoever has one reads it as he likes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from edxml_router.core.delivery.journal import JOURNAL_READ, Entry, operator_actor
from edxml_router.core.detail import Detail
from edxml_router.core.problems import Finding, Trouble
from edxml_router.wiring.reading import ReadableDatabase
from edxml_router.wiring.stored import StoredNode

_FREE: Final = "text"  # what is typed there may be a name
_LONGEST: Final = 400  # characters of an entry's detail


@dataclass(slots=True)
class NotedReading:
    """How many things were told."""

    count: int = 0


@contextmanager
def noted(
    asked: ReadableDatabase,
    reader: str,
    command: str,
    conditions: Mapping[str, object],
    tell: Callable[[Finding], None],
) -> Iterator[NotedReading]:
    """Note at the end of the block what was read in it, whatever ended it."""
    reading = NotedReading()
    try:
        yield reading
    finally:
        try:
            _note(asked, reader, command, conditions, reading.count)
        except Trouble as trouble:
            tell(trouble.finding)


def database_of(node: StoredNode) -> ReadableDatabase:
    """The database of a node that is open already, for who asks through a page."""
    return ReadableDatabase(node.ledger.views, ledger=node.ledger)


def _note(asked: ReadableDatabase, reader: str, command: str, conditions: Mapping[str, object], number: int) -> None:
    words = [command]
    for name, value in conditions.items():
        if value not in (None, "", False):
            words.append(f"{name}={'…' if name == _FREE else _word(value)}")
    told = Detail("{question}: {count} told", question=" ".join(words)[:_LONGEST], count=number)
    asked.note(lambda now: Entry(now, JOURNAL_READ, actor=operator_actor(reader), detail=told))


def _word(value: object) -> str:
    if isinstance(value, datetime):
        return value.isoformat(timespec="seconds")
    return "yes" if value is True else str(value)
