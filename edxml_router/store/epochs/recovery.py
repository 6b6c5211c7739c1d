"""What is asked for again after a restored back-up: whom, since when, and whether it is done.

Statements on the tables ``recoveries`` (whom we ask), ``resyncs`` (who has asked us) and ``renames``, run inside a
transaction of the ledger. A row for each neighbour and office, so that it takes the same room however often a back-up
is restored. Reading: :func:`pending`.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import Connection, Engine, insert, select, text, update

from edxml_router.core.link.resync import Recovery
from edxml_router.core.link.route import Route
from edxml_router.store.database.engine import reading
from edxml_router.store.database.part import Part
from edxml_router.store.deliveries.table import OPEN, deliveries
from edxml_router.store.epochs.tables import recoveries, resyncs

GRACE: Final = timedelta(days=1)  # before which nothing that was open expires: the answers come first
_FIRST: Final = text("INSERT INTO resyncs (peer, epoch, at) VALUES (:peer, '', 0) ON CONFLICT DO NOTHING")
_FIELDS: Final = (recoveries.c.party, recoveries.c.epoch, recoveries.c.since, recoveries.c.done_at)


def open_all(connection: Connection, parties: Sequence[Route], epoch: str, since: datetime, now: datetime) -> None:
    """Everybody is to be asked for what came after ``since``; where an earlier recovery is not done, after its time."""
    known = {row.party: row for row in connection.execute(select(recoveries))}
    for party in parties:
        row = known.get(party)
        start = since if row is None or row.done_at is not None else min(since, row.since)
        values = {"epoch": epoch, "since": start, "ask_at": now, "done_at": None}
        if row is None:
            connection.execute(insert(recoveries), {"party": party, **values})
        else:
            connection.execute(update(recoveries).where(recoveries.c.party == party), values)


class SqlRecoveries(Part):
    """``book.recoveries``: see :class:`edxml_router.ports.ledger.Recoveries`."""

    def claim(self, now: datetime, until: datetime, parties: Sequence[Route]) -> Sequence[Recovery]:
        query = select(*_FIELDS).where(
            recoveries.c.party.in_(list(parties)), recoveries.c.done_at.is_(None), recoveries.c.ask_at <= now
        )
        due = [Recovery(**row._mapping) for row in self._execute(query.with_for_update(skip_locked=True))]
        self.ask_again([one.party for one in due], until)
        return due

    def ask_again(self, parties: Sequence[Route], at: datetime) -> None:
        if parties:
            self._execute(update(recoveries).where(recoveries.c.party.in_(list(parties))).values(ask_at=at))

    def finish(self, party: Route, epoch: str, now: datetime) -> bool:
        rows = update(recoveries).where(recoveries.c.party == party, recoveries.c.done_at.is_(None))
        if epoch:
            rows = rows.where(recoveries.c.epoch == epoch)
        finished: int = self._execute(rows.values(done_at=now)).rowcount
        return finished > 0

    def asked(self, peer: str, epoch: str, now: datetime, pause: timedelta) -> bool | None:
        self._execute(_FIRST, {"peer": peer})
        row = self._execute(select(resyncs).where(resyncs.c.peer == peer).with_for_update()).one()
        if row.epoch == epoch:
            return False
        if row.epoch and now - row.at < pause:
            return None
        self._execute(update(resyncs).where(resyncs.c.peer == peer).values(epoch=epoch, at=now))
        return True

    def hurry(self, route: Route, now: datetime) -> int:
        rows = update(deliveries).where(deliveries.c.route == route, text("state = 'forwarded'"), text(OPEN))
        count: int = self._execute(rows.values(due_at=now, asked_at=None)).rowcount
        return count


def pending(engine: Engine) -> Sequence[Recovery]:
    """Who has not done its part yet."""
    with reading(engine) as connection:
        query = select(*_FIELDS).where(recoveries.c.done_at.is_(None)).order_by(recoveries.c.party)
        return [Recovery(**row._mapping) for row in connection.execute(query)]
