"""A block of the journal: the terms of its entries, from the database, and keeping them.

    with reading(engine) as connection: block = read_block(connection, 17)   # also of one that is not full yet
    index_blocks(engine)                                                     # the full ones that are not kept yet

The index proves nothing and is no part of the journal: it can be made again from what is kept.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Connection, Engine, bindparam, func, insert, inspect, select

from edxml_router.core.delivery.entries.terms import EntryFields, EntrySubject, Term, document_terms, terms_of
from edxml_router.core.delivery.journal import ENVELOPE_ACCEPTED
from edxml_router.store.database.bulk import Insert
from edxml_router.store.database.engine import alone, reading, writing
from edxml_router.store.database.part import chunks
from edxml_router.store.deliveries.table import deliveries
from edxml_router.store.envelopes.table import envelopes
from edxml_router.store.journal.table import journal
from edxml_router.store.search.table import BLOCK, bits_at, journal_blocks, packed, postings, unpacked

_LOCK: Final = 0x6564786D_0006  # an advisory lock of PostgreSQL: "edxm", 6
AT_ONCE: Final = 16  # blocks; some hundredths of a second of work each
_ROWS: Final = (
    select(
        journal.c.position,
        journal.c.at,
        journal.c.event,
        journal.c.envelope,
        journal.c.recipient,
        journal.c.code,
        journal.c.actor,
        journal.c.entry,
    )
    .where(
        journal.c.position >= bindparam("first"), journal.c.position < bindparam("end"), journal.c.position.is_not(None)
    )
    .order_by(journal.c.position)
)
_KEYS: Final[Any] = bindparam("keys", expanding=True)
_ABOUT: Final = select(
    envelopes.c.digest,
    envelopes.c.sender,
    envelopes.c.kind,
    envelopes.c.business,
    envelopes.c.signer,
    envelopes.c.document_key,
).where(envelopes.c.digest.in_(_KEYS))
_ACCEPTED: Final = select(journal.c.envelope, journal.c.position).where(
    journal.c.envelope.in_(_KEYS),
    journal.c.envelope != "",  # lets SQLite see that the partial index applies
    journal.c.event == ENVELOPE_ACCEPTED,
    journal.c.position.is_not(None),
)
_RECIPIENTS: Final = select(deliveries.c.recipient).where(deliveries.c.digest == bindparam("digest"))
_NEXT: Final = select(func.coalesce(func.max(journal_blocks.c.block) + 1, 0))
_SIZE: Final = select(func.coalesce(func.max(journal.c.position) + 1, 0)).where(journal.c.position.is_not(None))
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
    """How many blocks are indexed; 0 in a copy of a database from before there was an index."""
    if not inspect(connection).has_table(journal_blocks.name):
        return 0
    return int(connection.execute(_NEXT).scalar_one())


def journal_size(connection: Connection) -> int:
    """How many entries have their place."""
    return int(connection.execute(_SIZE).scalar_one())


def read_block(connection: Connection, number: int) -> Block:
    """The block of this number, as far as it is there."""
    first = number * BLOCK
    rows = connection.execute(_ROWS, {"first": first, "end": first + BLOCK}).all()
    about = about_of(connection, {envelope for _, _, _, envelope, *_ in rows if envelope})
    accepted: dict[str, int] = {}
    later: list[tuple[str, Term]] = []
    places: dict[Term, list[int]] = defaultdict(list)
    block = Block(number, size=len(rows))
    for position, _, event, envelope, recipient, code, actor, canonical in rows:
        entry = EntryFields(event, envelope, recipient, code, actor, bytes(canonical))
        known = about.get(envelope)
        if event == ENVELOPE_ACCEPTED:
            accepted[envelope] = position
            if known is not None and "recipient_count" in entry.facts:
                known.recipients = connection.execute(_RECIPIENTS, {"digest": envelope}).scalars().all()
        for term in terms_of(entry, known):
            places[term].append(position - first)
        later += [(envelope, term) for term in document_terms(entry)]
    accepted |= _accepted(connection, {envelope for envelope, _ in later} - accepted.keys())
    for envelope, term in later:
        position = accepted.get(envelope)
        if position is None:
            continue
        which, place = divmod(position, BLOCK)
        if which == number:
            places[term].append(place)
        elif which < number:
            block.earlier[term, which] |= 1 << place
    block.terms = {term: bits_at(found) for term, found in places.items()}
    if rows:
        times = [at for _, at, *_ in rows]
        block.first_at, block.last_at = min(times), max(times)
    return block


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


def about_of(connection: Connection, digests: Iterable[str]) -> dict[str, EntrySubject]:
    """What is kept of these envelopes."""
    found: dict[str, EntrySubject] = {}
    for chunk in chunks(sorted(digests)):
        for row in connection.execute(_ABOUT, {"keys": chunk}):
            found[row.digest] = EntrySubject(row.sender, row.kind, row.business, row.signer, row.document_key)
    return found


def _accepted(connection: Connection, digests: Iterable[str]) -> dict[str, int]:
    found: dict[str, int] = {}
    for chunk in chunks(sorted(digests)):
        found |= {row.envelope: row.position for row in connection.execute(_ACCEPTED, {"keys": chunk})}
    return found


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
