"""A block of the journal: the terms of its entries, from the database, and keeping them.

    with reading(engine) as connection: block = read_block(connection, 17)   # also of one that is not full yet
    index_blocks(engine)                                                     # the full ones that are not kept yet

The index proves nothing and is no part of the journal: it is made of what the entries say, and can be made again.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Connection, Engine, Select, bindparam, func, insert, inspect, select

from edxml_router.core.delivery.entries.terms import (
    EntryFields,
    EntrySubject,
    Term,
    document_terms,
    terms_of,
    told_subject,
)
from edxml_router.core.delivery.journal import DELIVERY_QUEUED, ENVELOPE_ACCEPTED
from edxml_router.core.detail import Detail
from edxml_router.core.problems import Setback
from edxml_router.store.database.bulk import Insert
from edxml_router.store.database.engine import alone, reading, writing
from edxml_router.store.database.part import chunks
from edxml_router.store.envelopes.table import envelopes
from edxml_router.store.journal.table import checkpoints, entry_columns, journal, no_entry, require_leaf
from edxml_router.store.search.table import BLOCK, bits_at, journal_blocks, packed, postings, unpacked

INDEX: Final = Detail("the index of the journal")
_LOCK: Final = 0x6564786D_0006  # an advisory lock of PostgreSQL: "edxm", 6
AT_ONCE: Final = 16  # blocks; some hundredths of a second of work each
_KEYS: Final[Any] = bindparam("keys", expanding=True)
# Of an envelope of which the entry tells no facts: an earlier version wrote it.
_ABOUT: Final = select(
    envelopes.c.digest,
    envelopes.c.sender,
    envelopes.c.kind,
    envelopes.c.business,
    envelopes.c.signer,
    envelopes.c.document_key,
).where(envelopes.c.digest.in_(_KEYS))
_ACCEPTED: Final = select(journal.c.id, journal.c.envelope, journal.c.position, journal.c.entry).where(
    journal.c.envelope.in_(_KEYS),
    journal.c.envelope != "",  # lets SQLite see that the partial index applies
    journal.c.event == ENVELOPE_ACCEPTED,
)
_QUEUED: Final = select(journal.c.id, journal.c.entry).where(
    journal.c.envelope == bindparam("digest"), journal.c.envelope != "", journal.c.event == DELIVERY_QUEUED
)
_NEXT: Final = select(func.max(journal_blocks.c.block), func.count())
_HIGHEST: Final = select(func.max(journal.c.position)).where(journal.c.position.is_not(None))
_SIGNED: Final = select(func.max(checkpoints.c.size))
_KEPT: Final = select(postings.c.block, postings.c.places).where(
    postings.c.field == bindparam("field"), postings.c.value == bindparam("value"), postings.c.block.in_(_KEYS)
)
_ADD: Final = Insert(
    postings,
    ("field", "value", "block", "places"),
    "ON CONFLICT (field, value, block) DO UPDATE SET places = excluded.places",
)


@dataclass(slots=True)
class Block:
    """The places within a block that have each term. ``earlier``: what its entries tell about documents accepted in
    blocks before."""

    number: int
    terms: dict[Term, int] = field(default_factory=dict)
    earlier: dict[tuple[Term, int], int] = field(default_factory=lambda: defaultdict(int))
    first_at: datetime | None = None
    last_at: datetime | None = None
    size: int = 0


def indexed(connection: Connection) -> int:
    """How many blocks are indexed; 0 in a copy of a database from before there was an index. Raises Setback EDX605
    where some between are missing."""
    if not inspect(connection).has_table(journal_blocks.name):
        return 0
    last, count = connection.execute(_NEXT).one()
    if count and last != count - 1:
        raise Setback("EDX605", where=INDEX, detail=Detail("blocks are missing"))
    return int(count)


def journal_size(connection: Connection) -> int:
    """How many entries have their place. Raises Setback EDX605 where one lies beyond the newest checkpoint: it was put
    there, and how far the journal goes cannot be told."""
    highest = connection.execute(_HIGHEST).scalar_one()
    size = 0 if highest is None else int(highest) + 1
    if size > (connection.execute(_SIGNED).scalar_one() or 0):
        place = Detail("place {end}", end=highest)
        raise Setback("EDX605", where=place, detail=Detail("entries with a place but without a checkpoint"))
    return size


def read_block(connection: Connection, number: int) -> Block:
    """The block of this number, as far as it is there. Raises Setback EDX605 where a row of it holds no entry, or one
    that its leaf is not the hash of."""
    first = number * BLOCK
    rows = connection.execute(_rows(connection, first, first + BLOCK)).all()
    entries = [(row.position, entry_fields(row)) for row in rows]
    acceptances, about = told_subjects(connection, {entry.text("envelope") for _, entry in entries} - {""})
    later: list[tuple[str, Term]] = []
    places: dict[Term, list[int]] = defaultdict(list)
    block = Block(number, size=len(rows))
    for position, entry in entries:
        envelope = entry.text("envelope")
        for term in terms_of(entry, about.get(envelope)):
            places[term].append(position - first)
        later += [(envelope, term) for term in document_terms(entry)]
    for envelope, term in later:
        position = acceptances.get(envelope)
        if position is None:
            continue
        which, place = divmod(position, BLOCK)
        if which == number:
            places[term].append(place)
        elif which < number:
            block.earlier[term, which] |= 1 << place
    block.terms = {term: bits_at(found) for term, found in places.items()}
    if entries:
        times = [entry.at for _, entry in entries]
        block.first_at, block.last_at = min(times), max(times)
    return block


def entry_fields(row: Any) -> EntryFields:
    """What the entry in a row says, by its bytes alone: the columns beside it can be changed without its leaf. Raises
    Setback EDX605."""
    require_leaf(row)
    try:
        found = EntryFields(bytes(row.entry))
        _ = found.at
    except ValueError as error:
        raise no_entry(row) from error
    return found


def told_subjects(
    connection: Connection, digests: Collection[str]
) -> tuple[dict[str, int | None], dict[str, EntrySubject]]:
    """The places of the acceptances of these envelopes, and what they tell; of what an earlier version accepted, what
    the table tells. Raises Setback EDX605."""
    accepted: dict[str, int | None] = {}
    about: dict[str, EntrySubject] = {}
    for chunk in chunks(sorted(digests)):
        for row in connection.execute(_ACCEPTED, {"keys": chunk}):
            accepted[row.envelope] = row.position
            try:
                entry = EntryFields(bytes(row.entry))
                counted = "recipient_count" in entry.facts
                subject = told_subject(entry, _recipients(connection, row.envelope) if counted else ())
            except (ValueError, TypeError) as error:
                raise no_entry(row) from error
            if subject is not None:
                about[row.envelope] = subject
    for chunk in chunks(sorted(accepted.keys() - about.keys())):
        for one in connection.execute(_ABOUT, {"keys": chunk}):
            about[one.digest] = EntrySubject(one.sender, one.kind, one.business, one.signer, one.document_key)
    return accepted, about


def _recipients(connection: Connection, digest: str) -> list[str]:
    """Of a circular, whose entry has only their number and digest: their deliveries are begun in its transaction."""
    rows = connection.execute(_QUEUED, {"digest": digest}).all()
    return [EntryFields(bytes(row.entry)).text("recipient") for row in rows]


def _rows(connection: Connection, first: int, end: int) -> Select[Any]:
    within = (journal.c.position >= first, journal.c.position < end, journal.c.position.is_not(None))
    return select(*entry_columns(connection)).where(*within).order_by(journal.c.position)


def index_blocks(engine: Engine, most: int = AT_ONCE) -> int:
    """Keep the terms of full blocks that are not indexed yet, the oldest first. Returns how many. They are read before
    the transaction that writes them, which is short; a block that another process has kept meanwhile is left to it.
    Raises Setback EDX601, EDX602."""
    done = 0
    while done < most:
        with reading(engine) as connection:
            number = indexed(connection)
            if journal_size(connection) < (number + 1) * BLOCK:
                break
            block = read_block(connection, number)
        with writing(engine) as connection:
            alone(connection, _LOCK)
            if indexed(connection) != number:
                break
            _keep(connection, block)
            # A crash before the commit: the block is read again. Whoever asks meanwhile reads it from the journal.
        done += 1
    return done


def _keep(connection: Connection, block: Block) -> None:
    rows = [
        {"field": name, "value": value, "block": block.number, "places": packed(bits)}
        for (name, value), bits in sorted(block.terms.items())
    ]
    rows += _added(connection, block.earlier)
    _ADD(connection, rows)
    times = {"block": block.number, "first_at": block.first_at, "last_at": block.last_at}
    connection.execute(insert(journal_blocks), times)


def _added(connection: Connection, earlier: Mapping[tuple[Term, int], int]) -> list[dict[str, Any]]:
    """The rows of blocks before, with what is told of them now."""
    blocks: dict[Term, list[int]] = defaultdict(list)
    for term, block in earlier:
        blocks[term].append(block)
    rows: list[dict[str, Any]] = []
    for term, numbers in sorted(blocks.items()):
        name, value = term
        kept: dict[int, int] = {}
        for chunk in chunks(sorted(numbers)):
            found = connection.execute(_KEPT, {"field": name, "value": value, "keys": chunk})
            kept |= {row.block: unpacked(bytes(row.places)) for row in found}
        for number in sorted(numbers):
            bits = kept.get(number, 0) | earlier[term, number]
            rows.append({"field": name, "value": value, "block": number, "places": packed(bits)})
    return rows
