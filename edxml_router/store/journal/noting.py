"""Bounds on what a peer can make the journal note singly: so many entries an hour, and the rest as a count.

The journal keeps everything for ever, and a peer could otherwise make a million entries by being refused, or by sending
what nobody asked for, a million times. A count shows in three places: the entry that says when counting began, the one
with the number, and ``doctor`` in between. On PostgreSQL, workers that note at the same moment may exceed the bound by
one batch each; a lock would make them wait for each other.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import BigInteger, Column, Connection, Table, Text, bindparam, select

from edxml_router.core.delivery import shares
from edxml_router.core.delivery.journal import INPUT_COUNTED, Entry
from edxml_router.core.detail import Detail
from edxml_router.store.database.columns import Instant, metadata
from edxml_router.store.database.part import PerDialect

# How many entries about its refused and odd input each peer has had in the journal within the hour that began at
# ``since``, and how many were only counted.
noted = Table(
    "noted",
    metadata,
    Column("peer", Text, primary_key=True),
    Column("since", Instant, nullable=False),
    Column("entries", BigInteger, nullable=False),
    Column("counted", BigInteger, nullable=False),
)

WINDOW: Final = timedelta(hours=1)

_STANDING: Final = select(noted).where(noted.c.peer.in_(bindparam("keys", expanding=True)))
_COUNTING: Final = (
    select(noted.c.peer, noted.c.since, noted.c.counted)
    .where(noted.c.counted > 0, noted.c.since > bindparam("after", type_=Instant))
    .order_by(noted.c.peer)
)


def _upsert(insert: Any) -> Any:
    statement = insert(noted)
    columns = ("since", "entries", "counted")
    return statement.on_conflict_do_update(
        index_elements=[noted.c.peer], set_={name: statement.excluded[name] for name in columns}
    )


_KEEP: Final = PerDialect(_upsert)


def within(
    connection: Connection, entries: Iterable[Entry], most: int, peers: Collection[str], now: datetime
) -> Sequence[Entry]:
    """The entries to write: those for which there is room, and what is said of the others."""
    of_peer: dict[str, list[Entry]] = defaultdict(list)
    for entry in entries:
        of_peer[shares.counted_as(entry.actor, peers)].append(entry)
    if not of_peer:
        return ()
    standing = {row.peer: row for row in connection.execute(_STANDING, {"keys": sorted(of_peer)})}
    written: list[Entry] = []
    rows: list[dict[str, Any]] = []
    for peer in sorted(of_peer):
        came, row = of_peer[peer], standing.get(peer)
        since, so_far, counted = (row.since, row.entries, row.counted) if row else (now, 0, 0)
        if not since <= now < since + WINDOW:
            if counted:
                written.append(
                    _told(
                        peer,
                        now,
                        Detail("{counted} more since {since:%Y-%m-%d %H:%M} UTC", counted=counted, since=since),
                    )
                )
            since, so_far, counted = now, 0, 0
        room = max(0, most - so_far)
        written += came[:room]
        more = len(came) - len(came[:room])
        if more and not counted:
            written.append(_told(peer, now, Detail("more than {most} within an hour: counted from here on", most=most)))
        rows.append({"peer": peer, "since": since, "entries": so_far + len(came) - more, "counted": counted + more})
    connection.execute(_KEEP[connection.dialect.name], rows)
    return written


def counting(connection: Connection, now: datetime) -> Sequence[tuple[str, datetime, int]]:
    """The peers of which more came within their hour than is named, since when, and how many were counted."""
    found = connection.execute(_COUNTING, {"after": now - WINDOW})
    return [(row.peer, row.since, row.counted) for row in found]


def _told(peer: str, now: datetime, detail: str) -> Entry:
    return Entry(now, INPUT_COUNTED, actor=peer, code="EDX413", detail=detail)
