"""Input that was refused, kept for the operator within a quota.

The same bytes again are counted, not stored twice. Beyond the quota an item's metadata is kept without its
bytes, and beyond :data:`ROWS` items nothing: the journal has every refusal all the same, so nothing is
unseen. On PostgreSQL, workers that refuse at the same moment may together exceed the quota by one batch each;
a lock would make strangers' rubbish a reason for accepting to wait.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any, Final

from sqlalchemy import Connection, bindparam, delete, func, select
from sqlalchemy.dialects import postgresql, sqlite

from edxml_router.ports import Aside
from edxml_router.store.tables import aside

ROWS: Final = 100_000  # some 50 MB of metadata

_TOTAL: Final = select(func.coalesce(func.sum(aside.c.size), 0)).where(aside.c.data.is_not(None))
_COUNT: Final = select(func.count()).select_from(aside)
_KNOWN: Final = select(aside.c.digest, aside.c.data.is_not(None)).where(
    aside.c.digest.in_(bindparam("keys", expanding=True))
)


def _upsert(insert: Any) -> Any:
    statement = insert(aside)
    return statement.on_conflict_do_update(
        index_elements=[aside.c.digest],
        set_={
            "count": aside.c.count + statement.excluded.count,
            "last_at": statement.excluded.last_at,
            "data": func.coalesce(aside.c.data, statement.excluded.data),
            # Bytes that could not be read before may be readable under today's limits.
            "document_id": func.coalesce(func.nullif(statement.excluded.document_id, ""), aside.c.document_id),
        },
    )


_BY_CODE: Final = aside.c.code.in_(bindparam("codes", expanding=True))
KEPT: Final = (
    select(aside.c.id, aside.c.peer, aside.c.data)
    .where(_BY_CODE, aside.c.data.is_not(None), aside.c.id > bindparam("after"))
    .order_by(aside.c.id)
    .limit(bindparam("limit"))
)
KEPT_OF: Final = (
    select(aside.c.peer, aside.c.code, aside.c.place, aside.c.detail).where(_BY_CODE).order_by(aside.c.id)
)
TAKE_BACK: Final = delete(aside).where(aside.c.id.in_(bindparam("keys", expanding=True)))

# The same SQL on both databases, but two classes in SQLAlchemy.
_KEEP: Final = {"sqlite": _upsert(sqlite.insert), "postgresql": _upsert(postgresql.insert)}


def keep_aside(connection: Connection, items: Sequence[Aside], quota: int, rows: int = ROWS) -> list[bool]:
    """Keep ``items``; whether the bytes of each are kept now (by this call or an earlier one)."""
    if not items:
        return []
    digests = [
        hashlib.sha256(item.data).hexdigest() if isinstance(item.data, bytes) else item.data.digest for item in items
    ]
    rows_known = connection.execute(_KNOWN, {"keys": sorted(set(digests))})
    known = {digest: bool(kept) for digest, kept in rows_known}
    room = quota - connection.execute(_TOTAL).scalar_one()
    places = rows - connection.execute(_COUNT).scalar_one()
    changes: dict[str, dict[str, Any]] = {}
    for digest, item in zip(digests, items, strict=True):
        if digest in changes:
            changes[digest] |= {"count": changes[digest]["count"] + 1, "last_at": item.at}
            continue
        if digest not in known:
            if places <= 0:
                continue
            places -= 1
        data = item.data if isinstance(item.data, bytes) else None  # the database would hold it whole in memory
        fits = data is not None and not known.get(digest, False) and len(data) <= room
        if fits:
            room -= len(item.data)
            known[digest] = True
        changes[digest] = {
            "at": item.at,
            "peer": item.peer,
            "channel": item.channel,
            "code": item.code,
            "place": item.where,
            "detail": item.detail,
            "digest": digest,
            "size": len(item.data),
            "count": 1,
            "last_at": item.at,
            "data": data if fits else None,
            "document_id": item.document_id,
        }
    if changes:
        ordered = [changes[digest] for digest in sorted(changes)]
        connection.execute(_KEEP[connection.dialect.name], ordered)
    return [known.get(digest, False) for digest in digests]
