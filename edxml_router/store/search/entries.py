"""Questions to the journal, answered by its index: :class:`SqlSearch` keeps the promises of
:class:`edxml_router.ports.views.Search` in SQL.

Answers come in the order of the log's places, which are given after the commit and leave none open: whoever has read up
to one, and asks again behind it, misses nothing and sees nothing twice, whatever was written meanwhile. What the index
does not hold yet (the last block, and more while an old journal is being indexed) is read from the journal itself, some
blocks to a page.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, Final

from sqlalchemy import Connection, Engine, bindparam, select

from edxml_router.core.delivery.entries.terms import EntryFields, EntrySubject, Question, has, terms_of
from edxml_router.core.delivery.views import DocumentStanding, EntryPage, JournalLine, StandingPage
from edxml_router.store.database.engine import reading
from edxml_router.store.database.part import chunks
from edxml_router.store.envelopes.queries import states_of
from edxml_router.store.journal.table import entry_columns, entry_of, journal, require_leaf
from edxml_router.store.search.blocks import entry_fields, journal_size, told_subjects
from edxml_router.store.search.finding import bits_of, found_in
from edxml_router.store.search.table import BLOCK, postings, unpacked

_READ: Final = 32  # blocks that one page reads from the journal itself
_KEYS: Final[Any] = bindparam("keys", expanding=True)
_PLAIN: Final = select(journal.c.id, journal.c.position, journal.c.entry, journal.c.leaf, journal.c.stamp).where(
    journal.c.position.in_(_KEYS), journal.c.position.is_not(None)
)
_OF_FIELD: Final = select(postings.c.block, postings.c.value, postings.c.places).where(
    postings.c.field == bindparam("field")
)


class SqlSearch:
    """See :class:`edxml_router.ports.views.Search`."""

    engine: Engine

    def entries(self, question: Question, after: int = -1, limit: int = 1000) -> EntryPage:
        with reading(self.engine) as connection:
            taken, reached, more = _page_of_places(connection, question, after, limit)
            return EntryPage(lines_at(connection, taken), reached, more)

    def entries_at(self, places: Sequence[int]) -> Sequence[JournalLine]:
        with reading(self.engine) as connection:
            return lines_at(connection, sorted(places))

    def document_standings(
        self, question: Question, recipient: str = "", after: int = -1, limit: int = 1000
    ) -> StandingPage:
        with reading(self.engine) as connection:
            taken, reached, more = _page_of_places(connection, question, after, limit)
            about: list[tuple[int, str]] = []
            for chunk in chunks(taken):
                rows = connection.execute(_PLAIN, {"keys": chunk})
                about += [(row.position, entry_fields(row).text("envelope")) for row in rows]
            about.sort()
            states = states_of(connection, (digest for _, digest in about))
            asked = states_of(connection, (digest for _, digest in about), recipient) if recipient else states
        found = [
            DocumentStanding(position, digest, states.get(digest, {}), asked.get(digest, {}))
            for position, digest in about
        ]
        return StandingPage(found, reached, more)

    def unplaced(self, question: Question, after: int = 0, limit: int = 1000) -> EntryPage:
        with reading(self.engine) as connection:
            query = (
                select(*entry_columns(connection))
                .where(journal.c.position.is_(None), journal.c.id > after)
                .order_by(journal.c.id)
                .limit(limit)
            )
            rows = connection.execute(query).all()
            read = [(row, entry_fields(row)) for row in rows]
            _, about = told_subjects(connection, {entry.text("envelope") for _, entry in read} - {""})
            answers = [row for row, entry in read if _answers(entry, about.get(entry.text("envelope")), question)]
        return EntryPage([_line(row) for row in answers], rows[-1].id if rows else after, len(rows) == limit)

    def entry_count(self, question: Question) -> int:
        with reading(self.engine) as connection:
            return sum(found.count(connection, question) for found in found_in(connection, question, -1))

    def entry_counts(self, question: Question, name: str) -> Mapping[str, int]:
        counts: Counter[str] = Counter()
        sets: dict[int, int] = {}
        with reading(self.engine) as connection:
            for found in found_in(connection, question, -1):
                bits = found.bits
                if not found.whole:
                    bits = bits_of(found.positions(connection, question)).get(found.number, 0)
                if found.read is None:
                    sets[found.number] = bits
                else:
                    for (each, value), having in found.read.terms.items():
                        counts[value] += (having & bits).bit_count() if each == name else 0
            for row in connection.execute(_OF_FIELD, {"field": name}) if sets else ():
                if bits := sets.get(row.block, 0):
                    counts[row.value] += (unpacked(bytes(row.places)) & bits).bit_count()
        return {value: number for value, number in counts.items() if number}


def _page_of_places(
    connection: Connection, question: Question, after: int, limit: int
) -> tuple[Sequence[int], int, bool]:
    """At most ``limit`` places that answer; up to where was looked, and whether there may be more."""
    taken: list[int] = []
    blocks_read = 0
    reached = max(after, journal_size(connection) - 1)
    for found in found_in(connection, question, after):
        taken += found.positions(connection, question)[: limit - len(taken) + 1]
        blocks_read += found.read is not None
        if len(taken) > limit:
            return taken[:limit], taken[limit - 1], True
        if blocks_read >= _READ:
            return taken, (found.number + 1) * BLOCK - 1, True
    return taken, reached, False


def lines_at(connection: Connection, positions: Sequence[int]) -> list[JournalLine]:
    """The entries at these places, in their order."""
    lines: list[JournalLine] = []
    columns = entry_columns(connection)
    for chunk in chunks(positions):
        wanted = (journal.c.position.in_(chunk), journal.c.position.is_not(None))
        lines += map(_line, connection.execute(select(*columns).where(*wanted).order_by(journal.c.position)))
    return lines


def _line(row: Any) -> JournalLine:
    require_leaf(row)
    return JournalLine(row.id, row.position, entry_of(row), row.stamp)


def _answers(entry: EntryFields, about: EntrySubject | None, question: Question) -> bool:
    found = set(terms_of(entry, about))
    return (
        question.within(entry.at)
        and (question.digests is None or entry.text("envelope") in question.digests)
        and all(any(has(found, wanted) for wanted in alternatives) for alternatives in question.terms)
        and not any(has(found, unwanted) for unwanted in question.without)
    )
