"""Make a node, and run it.

    file, new = initialise(folder, "h53", "Tỉnh")
    status = serve(settings)

Raises Refusal EDX609, EDX617, EDX619, EDX620, EDX901, EDX908, Setback EDX610 for a damaged database, ConfigErrors.
"""

from __future__ import annotations

import os
import re
import time
from contextlib import closing
from pathlib import Path

from edxml_router.config import Settings, load
from edxml_router.config.text import example
from edxml_router.core.detail import Detail
from edxml_router.core.problems import Refusal, Setback
from edxml_router.core.wording import in_words
from edxml_router.credentials.ed25519_keys import make_ed25519_key
from edxml_router.credentials.keys import write_new
from edxml_router.disk.accounts import acting_as_owner
from edxml_router.node import supervisor
from edxml_router.node.sole import sole
from edxml_router.node.starting import require_alone, require_journal
from edxml_router.observe import events
from edxml_router.observe.logs import configure
from edxml_router.observe.service_manager import ServiceManager
from edxml_router.services.alerts.switch import alerting
from edxml_router.services.metrics.switch import serving_metrics
from edxml_router.store import integrity
from edxml_router.store.database import migrate
from edxml_router.wiring.own_ledger import open_ledger, recognise
from edxml_router.wiring.reading import require_file

FILE = "node.toml"
LOG_KEY = "log.key.pem"
FIRST_PAUSE, LONGEST_PAUSE = 0.5, 5.0  # seconds between looks whether the database is there
PASSING = frozenset({"EDX601", "EDX602", "EDX622", "EDX624"})
_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,62}")


def initialise(folder: Path, name: str, title: str, data: Path | None = None) -> tuple[Path, bool]:
    """Both of the following, for root as the account that the folder belongs to: what root owns the service cannot
    read."""
    with acting_as_owner(folder):
        file, new = write_configuration(folder, name, title, data)
        make(file)
    return file, new


def write_configuration(folder: Path, name: str, title: str, data: Path | None = None) -> tuple[Path, bool]:
    """The configuration file in a folder, and whether it is new; an existing one is not touched. A new one comes with
    the key of the node's log, and names the folder of the node's ``data`` where that is not beside it."""
    if not _NAME.fullmatch(name):
        raise Refusal("EDX901", where="--name", detail=Detail("a name has a-z, 0-9, hyphen and underscore"))
    file = folder / FILE
    folder.mkdir(parents=True, exist_ok=True)
    if file.exists():
        return file, False
    if not (folder / LOG_KEY).exists():
        make_ed25519_key(folder / LOG_KEY)
    write_new(file, example(name, title, LOG_KEY, str(data.absolute()) if data else "").encode())
    return file, True


def make(file: Path) -> None:
    """Make what a configuration needs: the data folder, and the database at this version's schema, owned by this
    node."""
    settings = load(file)
    _make_folder(settings)
    _make_database(settings)
    with closing(open_ledger(settings)) as ledger:
        recognise(settings, ledger)


def serve(settings: Settings) -> int:
    """Run the node until it is told to end; returns the supervisor's exit status. The database is upgraded, but never
    created."""
    require_file(settings)
    _make_folder(settings)
    with sole(settings.node.data):
        _wait_for_database(settings)
        with closing(open_ledger(settings)) as ledger:
            if damage := integrity.database_damage(ledger.engine, quick=True):
                raise Setback("EDX610", where="store.url", detail=damage)
            recognise(settings, ledger)
        require_alone(settings)
        with serving_metrics(settings) as measured, alerting(settings) as alerted:

            def take(new: Settings) -> None:
                measured(new)
                alerted(new)

            return supervisor.serve(settings, take)


def _make_folder(settings: Settings) -> None:
    """The data folder, accessible to the router's account alone."""
    folder = settings.node.data
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise Refusal("EDX908", where=str(folder), detail=in_words(error)) from error


def _wait_for_database(settings: Settings) -> None:
    """At boot the database may come up later than the node: wait and report it, rather than end and be restarted until
    the system gives up. A damaged or missing database is not waited for."""
    node, log = settings.node, settings.log
    configure(log.format, log.level, node=node.name, data=node.data)
    manager, pause = ServiceManager(os.environ), FIRST_PAUSE
    while True:
        try:
            require_journal(settings)
            _make_database(settings)
        except Setback as setback:
            if setback.code not in PASSING:
                raise
            events.setback(setback.finding)
            manager.waiting(f"{setback.code} {setback.finding.where}")
            manager.alive(time.monotonic())
            time.sleep(pause)
            pause = min(2 * pause, LONGEST_PAUSE)
        else:
            return


def _make_database(settings: Settings) -> None:
    """The database, at this version's schema."""
    with closing(open_ledger(settings)) as ledger:
        migrate.upgrade(ledger.engine)
