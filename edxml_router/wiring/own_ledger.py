"""The database of a node, and whose it is: of the node that the settings name, with the names that it and its peers had
before. Nothing here knows the node's rules, which a look at the database need not wait for.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

from edxml_router.config import Settings
from edxml_router.core.link.route import Route
from edxml_router.credentials.setting_files import secret
from edxml_router.observe import measures, tally
from edxml_router.ports.bell import Bell
from edxml_router.store.book import SqlBook
from edxml_router.store.clocks import steady_clock
from edxml_router.store.clocks.steady_clock import SteadyClock
from edxml_router.store.database import far_bell
from edxml_router.store.database.engine import connect, troubles
from edxml_router.store.database.patience import PATIENCE_SECONDS
from edxml_router.store.epochs import identity, renames
from edxml_router.store.ledger import SqlLedger


class OwnLedger(SqlLedger):
    """The database of a node of this machine, which is dated by the node's clock."""

    clock: SteadyClock
    bell: Bell | None = None  # of the workers, where somebody else writes
    readers: Bell | None = None  # of those who wait for mail at the gateway
    place: str = ""  # of this machine among all that share the database; empty: they are told nothing

    @contextmanager
    def book(self) -> Iterator[SqlBook]:
        with super().book() as book:
            yield book
            book.journal.write()
            if self.place and book.journal.wrote:
                with troubles():
                    far_bell.ring(book.connection, self.place)
            began = time.perf_counter()
        # Committed. A crash before this line leaves it to the workers' next look, and uncounted.
        if book.journal.wrote:
            measures.committed(time.perf_counter() - began)
            measures.noted(book.journal.told, book.journal.odd, book.journal.peers)
            measures.moved(book.journal.moves)
        if self.bell is not None:
            self.bell.ring()
        if self.readers is not None and book.journal.wrote:
            self.readers.ring()


def open_ledger(
    settings: Settings, patience: int = PATIENCE_SECONDS, label: str = "edxml-router", clock: SteadyClock | None = None
) -> OwnLedger:
    """The node's database, without looking whether its schema is of this version (``init`` and ``doctor`` do).

    ``patience``: seconds that its server has for a statement; ``label``: what PostgreSQL shows of the connection;
    ``clock``: in the place of the machine's.
    """

    def password() -> str | None:
        return secret(settings.store.password_file, "store.password_file")

    password()  # what is wrong with the file is said before anything is connected
    tally.report_in(settings.node.data)
    by = clock or SteadyClock(settings.node.data / steady_clock.FILE)
    return OwnLedger(connect(settings.database_url, password, patience, label), by)


def recognise(settings: Settings, ledger: SqlLedger) -> identity.NewEpoch | None:
    """See that the database is this node's and the one it left. Raises Refusal EDX619, EDX908."""
    restored = identity.recognise_database(ledger, settings.node.data, claim(settings))
    renames.apply_renames(ledger, _renamed(settings))
    return restored


def claim(settings: Settings) -> identity.Claimant:
    """Who opens the database, and whom it would ask after a restore."""
    neighbours = [child.name for child in settings.children] + ([settings.parent.name] if settings.parent else [])
    parties = [Route.link(name) for name in neighbours] + [Route.office(office.name) for office in settings.offices]
    log = settings.origin if settings.journal.key else ""
    return identity.Claimant(settings.node.name, settings.node.formerly, parties, log)


def _renamed(settings: Settings) -> dict[Route, Route]:
    """The former parties of each neighbour and office, with what they are called now."""
    renamed = {Route.link(old): Route.link(child.name) for child in settings.children for old in child.formerly}
    if settings.parent is not None:
        renamed |= {Route.link(old): Route.link(settings.parent.name) for old in settings.parent.formerly}
    return renamed | {Route.office(old): Route.office(one.name) for one in settings.offices for old in one.formerly}
