"""``edxml-router init`` and ``serve``: make a node, and run it."""

from __future__ import annotations

import re
import time
from contextlib import closing
from pathlib import Path

import click

from edxml_router.cli.commands import Command
from edxml_router.cli.session import Session, pass_session
from edxml_router.config import Settings, load
from edxml_router.config.text import example
from edxml_router.core.problems import Refusal, Setback
from edxml_router.credentials.keys import write_new
from edxml_router.node.sole import sole
from edxml_router.node.starting import require_alone, require_journal
from edxml_router.node.supervisor import serve as run
from edxml_router.observe import events
from edxml_router.observe.logs import configure
from edxml_router.store import integrity
from edxml_router.store.database import migrate
from edxml_router.wiring import node as wiring
from edxml_router.wiring.ownership import recognise
from edxml_router.wiring.reading import require_file

FILE = "node.toml"
FIRST_PAUSE, LONGEST_PAUSE = 0.5, 5.0  # seconds between looks whether the database is there
PASSING = frozenset({"EDX601", "EDX602", "EDX622", "EDX624"})
_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,62}")


@click.command(cls=Command)
@click.argument("folder", metavar="[DIR]", default=".", type=click.Path(path_type=Path, file_okay=False))
@click.option("--name", required=True, help="Name of the node: a-z, 0-9, hyphen, underscore.")
@click.option("--title", default="", help="Its name for people.")
@pass_session
def init(session: Session, folder: Path, name: str, title: str) -> None:
    """Make a node in DIR: node.toml, data folder and database.

    A node.toml that is there already is not touched; the database is brought up to date.
    """
    if not _NAME.fullmatch(name):
        raise Refusal("EDX901", where="--name", detail="a name has a-z, 0-9, hyphen and underscore")
    file = folder / FILE
    folder.mkdir(parents=True, exist_ok=True)
    if file.exists():
        session.note(session.say("file.exists", file=file), "yellow")
    else:
        write_new(file, example(name, title).encode())
    settings = load(file)
    _make_folder(settings)
    _make_database(settings)
    with closing(wiring.open_ledger(settings)) as ledger:
        recognise(settings, ledger)
    session.line(session.say("init.done", file=file))
    session.line(session.say("init.next", file=file))


@click.command(cls=Command)
@pass_session
def serve(session: Session) -> None:
    """Run the node: its worker processes, until SIGTERM or Ctrl-C. SIGHUP reloads the configuration.

    Brings the database up to date before it starts, but makes none: where there is none the volume may not be mounted
    (EDX617). The log is on standard error. While one runs on the same data folder, another refuses to start (EDX609);
    so does one whose mail another takes already (EDX620), or whose database is another node's (EDX619).
    """
    settings = session.settings()
    require_file(settings)
    _make_folder(settings)
    with sole(settings.node.data):
        _wait_for_database(settings)
        with closing(wiring.open_ledger(settings)) as ledger:
            if damage := integrity.damage(ledger.engine, quick=True):
                raise Setback("EDX610", where="store.url", detail=damage)
            recognise(settings, ledger)
        require_alone(settings)
        status = run(settings)
    click.get_current_context().exit(status)


def _make_folder(settings: Settings) -> None:
    """The data folder, which is for the router's account alone."""
    folder = settings.node.data
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise Refusal("EDX908", where=str(folder), detail=error.strerror or "") from error


def _wait_for_database(settings: Settings) -> None:
    """A machine that boots may have its database later than its node: wait, and say so, rather than end and be started
    until the system gives up. A database that is damaged, or missing where one was, is nobody's to wait for."""
    node, log = settings.node, settings.log
    configure(log.format, log.level, node=node.name, data=node.data)
    pause = FIRST_PAUSE
    while True:
        try:
            require_journal(settings)
            _make_database(settings)
        except Setback as setback:
            if setback.code not in PASSING:
                raise
            events.setback(setback.finding)
            time.sleep(pause)
            pause = min(2 * pause, LONGEST_PAUSE)
        else:
            return


def _make_database(settings: Settings) -> None:
    """The database, at this version's schema."""
    with closing(wiring.open_ledger(settings)) as ledger:
        migrate.upgrade(ledger.engine)
