"""What lay, or lies, in the inboxes of offices here: :class:`SqlReceived` keeps the promises of
:class:`edxml_router.ports.views.MailView` in SQL.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Engine, Select, func, select

from edxml_router.core.delivery.journal import HANDLED, Entry
from edxml_router.core.delivery.lifecycle import State
from edxml_router.core.delivery.views import InboxItem
from edxml_router.core.link.route import Route
from edxml_router.store.database.engine import reading
from edxml_router.store.database.part import chunks, equal
from edxml_router.store.deliveries.table import deliveries, delivery_rows
from edxml_router.store.envelopes.table import envelopes, envelopes_of
from edxml_router.store.journal.table import entry_of, journal

_JOINED: Final = deliveries.join(envelopes, deliveries.c.digest == envelopes.c.digest)


class SqlReceived:
    """See :class:`edxml_router.ports.views.MailView`."""

    engine: Engine

    def received(
        self,
        office: Route,
        agencies: Iterable[str],
        states: Iterable[State],
        *,
        kind: str = "",
        since: datetime | None = None,
        until: datetime | None = None,
        newest: bool = False,
        limit: int = 100,
    ) -> Sequence[InboxItem]:
        query = _theirs(select(deliveries), office, agencies, states, kind)
        if since is not None:
            query = query.where(envelopes.c.accepted_at >= since)
        if until is not None:
            query = query.where(envelopes.c.accepted_at < until)
        order = (envelopes.c.accepted_at.desc(), deliveries.c.id.desc()) if newest else (deliveries.c.id,)
        with reading(self.engine) as connection:
            found = delivery_rows(connection.execute(query.order_by(*order).limit(limit)))
            rows = envelopes_of(connection, (one.digest for one in found))
        return [InboxItem(one, rows[one.digest]) for one in found]

    def received_count(self, office: Route, agencies: Iterable[str], states: Iterable[State], kind: str = "") -> int:
        query = _theirs(select(func.count()), office, agencies, states, kind)
        with reading(self.engine) as connection:
            return int(connection.execute(query).scalar_one())

    def handled(self, digests: Iterable[str]) -> Mapping[tuple[str, str], Entry]:
        query = select(journal.c.id, journal.c.entry).where(journal.c.envelope != "", journal.c.event.in_(HANDLED))
        found: dict[tuple[str, str], Entry] = {}
        with reading(self.engine) as connection:
            for chunk in chunks(sorted(set(digests))):
                for row in connection.execute(query.where(journal.c.envelope.in_(chunk)).order_by(journal.c.id)):
                    entry = entry_of(row)
                    found[entry.envelope, entry.recipient] = entry
        return found


def _theirs(
    query: Select[Any], office: Route, agencies: Iterable[str], states: Iterable[State], kind: str
) -> Select[Any]:
    """The deliveries of an office, by its agencies: of the route alone there is an index for open ones only."""
    query = query.select_from(_JOINED).where(
        deliveries.c.recipient.in_(sorted(set(agencies))),
        deliveries.c.state.in_(list(states)),
        deliveries.c.route == office,
    )
    return equal(query, envelopes, kind=kind)
