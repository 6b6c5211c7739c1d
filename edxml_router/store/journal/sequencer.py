"""Number the journal: committed entries get their places in the log, and the log's tree hash is kept.

Every worker of a node calls ``number_entries(ledger)`` periodically; one at a time does the work. Entries get places
0, 1, 2, … in the order in which the sequencer sees them, by id among those it sees together. On PostgreSQL a lower id
may commit after a higher one and then gets a later place. Places tell what was visible when, and have no gaps, which
ids cannot guarantee. With its place each entry gets its stamp, a microsecond or more after the one before: here is the
one spot that all writers of a node pass one after the other, so times are unique without a lock that mail waits for.
A clock that went back since the last call, by however little, is an entry itself, and so is one that was set ahead by
more than a time service slews while a worker is busy; each process of a node sees that, and the first says it.

Each call leaves a checkpoint: size and root of the RFC 6962 tree over all entries so far, with the hashes that
let the next call go on without reading old entries. A root kept elsewhere proves everything before it.

Who has the log's key gives ``sign``, which makes the checkpoint a signed note in the same transaction: what is signed
is what is committed. Commands number without it; the next call that has it signs the newest checkpoint.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import Connection, bindparam, func, insert, select, text, update

from edxml_router.core.delivery.journal import CLOCK_STEPPED, Entry, MerkleTree, leaf_bytes, leaf_hash
from edxml_router.core.detail import Detail
from edxml_router.core.problems import Setback
from edxml_router.store.database.bulk import Update
from edxml_router.store.database.columns import Instant
from edxml_router.store.database.engine import reading, writing
from edxml_router.store.journal import nodes
from edxml_router.store.journal.book import SqlJournal
from edxml_router.store.journal.table import checkpoints, journal
from edxml_router.store.ledger import SqlLedger

STEPS: Final = 60  # of the clock that are noted singly within an hour
AHEAD: Final = timedelta(seconds=2)  # a time service slews by 0.1 s in a second at most
_SAME_WITHIN: Final = timedelta(minutes=1)
_NODE: Final = "node"
_LOCK: Final = 0x6564786D_0002  # an advisory lock of PostgreSQL: "edxm", 2
_LAST: Final = (
    select(checkpoints.c.size, checkpoints.c.root, checkpoints.c.peaks, checkpoints.c.at, checkpoints.c.note)
    .order_by(checkpoints.c.size.desc())
    .limit(1)
)
_SIGN: Final = update(checkpoints).where(checkpoints.c.size == bindparam("which")).values(note=bindparam("signed"))
_HIGHEST: Final = select(func.max(journal.c.position)).where(journal.c.position.is_not(None))
_LAST_STAMP: Final = select(journal.c.stamp, journal.c.at).where(journal.c.position == bindparam("position"))
_STEPPED: Final = select(journal.c.entry).where(
    journal.c.at >= bindparam("since", type_=Instant), journal.c.event == CLOCK_STEPPED
)
_UNNUMBERED: Final = (
    select(journal.c.id, journal.c.entry)
    .where(text("position IS NULL"))
    .order_by(journal.c.id)
    .limit(bindparam("limit"))
)
_NUMBER: Final = Update(journal, ("position", "stamp", "leaf"))
_MICROSECOND: Final = timedelta(microseconds=1)
Sign = Callable[[int, bytes], bytes]  # size and root of a checkpoint: the bytes of its note
_WAITING: Final = select(journal.c.at).where(text("position IS NULL")).order_by(journal.c.id).limit(1)


def waiting_since(ledger: SqlLedger) -> datetime | None:
    """The time of the first entry that has no place yet; None where all have one. Raises Setback EDX602."""
    with reading(ledger.engine) as connection:
        return connection.execute(_WAITING).scalar_one_or_none()


def number_entries(
    ledger: SqlLedger,
    limit: int = 10_000,
    sign: Sign | None = None,
    stepped: Callable[[timedelta], None] | None = None,
    ahead: Callable[[], timedelta] | None = None,
) -> int:
    """Give up to ``limit`` committed entries their places. Returns how many (0 while another process is doing it).
    ``stepped`` is told of a clock that went back since the last call, once it is in the journal; and with less than
    nothing of one that went ahead. ``ahead``: how far it did by the machine's count, since it was asked last.

    Raises Setback EDX601, EDX602 as the ledger does, and EDX605 when places and checkpoints no longer fit together:
    then somebody has bypassed the journal's triggers, and nothing is built on top of that.
    """
    with writing(ledger.engine) as connection:
        if ledger.engine.dialect.name == "postgresql":
            lock = text("SELECT pg_try_advisory_xact_lock(:lock)")
            if not connection.execute(lock, {"lock": _LOCK}).scalar_one():
                return 0
        last = connection.execute(_LAST).one_or_none()
        tree = _resumed(last.size, last.root, last.peaks) if last else MerkleTree()
        highest = connection.execute(_HIGHEST).scalar_one()
        if (0 if highest is None else highest + 1) != tree.size:
            raise Setback(
                "EDX605",
                where="journal",
                detail=Detail("checkpoint at {size}, last place {highest}", size=tree.size, highest=highest),
            )
        back = -_noted_ahead(connection, ahead(), ledger.clock.now()) if ahead else timedelta()
        rows = connection.execute(_UNNUMBERED, {"limit": limit}).all()
        if rows:
            now = ledger.clock.now()
            if last and last.at > now:
                back = last.at - now
                _note_step(connection, Detail("{step:.6f} s back", step=back.total_seconds()), now)
                rows = connection.execute(_UNNUMBERED, {"limit": limit}).all()
            numbered = _numbered(rows, tree.size, _next_stamp(connection, tree.size, now))
            _NUMBER(connection, numbered)
            tree.extend(row["leaf"] for row in numbered)
            values = {"size": tree.size, "root": tree.root(), "peaks": tree.peaks(), "at": now}
            note = sign(tree.size, tree.root()) if sign else None
            connection.execute(insert(checkpoints), {**values, "note": note})
        elif sign and last and last.note is None:
            connection.execute(_SIGN, {"which": tree.size, "signed": sign(tree.size, tree.root())})
        nodes.grow(connection, tree.size)
        # A crash before the commit: neither places nor a signature have left this process.
    if back and stepped is not None:
        stepped(back)
    return len(rows)


def _note_step(connection: Connection, step: Detail, now: datetime) -> None:
    """Say in the log itself that the clock was set: stamps rise all the same, and would hide it. One entry for each
    step; of machines that share a database and do not agree, so many an hour, and the rest as a count."""
    journal_part = SqlJournal(connection, now)
    journal_part.note_odd([Entry(now, CLOCK_STEPPED, actor=_NODE, code="EDX660", detail=step)], STEPS, {_NODE})
    journal_part.write()


def _noted_ahead(connection: Connection, step: timedelta, now: datetime) -> timedelta:
    """The step ahead that was noted now: none where it is no step, or where another process has seen the same one."""
    if step < AHEAD:
        return timedelta()
    said = Detail("{step:.6f} s ahead", step=step.total_seconds())
    for row in connection.execute(_STEPPED, {"since": now - _SAME_WITHIN}).all():
        detail = Entry.read(bytes(row.entry)).detail
        noted = getattr(detail, "values", {}).get("step") if str(detail).endswith("ahead") else None
        if noted is not None and abs(float(noted) - step.total_seconds()) < AHEAD.total_seconds() / 2:
            return timedelta()
    _note_step(connection, said, now)
    return step


def _next_stamp(connection: Connection, size: int, now: datetime) -> datetime:
    """Now, or the moment after the last stamp where the clock has not come as far."""
    last = connection.execute(_LAST_STAMP, {"position": size - 1}).one_or_none()
    return now if last is None else max(now, (last.stamp or last.at) + _MICROSECOND)


def _numbered(rows: Sequence[Any], position: int, stamp: datetime) -> list[dict[str, Any]]:
    numbered = []
    for row in rows:
        leaf = leaf_hash(leaf_bytes(bytes(row.entry), stamp))
        numbered.append({"id": row.id, "position": position, "stamp": stamp, "leaf": leaf})
        position, stamp = position + 1, stamp + _MICROSECOND
    return numbered


def _resumed(size: int, root: bytes, peaks: bytes) -> MerkleTree:
    try:
        tree = MerkleTree.resume(size, bytes(peaks))
    except ValueError as error:
        raise Setback(
            "EDX605", where=Detail("checkpoint {size}", size=size), detail=Detail("peaks and size do not fit")
        ) from error
    if tree.root() != bytes(root):
        raise Setback(
            "EDX605", where=Detail("checkpoint {size}", size=size), detail=Detail("peaks and root do not fit")
        )
    return tree
