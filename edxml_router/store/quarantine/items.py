"""Input that was refused, kept for the operator within a quota.

An item is something that one peer sent, with what was wrong with it; repeats are counted. The same bytes from another
peer, or with another fault, are a separate item, so that one does not hide the other. The bytes are stored once, with
one of the items, and pass to another when that one is removed. Beyond the quota only metadata is kept, and beyond
:data:`ROWS` items nothing; the journal records refusals in any case. Each peer has a share of both bytes and items
(:mod:`edxml_router.core.delivery.shares`), so that one that floods the quarantine leaves room for the others. On
PostgreSQL, workers that refuse at the same moment may exceed the quota by one batch each; a lock would make acceptance
wait because of strangers' rubbish.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any, Final

from sqlalchemy import (
    BigInteger,
    BindParameter,
    Column,
    Connection,
    Index,
    Integer,
    Table,
    UniqueConstraint,
    bindparam,
    delete,
    exists,
    func,
    select,
    update,
)

from edxml_router.core.delivery import shares
from edxml_router.core.delivery.values import NewQuarantinedItem
from edxml_router.core.problems import Finding
from edxml_router.store.database.columns import Instant, Number, Octets, Wording, metadata, partial, words
from edxml_router.store.database.engine import troubles
from edxml_router.store.database.part import Part, PerDialect, chunks

quarantine = Table(
    "aside",  # the quarantine's name in the database
    metadata,
    Column("id", Number, primary_key=True),
    Column("at", Instant, nullable=False),
    words("peer"),
    words("channel"),
    words("code"),
    words("place", Wording),  # ``where`` in Python: a word SQL has taken
    words("detail", Wording),
    words("digest"),
    Column("size", BigInteger, nullable=False),
    Column("count", Integer, nullable=False),
    Column("last_at", Instant, nullable=False),
    Column("data", Octets),  # null when the quota was used up
    words("document_id", server_default=""),  # as far as it could be read
    UniqueConstraint("digest", "peer", "code", name="aside_fault"),
    partial("aside_kept", "peer", "size", where="data IS NOT NULL"),
    Index("aside_peer", "peer"),
    partial("aside_document_id", "document_id", where="document_id <> ''"),
)

ROWS: Final = 100_000  # some 50 MB of metadata

_SIZES: Final = (
    select(quarantine.c.peer, func.sum(quarantine.c.size))
    .where(quarantine.c.data.is_not(None))
    .group_by(quarantine.c.peer)
)
_COUNTS: Final = select(quarantine.c.peer, func.count()).group_by(quarantine.c.peer)
_KNOWN: Final = select(
    quarantine.c.digest, quarantine.c.peer, quarantine.c.code, quarantine.c.data.is_not(None).label("holds")
).where(quarantine.c.digest.in_(bindparam("keys", expanding=True)))

_holder = quarantine.alias("holder")
_HELD: Final = (_holder.c.digest == quarantine.c.digest, _holder.c.data.is_not(None))
KEPT_HERE: Final = exists().where(*_HELD)  # whether an item's bytes are here, with whichever item
BYTES: Final = select(_holder.c.data).where(*_HELD).limit(1).scalar_subquery()


def _upsert(insert: Any) -> Any:
    statement = insert(quarantine)
    return statement.on_conflict_do_update(
        index_elements=[quarantine.c.digest, quarantine.c.peer, quarantine.c.code],
        set_={
            "count": quarantine.c.count + statement.excluded.count,
            "last_at": statement.excluded.last_at,
            "data": func.coalesce(quarantine.c.data, statement.excluded.data),
            # Bytes that were unreadable before may be readable under today's limits.
            "document_id": func.coalesce(func.nullif(statement.excluded.document_id, ""), quarantine.c.document_id),
        },
    )


_BY_CODE: Final = quarantine.c.code.in_(bindparam("codes", expanding=True))
_KEPT: Final = (
    select(quarantine.c.id, quarantine.c.peer, BYTES.label("data"))
    .where(_BY_CODE, KEPT_HERE, quarantine.c.id > bindparam("after"))
    .order_by(quarantine.c.id)
    .limit(bindparam("limit"))
)
_KEPT_OF: Final = (
    select(quarantine.c.peer, quarantine.c.code, quarantine.c.place, quarantine.c.detail)
    .where(_BY_CODE)
    .order_by(quarantine.c.id)
)
_KEYS: Final[BindParameter[int]] = bindparam("keys", expanding=True)
_gone, _heir = quarantine.alias("gone"), quarantine.alias("heir")
_LEAVING: Final = select(_gone.c.digest).where(_gone.c.id.in_(_KEYS), _gone.c.data.is_not(None))
_HEIRS: Final = (
    select(func.min(_heir.c.id))
    .where(_heir.c.id.not_in(_KEYS), _heir.c.digest.in_(_LEAVING))
    .group_by(_heir.c.digest)
    .scalar_subquery()
)
_BEQUEATH: Final = (
    update(quarantine).where(quarantine.c.id.in_(_HEIRS)).values(data=func.coalesce(quarantine.c.data, BYTES))
)
_REMOVE: Final = (
    delete(quarantine)
    .where(quarantine.c.id.in_(_KEYS))
    .returning(quarantine.c.id, quarantine.c.digest, quarantine.c.code)
)

_KEEP: Final = PerDialect(_upsert)


class SqlQuarantine(Part):
    """``book.quarantine``: see :class:`edxml_router.ports.ledger.Quarantine`."""

    def keep(
        self, items: Sequence[NewQuarantinedItem], quota: int, peers: Collection[str] | None = None
    ) -> Sequence[bool]:
        with troubles():
            return keep_items(self._connection, items, quota, peers)

    def kept(self, codes: Sequence[str], after: int, limit: int) -> Sequence[tuple[int, str, bytes]]:
        rows = self._execute(_KEPT, {"codes": list(codes), "after": after, "limit": limit})
        return [(row.id, row.peer, bytes(row.data)) for row in rows]

    def kept_of(self, codes: Sequence[str]) -> Mapping[str, Finding]:
        rows = self._execute(_KEPT_OF, {"codes": list(codes)})
        return {row.peer: Finding(row.code, row.place, row.detail) for row in rows}

    def take_back(self, numbers: Iterable[int]) -> None:
        with troubles():
            for chunk in chunks(sorted(numbers)):
                remove(self._connection, chunk)


class _Space:
    """What is taken of a space, by whom; without ``peers`` there are no shares."""

    def __init__(self, taken: Mapping[str, int], total: int, peers: Collection[str] | None) -> None:
        self._total = total
        self._peers = peers
        self._used: dict[str, int] = {}
        for name, amount in taken.items():
            self._add(name, amount)

    def take(self, name: str, amount: int) -> bool:
        """Whether there is room for ``amount`` more of ``name``, which is taken then."""
        most = self._total - sum(self._used.values()) + self._used.get(self._holder(name), 0)
        if self._peers is not None:
            most = min(most, shares.allowance(self._used, self._holder(name), self._total, len(self._peers)))
        if self._used.get(self._holder(name), 0) + amount > most:
            return False
        self._add(name, amount)
        return True

    def _add(self, name: str, amount: int) -> None:
        holder = self._holder(name)
        self._used[holder] = self._used.get(holder, 0) + amount

    def _holder(self, name: str) -> str:
        return name if self._peers is None else shares.counted_as(name, self._peers)


def keep_items(
    connection: Connection,
    items: Sequence[NewQuarantinedItem],
    quota: int,
    peers: Collection[str] | None = None,
    rows: int = ROWS,
) -> list[bool]:
    """Keep ``items``. Returns for each whether its bytes are kept, by this call or an earlier one."""
    if not items:
        return []
    digests = [item.data.digest for item in items]
    known: set[tuple[str, str, str]] = set()
    kept: set[str] = set()  # digests of bytes that are here
    for row in connection.execute(_KNOWN, {"keys": sorted(set(digests))}):
        known.add((row.digest, row.peer, row.code))
        if row.holds:
            kept.add(row.digest)
    room = _Space({peer: int(size) for peer, size in connection.execute(_SIZES)}, quota, peers)
    places = _Space({peer: int(count) for peer, count in connection.execute(_COUNTS)}, rows, peers)
    changes: dict[tuple[str, str, str], dict[str, Any]] = {}
    for digest, item in zip(digests, items, strict=True):
        fault = (digest, item.peer, item.code)
        if fault in changes:
            changes[fault] |= {"count": changes[fault]["count"] + 1, "last_at": item.at}
            continue
        if fault not in known and not places.take(item.peer, 1):
            continue
        data = item.data.held  # None: the database would hold it whole in memory
        fits = data is not None and digest not in kept and room.take(item.peer, len(data))
        if fits:
            kept.add(digest)
        changes[fault] = {
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
        ordered = [changes[fault] for fault in sorted(changes)]
        connection.execute(_KEEP[connection.dialect.name], ordered)
    return [digest in kept for digest in digests]


def remove(connection: Connection, numbers: Sequence[int]) -> list[tuple[int, str, str]]:
    """Remove items: (number, digest, code) of those that there were. Bytes that other items share stay with one."""
    keys = {"keys": sorted(set(numbers))}
    connection.execute(_BEQUEATH, keys)
    return [(row.id, row.digest, row.code) for row in connection.execute(_REMOVE, keys)]
