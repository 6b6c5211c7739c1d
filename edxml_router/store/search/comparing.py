"""Whether the index says what the entries say: some of its blocks made again and compared, the newest among them.

    compared = compare_index(engine, random.SystemRandom())
    compared.entries, compared.of, compared.damages

To make the whole index again takes as long as to verify the whole journal; a block takes some hundredths of a second,
and whoever changed the index cannot know which are taken. What later entries tell of a document (an end, a problem, a
way) is read from the entries about each document accepted in the block, so that it is compared as exactly as the rest.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any, Final

from sqlalchemy import Connection, Engine, bindparam, select

from edxml_router.core.delivery.entries.terms import Term, document_terms, told_later
from edxml_router.core.delivery.journal import ENVELOPE_ACCEPTED
from edxml_router.core.delivery.views import Damage
from edxml_router.core.detail import Detail
from edxml_router.core.problems import Setback
from edxml_router.store.database.engine import reading
from edxml_router.store.database.part import chunks
from edxml_router.store.journal.table import entry_columns, journal
from edxml_router.store.search.blocks import entry_fields, indexed, read_block
from edxml_router.store.search.table import BLOCK, bits_at, postings, unpacked

_NEWEST: Final = 8  # blocks
_OTHERS: Final = 24
_KEYS: Final[Any] = bindparam("keys", expanding=True)
_POSTINGS: Final = select(postings).where(postings.c.block.in_(_KEYS))
_ACCEPTED: Final = select(journal.c.envelope).where(
    journal.c.position >= bindparam("first"),
    journal.c.position < bindparam("end"),
    journal.c.position.is_not(None),
    journal.c.event == ENVELOPE_ACCEPTED,
)
_ACCEPTANCES: Final = select(journal.c.envelope, journal.c.position).where(
    journal.c.envelope.in_(_KEYS),
    journal.c.envelope != "",
    journal.c.event == ENVELOPE_ACCEPTED,
    journal.c.position.is_not(None),
)

Sets = dict[Term, int]


@dataclass(frozen=True, slots=True)
class ComparedIndex:
    """``entries`` of the ``of`` that are indexed were compared."""

    entries: int = 0
    of: int = 0
    damages: Sequence[Damage] = ()


def compare_index(engine: Engine, chance: Random) -> ComparedIndex:
    """Compare the newest blocks and some that ``chance`` picks. A block of which an entry is damaged is left to whoever
    verifies the entries. Raises Setback EDX601, EDX602."""
    with reading(engine) as connection:
        try:
            count = indexed(connection)
        except Setback as setback:
            if setback.code != "EDX605":
                raise
            return ComparedIndex(damages=[Damage(setback.finding.where, setback.finding.detail)])
        newest = range(max(0, count - _NEWEST), count)
        numbers = sorted({*newest, *chance.sample(range(count), min(count, _OTHERS))})
        kept = _kept(connection, numbers)
    compared, damages = 0, list[Damage]()
    for number in numbers:
        try:
            with reading(engine) as connection:
                wrong = _difference(connection, number, count, kept[number])
        except Setback as setback:
            if setback.code not in ("EDX605", "EDX610"):
                raise
            continue
        compared += BLOCK
        if wrong is not None:
            field, value = wrong
            told = Detail("the index is not what the entries say of {field} {value}", field=field, value=value[:100])
            first, last = number * BLOCK, (number + 1) * BLOCK - 1
            damages.append(Damage(Detail("places {first} to {last}", first=first, last=last), told))
    return ComparedIndex(compared, count * BLOCK, damages)


def _kept(connection: Connection, numbers: Sequence[int]) -> Mapping[int, Sets]:
    kept: dict[int, Sets] = {number: {} for number in numbers}
    if numbers:
        for row in connection.execute(_POSTINGS, {"keys": numbers}):
            kept[row.block][row.field, row.value] = unpacked(bytes(row.places))
    return kept


def _difference(connection: Connection, number: int, count: int, kept: Sets) -> Term | None:
    """A term that the index has otherwise; None where it says what the entries say. Blocks may be indexed meanwhile,
    and add what they tell: what the first ``count`` blocks tell must be there, and nothing that no entry tells."""
    block = read_block(connection, number)
    now = {term: bits for term, bits in block.terms.items() if not _is_later(term)}
    least, most, unclear = _later(connection, number, count)
    for term in sorted({*kept, *now, *least}):
        has = kept.get(term, 0)
        if not _is_later(term):
            if has != now.get(term, 0):
                return term
        elif (least.get(term, 0) & ~has | has & ~most.get(term, 0)) & ~unclear:
            return term
    return None


def _is_later(term: Term) -> bool:
    return told_later(frozenset({term}))


def _later(connection: Connection, number: int, count: int) -> tuple[Sets, Sets, int]:
    """What entries tell of the documents that were accepted in a block: those of the first ``count`` blocks, and all;
    and the places of documents that were accepted more than once, of which it is not known for which it was kept."""
    first = number * BLOCK
    within = {"first": first, "end": first + BLOCK}
    places: dict[str, list[int]] = defaultdict(list)
    for chunk in chunks(sorted(set(connection.execute(_ACCEPTED, within).scalars()))):
        for row in connection.execute(_ACCEPTANCES, {"keys": chunk}):
            places[row.envelope].append(row.position - first)
    unclear = bits_at(place for found in places.values() if len(found) > 1 for place in found if 0 <= place < BLOCK)
    single = {digest: found[0] for digest, found in places.items() if len(found) == 1}
    least: Sets = defaultdict(int)
    most: Sets = defaultdict(int)
    for row in _entries_about(connection, single.keys()):
        entry = entry_fields(row)
        for term in document_terms(entry):
            bit = 1 << single[row.envelope]
            most[term] |= bit
            if row.position < count * BLOCK:
                least[term] |= bit
    return least, most, unclear


def _entries_about(connection: Connection, digests: Collection[str]) -> Iterator[Any]:
    query = select(*entry_columns(connection)).where(
        journal.c.envelope.in_(_KEYS), journal.c.envelope != "", journal.c.position.is_not(None)
    )
    for chunk in chunks(sorted(digests)):
        yield from connection.execute(query, {"keys": chunk})
