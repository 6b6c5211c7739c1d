"""Which mailboxes do not answer, as the workers last knew: for commands, which have no connection of their own.

Nothing is decided by these rows. A starting worker removes them all, and soon knows anew.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Final

from sqlalchemy import Boolean, Column, Engine, Table, Text, bindparam, select, text

from edxml_router.core.delivery.views import Silence
from edxml_router.core.link.route import Route
from edxml_router.core.problems import Finding
from edxml_router.store.database.columns import Instant, metadata, words
from edxml_router.store.database.engine import reading
from edxml_router.store.database.part import Part

silences = Table(
    "silences",
    metadata,
    Column("route", Text, primary_key=True),
    Column("urgent", Boolean, primary_key=True),
    Column("since", Instant, nullable=False),
    words("code"),
    words("place"),
    words("detail"),
)

# Two workers may notice at once; the second keeps the time of the first.
_FALLEN: Final = text(
    "INSERT INTO silences (route, urgent, since, code, place, detail)"
    " VALUES (:route, :urgent, :since, :code, :place, :detail) ON CONFLICT (route, urgent)"
    " DO UPDATE SET code = excluded.code, place = excluded.place, detail = excluded.detail"
).bindparams(bindparam("since", type_=Instant), bindparam("urgent", type_=Boolean))
_BACK: Final = silences.delete().where(
    silences.c.route == bindparam("route"), silences.c.urgent == bindparam("urgent", type_=Boolean)
)

Places = Collection[tuple[Route, bool]]


class SilenceNotes(Part):
    """See :class:`edxml_router.ports.mailboxes.Mailboxes`."""

    def note_silences(self, fallen: Mapping[tuple[Route, bool], Finding], back: Places | None, now: datetime) -> None:
        if back is None:
            self._execute(silences.delete())
        elif back:
            self._execute(_BACK, [{"route": route, "urgent": urgent} for route, urgent in sorted(back)])
        for (route, urgent), why in sorted(fallen.items(), key=lambda item: item[0]):
            values = {"code": why.code, "place": why.where, "detail": why.detail}
            self._execute(_FALLEN, {"route": route, "urgent": urgent, "since": now, **values})


class SqlSilences:
    """See :class:`edxml_router.ports.views.MailView`."""

    engine: Engine

    def silences(self) -> Mapping[tuple[Route, bool], Silence]:
        with reading(self.engine) as connection:
            return {
                (Route(row.route), row.urgent): Silence(Finding(row.code, row.place, row.detail), row.since)
                for row in connection.execute(select(silences))
            }
