"""``book.envelopes``: :class:`edxml_router.ports.ledger.Envelopes` in SQL."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Connection, bindparam, func, select

from edxml_router.core.delivery.entries.facts import Grounds, envelope_facts
from edxml_router.core.delivery.journal import ENVELOPE_ACCEPTED, Entry
from edxml_router.core.delivery.values import EnvelopeRow
from edxml_router.store.database.bulk import Insert
from edxml_router.store.database.columns import Instant
from edxml_router.store.database.part import Part
from edxml_router.store.deliveries.table import deliveries
from edxml_router.store.envelopes.table import envelope_rows, envelopes
from edxml_router.store.journal.book import SqlJournal

_COLUMNS: Final = tuple(column.name for column in envelopes.columns)
# Without a target the clause covers both keys, the digest and the identity.
_ADD: Final = Insert(envelopes, _COLUMNS, "ON CONFLICT DO NOTHING RETURNING digest")
_KEYS: Final[Any] = bindparam("keys", expanding=True)
_KNOWN: Final = select(envelopes).where(envelopes.c.digest.in_(_KEYS))
_IDENTIFIED: Final = select(envelopes).where(envelopes.c.identity.in_(_KEYS))
_OF_PEER: Final = (envelopes.c.peer == bindparam("peer"), envelopes.c.accepted_at >= bindparam("since", type_=Instant))
_BROUGHT: Final = select(
    func.count().label("messages"), func.coalesce(func.sum(envelopes.c.size), 0).label("size")
).where(*_OF_PEER)
_BROUGHT_RECIPIENTS: Final = (
    select(func.count())
    .select_from(deliveries.join(envelopes, deliveries.c.digest == envelopes.c.digest))
    .where(*_OF_PEER)
)
_NO_GROUNDS: Final = Grounds()


class SqlEnvelopes(Part):
    """See :class:`edxml_router.ports.ledger.Envelopes`."""

    def __init__(self, connection: Connection, journal: SqlJournal) -> None:
        super().__init__(connection)
        self._journal = journal

    def add(self, rows: Sequence[EnvelopeRow], grounds: Grounds = _NO_GROUNDS) -> set[str]:
        # Locked in the order of their keys, so that two batches rarely wait for each other in a circle.
        values = [{name: getattr(row, name) for name in _COLUMNS} for row in sorted(rows, key=lambda row: row.digest)]
        inserted = {row.digest for row in self._write(_ADD, values)}
        first = {row.digest: row for row in reversed(rows)}
        for row in (row for digest, row in reversed(first.items()) if digest in inserted):
            verdict = f"{row.indication}: {row.reason}" if row.reason else row.indication
            facts = envelope_facts(row, grounds)
            self._journal.note(
                [
                    Entry(
                        row.accepted_at, ENVELOPE_ACCEPTED, row.digest, actor=row.peer, detail=verdict, facts=facts
                    )
                ]
            )
        return inserted

    def known(self, digests: Iterable[str]) -> Mapping[str, EnvelopeRow]:
        return {row.digest: row for row in envelope_rows(self._by_keys(_KNOWN, digests))}

    def recognised(self, digests: Collection[str], identities: Collection[str]) -> Sequence[EnvelopeRow]:
        rows = [*self._by_keys(_KNOWN, digests), *self._by_keys(_IDENTIFIED, identities)]
        return list({row.digest: row for row in envelope_rows(rows)}.values())

    def brought(self, peer: str, since: datetime) -> tuple[int, int, int]:
        values = {"peer": peer, "since": since}
        found = self._execute(_BROUGHT, values).one()
        return found.messages, int(found.size), self._execute(_BROUGHT_RECIPIENTS, values).scalar_one()
