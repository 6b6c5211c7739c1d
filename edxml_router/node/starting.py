"""Preconditions of serving a node: its journal exists, and nobody else takes its mail.

    require_journal(settings)     # before anything is made
    require_alone(settings)       # before the first worker

Raises Refusal EDX617, EDX620.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from typing import Final

from edxml_router.config import Settings
from edxml_router.core.detail import Detail
from edxml_router.core.problems import Refusal, Setback
from edxml_router.store.database import migrate
from edxml_router.store.database.engine import served_elsewhere
from edxml_router.store.epochs import identity
from edxml_router.wiring import hubs, own_ledger
from edxml_router.wiring.reading import require_file

PATIENCE: Final = 10.0  # seconds for others to release our mailboxes
LOOK: Final = 0.2  # seconds between looks


def require_journal(settings: Settings) -> None:
    """Refuse (EDX617) to create a journal where there was, or may be, one: an unmounted volume looks like that."""
    data, file = settings.node.data, settings.database_url.partition("sqlite:///")[2]
    if file:
        require_file(settings)
        with closing(own_ledger.open_ledger(settings)) as ledger:
            if not migrate.current(ledger.engine):
                raise Refusal("EDX617", where=file, detail=Detail("an empty database"))
        return
    with closing(own_ledger.open_ledger(settings)) as ledger:
        schema = migrate.current(ledger.engine)
        if not schema and identity.marked(data):
            raise Refusal(
                "EDX617", where="store.url", detail=Detail("an empty database, and the data folder had one before")
            )
        if schema == migrate.newest() and identity.owner(ledger.engine) and not identity.marked(data):
            detail = Detail("the database has been used, and this data folder was never its")
            raise Refusal("EDX617", where=str(data), detail=detail)


def require_alone(settings: Settings, patience: float = PATIENCE) -> None:
    """Refuse (EDX620) where somebody else takes this node's mail: two would split it, each with a journal of its own.

    Machines that share the database are one node. An absent hub is not asked: the node must start without it.
    """
    until = time.monotonic() + patience  # the workers of a killed supervisor end by themselves
    while taken := [place for place, count in consumers(settings).items() if count]:
        with closing(own_ledger.open_ledger(settings)) as ledger:
            if served_elsewhere(ledger.engine):
                return
        if time.monotonic() >= until:
            raise Refusal(
                "EDX620", where=taken[0], detail=Detail("mail is taken from it already, and not by this database")
            )
        time.sleep(LOOK)


def consumers(settings: Settings) -> dict[str, int]:
    """The number of consumers of the node's own mailboxes, by hub; none for an absent hub. All hubs are asked at once,
    since a silent one takes some seconds."""

    def look(name: str, mailboxes: Sequence[str]) -> tuple[str, int] | None:
        hub = settings.hubs[name]
        with suppress(Setback):
            seen = hubs.waiting(settings, hub, mailboxes)
            return hub.place, max((each.takers for each in seen.values()), default=0)
        return None

    with ThreadPoolExecutor(max_workers=2) as threads:
        found = [each.result() for each in [threads.submit(look, *one) for one in hubs.consumed(settings).items()]]
    return dict(each for each in found if each is not None)
