"""Webhooks that are due: their table, ``book.webhooks`` (:class:`edxml_router.ports.webhooks.Webhooks`), and how they
are read.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any, Final

from sqlalchemy import BigInteger, Boolean, Column, Engine, Integer, Table, Text, bindparam, func, select, text

from edxml_router.core.delivery.lifecycle import State
from edxml_router.core.delivery.webhook import Hook, Waiting, WebhookSubject
from edxml_router.core.link.route import Route
from edxml_router.store.database.columns import Instant, Wording, metadata, words
from edxml_router.store.database.engine import reading
from edxml_router.store.database.part import Part
from edxml_router.store.deliveries.table import OPEN, deliveries
from edxml_router.store.receipts.book import receipts

webhooks = Table(
    "webhooks",
    metadata,
    Column("office", Text, primary_key=True),
    Column("subject", Text, primary_key=True),
    words("url"),
    Column("told_count", Integer, nullable=False),
    Column("told_latest", BigInteger, nullable=False),
    Column("number", BigInteger, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("due_at", Instant),
    words("code"),
    words("detail", Wording),
    Column("ended", Boolean, nullable=False),
)

_NAMES: Final = [column.name for column in webhooks.c]
_KEEP: Final = text(
    f"INSERT INTO webhooks ({', '.join(_NAMES)}) VALUES ({', '.join(':' + name for name in _NAMES)})"  # noqa: S608
    " ON CONFLICT (office, subject) DO UPDATE SET " + ", ".join(f"{name} = excluded.{name}" for name in _NAMES[2:])
).bindparams(bindparam("due_at", type_=Instant), bindparam("detail", type_=Wording), bindparam("ended", type_=Boolean))


class SqlWebhooks(Part):
    """See :class:`edxml_router.ports.webhooks.Webhooks`."""

    def all(self) -> Sequence[Hook]:
        # The rows are locked: two processes of one node must not both make a call.
        return [_hook(row) for row in self._execute(select(webhooks).with_for_update())]

    def keep(self, hooks: Sequence[Hook]) -> None:
        if hooks:
            self._execute(_KEEP, [_row(hook) for hook in hooks])

    def drop(self, hooks: Sequence[Hook]) -> None:
        for hook in hooks:
            self._execute(webhooks.delete().where(webhooks.c.office == hook.office, webhooks.c.subject == hook.subject))

    def waiting(self, offices: Sequence[str]) -> Mapping[tuple[str, WebhookSubject], Waiting]:
        routes = [Route.office(name) for name in offices]
        mail = (
            select(deliveries.c.route, func.count().label("count"), func.max(deliveries.c.updated_at).label("latest"))
            .where(deliveries.c.route.in_(routes), deliveries.c.state == State.AVAILABLE, text(OPEN))
            .group_by(deliveries.c.route)
        )
        answers = (
            select(receipts.c.origin, func.count().label("count"), func.max(receipts.c.id).label("latest"))
            .where(receipts.c.origin.in_(routes), receipts.c.sent_at.is_(None))
            .group_by(receipts.c.origin)
        )
        found = {}
        for subject, query in ((WebhookSubject.MAIL, mail), (WebhookSubject.RECEIPTS, answers)):
            for route, count, latest in self._execute(query):
                found[route.name, subject] = Waiting(count, _rising(latest))
        return found


class SqlWebhookQueries:
    """See :class:`edxml_router.ports.views.Views`."""

    engine: Engine

    def webhooks(self) -> Sequence[Hook]:
        with reading(self.engine) as connection:
            return [_hook(row) for row in connection.execute(select(webhooks).order_by(*webhooks.primary_key))]


def _rising(latest: Any) -> int:
    return int(latest.timestamp() * 1_000_000) if isinstance(latest, datetime) else int(latest)


def _row(hook: Hook) -> dict[str, Any]:
    row = asdict(hook)
    told = row.pop("told")
    return row | {"told_count": told["count"], "told_latest": told["latest"]}


def _hook(row: Any) -> Hook:
    values = dict(row._mapping)
    told = Waiting(values.pop("told_count"), values.pop("told_latest"))
    return Hook(**values | {"subject": WebhookSubject(values["subject"]), "told": told})
