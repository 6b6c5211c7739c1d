"""Checkpoints, and paths in the journal's tree: :class:`SqlProofs` keeps the promises of
:class:`edxml_router.ports.proofs.Proofs` in SQL.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Engine, select

from edxml_router.core.delivery.journal import leaf_bytes, leaf_hash
from edxml_router.core.delivery.views import Checkpoint
from edxml_router.core.detail import Detail
from edxml_router.core.problems import Setback
from edxml_router.core.proof.paths import consistency_path, inclusion_path, tree_root
from edxml_router.store.database.engine import reading
from edxml_router.store.journal.nodes import HEIGHT, StoredTree
from edxml_router.store.journal.table import checkpoint_columns, checkpoints, entry_columns, journal


class SqlProofs:
    """See :class:`edxml_router.ports.proofs.Proofs`."""

    engine: Engine

    def checkpoint(self, size: int | None = None) -> Checkpoint | None:
        return self._newest(*(() if size is None else (checkpoints.c.size == size,)))

    def signed_checkpoint(self, least: int = 0) -> Checkpoint | None:
        with reading(self.engine) as connection:
            if checkpoints.c.note not in checkpoint_columns(connection):
                return None  # a copy from before there were signatures
        return self._newest(checkpoints.c.note.is_not(None), checkpoints.c.size >= least)

    def root_at(self, size: int) -> bytes:
        with reading(self.engine) as connection:
            return tree_root(StoredTree(connection), size)

    def leaves(self, begin: int, end: int) -> Sequence[tuple[int, bytes, datetime | None]]:
        with reading(self.engine) as connection:
            _, *_, entry, _, stamp = entry_columns(connection)
            query = select(journal.c.position, entry, stamp)
            inside = (journal.c.position >= begin, journal.c.position < end, journal.c.position.is_not(None))
            rows = connection.execute(query.where(*inside).order_by(journal.c.position)).all()
        return [(place, bytes(data), at) for place, data, at in rows]

    def subtrees(self, level: int, first: int, count: int) -> Sequence[bytes]:
        with reading(self.engine) as connection:
            read = StoredTree(connection)
            return [read(HEIGHT * level, place) for place in range(first, first + count)]

    def inclusion(self, place: int, size: int) -> tuple[bytes, Sequence[bytes]]:
        with reading(self.engine) as connection:
            path = inclusion_path(StoredTree(connection), place, size)
            query = select(*entry_columns(connection)).where(journal.c.position == place)
            row = connection.execute(query).one_or_none()
        leaf = leaf_bytes(bytes(row.entry), row.stamp) if row else b""
        if row is None or leaf_hash(leaf) != bytes(row.leaf):
            detail = Detail("the leaf is not the hash of the entry") if row else Detail("an entry is missing")
            raise Setback("EDX605", where=Detail("place {place}", place=place), detail=detail)
        return leaf, path

    def consistency(self, old: int, new: int) -> Sequence[bytes]:
        with reading(self.engine) as connection:
            return consistency_path(StoredTree(connection), old, new)

    def _newest(self, *conditions: Any) -> Checkpoint | None:
        with reading(self.engine) as connection:
            query = select(*checkpoint_columns(connection)).where(*conditions).order_by(checkpoints.c.size.desc())
            row = connection.execute(query.limit(1)).one_or_none()
        if row is None:
            return None
        note = bytes(row.note) if row.note is not None else None
        return Checkpoint(row.size, bytes(row.root).hex(), row.at, note)
