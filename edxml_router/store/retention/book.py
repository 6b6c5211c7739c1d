"""``book.retention``: :class:`edxml_router.ports.retention.Retention` in SQL."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import asdict
from typing import Any, Final

from sqlalchemy import bindparam, delete, exists, insert, select

from edxml_router.core.delivery.entries.reasons import CommittedReason
from edxml_router.core.delivery.entries.redaction import Redaction
from edxml_router.core.problems import Setback
from edxml_router.core.retention.judging import KeptBody
from edxml_router.core.retention.values import Hold, Removal
from edxml_router.store.bodies.table import bodies
from edxml_router.store.database.bulk import Insert
from edxml_router.store.database.engine import alone, troubles
from edxml_router.store.database.part import chunks
from edxml_router.store.deliveries.reasons import reasons_of
from edxml_router.store.envelopes.table import envelope_rows, envelopes
from edxml_router.store.journal.book import JournalledPart
from edxml_router.store.retention.redacting import erase, untold_outcomes
from edxml_router.store.retention.rows import kept_bodies
from edxml_router.store.retention.tables import ALONE, holds, removals, removed

_KEYS: Final[Any] = bindparam("keys", expanding=True)
_HERE: Final = (
    select(envelopes).join(bodies, bodies.c.digest == envelopes.c.digest).where(envelopes.c.digest.in_(_KEYS))
)
_ALL: Final = select(envelopes).where(envelopes.c.digest.in_(_KEYS))
_GONE: Final = (
    select(removed.c.digest)
    .where(removed.c.digest.in_(_KEYS), ~exists().where(bodies.c.digest == removed.c.digest))
    .distinct()
)
_REMOVED: Final = Insert(removed, ("digest", "removal"))
_DELETE: Final = delete(bodies).where(bodies.c.digest.in_(_KEYS))


class SqlRetention(JournalledPart):
    """See :class:`edxml_router.ports.retention.Retention`."""

    def alone(self) -> None:
        with troubles():
            alone(self._connection, ALONE)

    def standings(self, digests: Collection[str], *, gone: bool = False) -> Sequence[KeptBody]:
        rows = envelope_rows(self._by_keys(_ALL if gone else _HERE, digests))
        with troubles():
            return kept_bodies(self._connection, rows, lock=True)

    def remove_bodies(self, removal: Removal, digests: Collection[str]) -> None:
        number = self._execute(insert(removals).values(asdict(removal)).returning(removals.c.id)).scalar_one()
        self._write(_REMOVED, [{"digest": digest, "removal": number} for digest in sorted(digests)])
        gone = sum(self._execute(_DELETE, {"keys": chunk}).rowcount for chunk in chunks(sorted(digests)))
        if gone != removal.count:  # without the lock: another was quicker, and has noted them
            raise Setback("EDX602", where="bodies")
        self._journal.note([removal.entry()])

    def removed(self, digests: Iterable[str]) -> set[str]:
        return {row.digest for row in self._by_keys(_GONE, digests)}

    def words(self, digests: Collection[str]) -> Sequence[CommittedReason]:
        with troubles():
            return [one for one in reasons_of(self._connection, digests) if one.holds]

    def untold(self, digests: Collection[str]) -> set[tuple[str, str]]:
        with troubles():
            return untold_outcomes(self._connection, digests)

    def redact(self, redactions: Sequence[Redaction]) -> None:
        with troubles():
            for one in redactions:
                erase(self._connection, one)
        self._journal.note(one.entry() for one in redactions)

    def hold(self, hold: Hold) -> bool:
        if self._execute(select(holds.c.subject).where(holds.c.subject == hold.subject)).first():
            return False
        self._execute(insert(holds).values(asdict(hold)))
        return True

    def release(self, subject: str) -> bool:
        return bool(self._execute(delete(holds).where(holds.c.subject == subject)).rowcount)
