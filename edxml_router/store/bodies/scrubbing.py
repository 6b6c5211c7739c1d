"""Read every body again, over days: a disk forgets without a word, and what nobody reads nobody misses in time.

    found = scrub(ledger, store, bytes_a_second)     # one slice, when its time has come

How far it has come is in the database, so restarts go on there and the machines of a node share one round. A slice is
as many bytes as the pause before it allows, at least one body; after the last body the next round waits for a day. One
that does not match its digest is put beside the others (``bodies/damaged/``), journalled once, and kept as to be mended
(:mod:`edxml_router.stages.mending`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from sqlalchemy import select

from edxml_router.store import upkeep
from edxml_router.store.bodies.files import BodyStore
from edxml_router.store.bodies.listing import digests_after
from edxml_router.store.ledger import SqlLedger

SLICE_SECONDS: Final = 10  # seconds between slices
_LEAST_BYTES: Final = 4096  # that a body counts for: reading many small ones is work too
_PAGE: Final = 200
_REST: Final = timedelta(days=1)  # between rounds


@dataclass(frozen=True, slots=True)
class Scrubbed:
    """One slice: what was read, and which bodies were found damaged that were not known to be."""

    bodies: int = 0
    bytes: int = 0
    damaged: Sequence[str] = ()


def scrub(ledger: SqlLedger, store: BodyStore, bytes_a_second: int) -> Scrubbed:
    """One slice, unless another process has read one just now. Raises Setback EDX601, EDX602, EDX622."""
    now = ledger.clock.now()
    with ledger.book() as book:
        query = select(upkeep.upkeep).where(upkeep.upkeep.c.name == upkeep.SCRUB).with_for_update()
        row = book.connection.execute(query).one_or_none()
        if row is not None and row.due_at is not None and now < row.due_at <= now + _REST:
            return Scrubbed()
        after = row.place if row is not None else ""
        upkeep.note(book.connection, upkeep.SCRUB, now, after, now + timedelta(seconds=SLICE_SECONDS))
    # Committed: nobody else reads this slice. A crash before it is noted as read: it is read once more.
    bodies, size, bad = 0, 0, []
    page = digests_after(ledger.engine, after, _PAGE)
    for digest, length in page:
        if size >= bytes_a_second * SLICE_SECONDS:
            break
        if not _is_whole(store, digest) and store.is_named(digest):  # else it was let go meanwhile
            store.set_aside(digest)
            bad.append(digest)
        after, bodies, size = digest, bodies + 1, size + max(length, _LEAST_BYTES)
    over = bodies == len(page) < _PAGE
    pause = _REST if over else timedelta(seconds=max(SLICE_SECONDS, size / bytes_a_second))
    with ledger.book() as book:
        news = book.damages.note(bad, now) if bad else ()
        upkeep.note(book.connection, upkeep.SCRUB, now, "" if over else after, now + pause, sound=not bad)
    return Scrubbed(bodies, size, news)


def _is_whole(store: BodyStore, digest: str) -> bool:
    """Read twice before it is called damaged: what memory or a cable turned over once is right the next time."""
    return any(digest in store.open([digest]) for _ in range(2))
