"""Which places of the journal answer a question: block by block, from the index, and behind it from the journal.

for found in found_in(connection, question, after): found.positions(connection, question)
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import reduce
from operator import and_
from typing import Any, Final

from sqlalchemy import Connection, Select, bindparam, select, text

from edxml_router.core.delivery.entries.terms import Question, Terms, continues, is_beginning, told_later
from edxml_router.core.delivery.journal import ENVELOPE_ACCEPTED
from edxml_router.core.detail import Detail
from edxml_router.core.problems import Setback
from edxml_router.store.database.part import chunks
from edxml_router.store.deliveries.table import OPEN, deliveries
from edxml_router.store.journal.table import entry_of, journal
from edxml_router.store.search.blocks import Block, indexed, journal_size, read_block
from edxml_router.store.search.table import BLOCK, journal_blocks, places_in, postings, unpacked

_ALL: Final = (1 << BLOCK) - 1
_FIRST: Final = 64  # blocks that are looked at together; twice as many the next time
_MOST: Final = 4096
_UNREAD: Final = 64  # blocks that are not indexed and are read for each page; about a second
_HELD: Final = 4  # blocks that were read and are looked at again
_TIMES: Final = select(journal_blocks).order_by(journal_blocks.c.block)
_KEYS: Final[Any] = bindparam("keys", expanding=True)
_MOMENTS: Final = select(journal.c.id, journal.c.position, journal.c.entry).where(
    journal.c.position.in_(_KEYS), journal.c.position.is_not(None)
)
_OF_DIGESTS: Final = select(journal.c.position).where(
    journal.c.envelope.in_(_KEYS), journal.c.envelope != "", journal.c.position.is_not(None)
)
# Without DISTINCT, for which SQLite would walk the whole table in the order of its digests; and not joined to the
# journal, since its planner would begin with that.
_UNDER_WAY: Final = select(deliveries.c.digest).where(text(OPEN))
_ACCEPTANCES: Final = _OF_DIGESTS.where(journal.c.event == ENVELOPE_ACCEPTED)
_BETWEEN: Final = (postings.c.block >= bindparam("begin"), postings.c.block < bindparam("end"))
_LAST: Final = "~"  # behind all that continues a beginning: what is folded is ASCII


@dataclass(frozen=True, slots=True)
class FoundPlaces:
    """The places of a block that have all terms. ``whole``: the block is within the period; else each entry's time
    decides. ``read``: the block, where it is not indexed."""

    number: int
    bits: int
    whole: bool
    read: Block | None = None

    def positions(self, connection: Connection, question: Question) -> list[int]:
        """The places that answer, in the order of the log."""
        positions = [self.number * BLOCK + place for place in places_in(self.bits)]
        if self.whole:
            return positions
        times: dict[int, Any] = {}
        for chunk in chunks(positions):
            times |= {row.position: entry_of(row).at for row in connection.execute(_MOMENTS, {"keys": chunk})}
        if missing := [position for position in positions if position not in times]:
            place = Detail("place {position}", position=missing[0])
            raise Setback("EDX605", where=place, detail=Detail("an entry is missing"))
        return [position for position in positions if question.within(times[position])]

    def count(self, connection: Connection, question: Question) -> int:
        """How many answer."""
        return self.bits.bit_count() if self.whole else len(self.positions(connection, question))


@dataclass(slots=True)
class LaterTerms:
    """By terms and block, the places whose entries have one of them by what is said later, in blocks that are not
    indexed; and the first of those blocks, so that they are read once."""

    sets: dict[Terms, dict[int, int]] = field(default_factory=lambda: defaultdict(lambda: defaultdict(int)))
    blocks: dict[int, Block] = field(default_factory=dict)


def found_in(connection: Connection, question: Question, after: int) -> Iterator[FoundPlaces]:
    """The blocks behind the place ``after`` that have an answer, in order."""
    size = indexed(connection)
    times = {row.block: (row.first_at, row.last_at) for row in connection.execute(_TIMES)} if question.dated else None
    only, never = _chosen(connection, question)
    start, from_place = divmod(after + 1, BLOCK)
    wanted = [
        number
        for number in range(start, size)
        if (only is None or number in only) and (times is None or question.meets(*times[number]))
    ]
    size_now = journal_size(connection)
    conditions = (*question.terms, question.without) if question.without else question.terms
    unread = range(max(start, size) if not any(map(told_later, conditions)) else size, -(-size_now // BLOCK))
    later = _told_later(connection, conditions, unread)
    for number, bits in _from_index(connection, question, wanted, later.sets):
        if number == start:
            bits = bits >> from_place << from_place  # noqa: PLW2901  # what stands before was seen
        bits &= (_ALL if only is None else only[number]) & ~never.get(number, 0)  # noqa: PLW2901  # as above
        if bits:
            yield FoundPlaces(number, bits, times is None or question.covers(*times[number]))
    for number in unread:
        if number < start or (only is not None and number not in only):
            continue
        block = later.blocks.get(number) or read_block(connection, number)
        bits = _in_block(block, question, later.sets) & (_ALL if only is None else only[number])
        bits &= ~never.get(number, 0)
        if number == start:
            bits = bits >> from_place << from_place
        if block.first_at is not None and block.last_at is not None:
            yield FoundPlaces(number, bits, question.covers(block.first_at, block.last_at), block)


def _chosen(connection: Connection, question: Question) -> tuple[Mapping[int, int] | None, Mapping[int, int]]:
    """By block, the places that alone can answer, where some are named, and those that cannot."""
    sets: list[Mapping[int, int]] = []
    never: Mapping[int, int] = {}
    if question.digests is not None:
        sets.append(bits_of(_positions_of(connection, question.digests)))
    if question.places is not None:
        sets.append(bits_of(question.places))
    if question.under_way is not None:
        open_now = sorted(set(connection.execute(_UNDER_WAY).scalars()))
        under_way = bits_of(_positions_of(connection, open_now, _ACCEPTANCES))
        if question.under_way:
            sets.append(under_way)
        else:
            never = under_way
    if not sets:
        return None, never
    first, *others = sets
    return {
        number: bits
        for number, each in first.items()
        if (bits := reduce(and_, (one.get(number, 0) for one in others), each))
    }, never


def bits_of(positions: Iterable[int]) -> Mapping[int, int]:
    """The sets of places by block; empty ones for blocks without any."""
    found: dict[int, int] = defaultdict(int)
    for position in positions:
        number, place = divmod(position, BLOCK)
        found[number] |= 1 << place
    return found


def _positions_of(connection: Connection, digests: Sequence[str], those: Select[Any] = _OF_DIGESTS) -> Iterator[int]:
    for chunk in chunks(digests):
        yield from connection.execute(those, {"keys": chunk}).scalars()


def _told_later(connection: Connection, terms: Sequence[Terms], unread: range) -> LaterTerms:
    """What blocks that are not indexed tell of documents accepted before. All of them are read, whatever the question
    begins with: an outcome may stand anywhere behind the acceptance. Raises Setback EDX665."""
    found = LaterTerms()
    asked = [alternatives for alternatives in terms if told_later(alternatives)]
    if asked and len(unread) > _UNREAD:
        raise Setback("EDX665", where="store.url", detail=Detail("{count} blocks of {of}", count=len(unread),
                                                                 of=unread.stop))  # fmt: skip
    for number in unread if asked else ():
        block = read_block(connection, number)
        if len(found.blocks) < _HELD:
            found.blocks[number] = block
        for alternatives in asked:
            for (term, before), bits in block.earlier.items():
                if term in alternatives:
                    found.sets[alternatives][before] |= bits
    return found


def _from_index(
    connection: Connection, question: Question, blocks: Sequence[int], later: Mapping[Terms, Mapping[int, int]]
) -> Iterator[tuple[int, int]]:
    """Of these blocks, those that have all terms somewhere, with the places that have none of the others."""
    at, step = 0, _FIRST
    while at < len(blocks):
        part = blocks[at : at + step]
        at, step = at + step, min(2 * step, _MOST)
        having = dict.fromkeys(part, _ALL)
        for alternatives in question.terms:
            sets = _sets(connection, alternatives, part[0], part[-1] + 1) if having else {}
            more = later.get(alternatives, {})
            having = {
                number: bits & (sets.get(number, 0) | more.get(number, 0))
                for number, bits in having.items()
                if number in sets or number in more
            }
        if question.without and having:
            sets, more = _sets(connection, question.without, part[0], part[-1] + 1), later.get(question.without, {})
            having = {number: bits & ~(sets.get(number, 0) | more.get(number, 0)) for number, bits in having.items()}
        yield from having.items()


def _sets(connection: Connection, terms: Terms, begin: int, end: int) -> Mapping[int, int]:
    """By block, the places that have one of these terms."""
    found: dict[int, int] = defaultdict(int)
    for which in _conditions(terms):
        query = select(postings.c.block, postings.c.places).where(*which, *_BETWEEN)
        for row in connection.execute(query, {"begin": begin, "end": end}):
            found[row.block] |= unpacked(bytes(row.places))
    return found


def _conditions(terms: Terms) -> Iterator[tuple[Any, ...]]:
    for name in sorted({name for name, _ in terms}):
        exact = sorted(value for each, value in terms if each == name and not is_beginning((each, value)))
        for chunk in chunks(exact):
            yield postings.c.field == name, postings.c.value.in_(chunk)
    for name, value in sorted(filter(is_beginning, terms)):
        yield postings.c.field == name, postings.c.value >= value, postings.c.value < value + _LAST


def _in_block(block: Block, question: Question, later: Mapping[Terms, Mapping[int, int]]) -> int:
    """The places of a block that have all terms, and none of the others."""
    bits = (1 << block.size) - 1
    for alternatives in question.terms:
        bits &= _any_in_block(block, alternatives, later)
    return bits & ~_any_in_block(block, question.without, later)


def _any_in_block(block: Block, terms: Terms, later: Mapping[Terms, Mapping[int, int]]) -> int:
    having = later.get(terms, {}).get(block.number, 0)
    for term in terms:
        if is_beginning(term):
            for each, places in block.terms.items():
                having |= places if continues(each, term) else 0
        else:
            having |= block.terms.get(term, 0)
    return having
