"""The story of an envelope as its entries tell it, and which rows of the tables do not follow from them.

    told = retell(engine, digest, "", limit=1000)
    told.deliveries, told.lines, told.damages

The entries about one envelope are found by an index and read once. Where a row differs, both are read again: a worker
may have moved a delivery between the two reads.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from sqlalchemy import Connection, Engine, bindparam, select, text

from edxml_router.core.delivery.entries.changes import TOLD_BY, Changes
from edxml_router.core.delivery.entries.reasons import FACT
from edxml_router.core.delivery.entries.replay import ToldEnvelope
from edxml_router.core.delivery.entries.retold import deliveries_as_told, envelope_as_told, untold
from edxml_router.core.delivery.journal import ENVELOPE_ACCEPTED, Entry, leaf_bytes, leaf_hash
from edxml_router.core.delivery.values import Delivery, EnvelopeRow
from edxml_router.core.delivery.views import Damage, JournalLine
from edxml_router.core.detail import Detail
from edxml_router.core.link.wire import Hop
from edxml_router.core.message.document_id import comparable
from edxml_router.store.database.engine import reading
from edxml_router.store.journal.recomputing import PAGE, STORIED, compare, read_rows
from edxml_router.store.journal.table import CHANGES, entry_columns, journal

_LOOKS: Final = 3
_SPAN: Final = 50_000  # numbers of entries that are looked through in one read
_HIGHEST: Final = select(journal.c.id).order_by(journal.c.id.desc()).limit(1)
_CHANGES: Final = select(journal.c.entry).where(text(CHANGES)).order_by(journal.c.id)
_ACCEPTANCES: Final = select(journal.c.envelope, journal.c.entry).where(
    journal.c.event == ENVELOPE_ACCEPTED,
    journal.c.id > bindparam("after"),
    journal.c.id <= bindparam("until"),
)


@dataclass(frozen=True, slots=True)
class Retold:
    """What entries tell of an envelope, or of its way to one recipient. ``envelope``: None where none tells of its
    acceptance. ``hops``: the nodes passed, by recipient, where all of a delivery is told; ``untold``: what only the
    tables tell (:func:`edxml_router.core.delivery.entries.retold.untold`)."""

    envelope: EnvelopeRow | None
    deliveries: Sequence[Delivery]
    hops: Mapping[str, Sequence[Hop]]
    untold: Sequence[str]
    lines: Sequence[JournalLine]
    damages: Sequence[Damage]


def retell(engine: Engine, digest: str, recipient: str, limit: int) -> Retold:
    """The story, with its first ``limit`` entries and deliveries. Raises Setback EDX601, EDX602."""
    changes: Changes | None = None
    damages: set[Damage] | None = None
    for _ in range(_LOOKS):
        with reading(engine) as connection:
            lines, story, broken = _read(connection, digest, recipient, limit)
            rows = read_rows(connection, [digest], recipient)
            found = compare([story], changes or Changes(), rows)
            if found and changes is None:
                changes = _changes(connection)
                found = compare([story], changes, rows)
        reasons = {one.commitment: one.words for one in rows.reasons[digest] if one.holds}
        now = {*broken, *(damage for _, damage in found)}
        damages = now if damages is None else damages & now
        if not damages:
            break
    changes = changes or Changes()
    try:
        envelope = envelope_as_told(story, rows.envelopes.get(digest), changes)
    except (ValueError, KeyError, TypeError):
        envelope = None  # named among the damages
    deliveries = deliveries_as_told(story, rows.deliveries[digest], changes)[:limit]
    hops = {one.recipient: one.hops for one in story.deliveries.values() if one.whole}
    told = untold(story, deliveries)
    if reasons:
        lines = [replace(line, reason=reasons.get(line.entry.facts.get(FACT, ""), "")) for line in lines]
    return Retold(envelope, deliveries, hops, told, lines, sorted(damages or (), key=_order))


def accepted_under(engine: Engine, document_id: str) -> list[str]:
    """Digests of what the journal says was accepted under this id: all of it is read, in spans."""
    key = comparable(document_id)
    # In canonical JSON an id stands as it was written. What was typed in another form is not found this way.
    written = {_written(document_id.strip()), _written(key)}
    found: list[str] = []
    after = 0
    with reading(engine) as connection:
        highest = connection.execute(_HIGHEST).scalar_one_or_none() or 0
        place = "instr(entry, :sought) > 0" if connection.dialect.name == "sqlite" else "position(:sought in entry) > 0"
    while after < highest:
        for sought in sorted(written):
            values = {"after": after, "until": after + _SPAN, "sought": sought}
            with reading(engine) as connection:
                rows = connection.execute(_ACCEPTANCES.where(text(place)), values).all()
            found += [row.envelope for row in rows if _names(bytes(row.entry), key)]
        after += _SPAN
    return list(dict.fromkeys(found))


def _written(document_id: str) -> bytes:
    return json.dumps({"document": document_id}, ensure_ascii=False, separators=(",", ":"))[1:-1].encode()


def _names(canonical: bytes, key: str) -> bool:
    try:
        return comparable(Entry.read(canonical).facts.get("document", "")) == key
    except (ValueError, TypeError):
        return False


def _read(
    connection: Connection, digest: str, recipient: str, limit: int
) -> tuple[list[JournalLine], ToldEnvelope, list[Damage]]:
    story, lines, broken = ToldEnvelope(digest), list[JournalLine](), list[Damage]()
    for row in _rows(connection, digest, recipient):
        where = Detail("entry {id}", id=row.id)
        if leaf_hash(leaf_bytes(bytes(row.entry), row.stamp)) != bytes(row.leaf):
            broken.append(Damage(where, Detail("the leaf is not the hash of the entry")))
        try:
            entry = Entry.read(bytes(row.entry))
            if entry.event in STORIED:
                story.add(entry)
        except (ValueError, KeyError, TypeError):
            broken.append(Damage(where, Detail("not an entry")))
            continue
        if len(lines) < limit:
            lines.append(JournalLine(row.id, row.position, entry, row.stamp))
    return lines, story, broken


def _rows(connection: Connection, digest: str, recipient: str) -> Iterator[Any]:
    """The entries by number; with ``recipient``, its own behind that of the acceptance."""
    # The second condition lets SQLite see that the partial index on envelopes applies.
    about = select(*entry_columns(connection)).where(journal.c.envelope == digest, journal.c.envelope != "")
    about = about.order_by(journal.c.id)
    if recipient:
        yield from connection.execute(about.where(journal.c.event == ENVELOPE_ACCEPTED).limit(1)).all()
        about = about.where(journal.c.recipient == recipient)
    after = 0
    while True:
        rows = connection.execute(about.where(journal.c.id > after).limit(PAGE)).all()
        yield from rows
        if len(rows) < PAGE:
            return
        after = rows[-1].id


def _changes(connection: Connection) -> Changes:
    changes = Changes()
    for row in connection.execute(_CHANGES).all():
        try:
            entry = Entry.read(bytes(row.entry))
            if entry.event in TOLD_BY:
                changes.add(entry)
        except (ValueError, TypeError):
            continue  # `journal verify` names it
    return changes


def _order(damage: Damage) -> tuple[str, str]:
    return damage.where, damage.detail
