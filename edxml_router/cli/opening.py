"""A node's database, or the node itself, opened for one command; and the questions that several commands share."""

from __future__ import annotations

import os
import pwd
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from datetime import UTC, datetime, timedelta
from typing import Any

import click

from edxml_router.cli.session import Session
from edxml_router.config import Settings
from edxml_router.config.values import read_duration, read_size
from edxml_router.core.problems import Defect, Finding, Setback, Trouble
from edxml_router.store.database import migrate
from edxml_router.store.ledger import SqlLedger
from edxml_router.wiring import node as wiring
from edxml_router.wiring import reading
from edxml_router.wiring.reading import Asked, Place, require_file
from edxml_router.wiring.stored import StoredNode


@contextmanager
def open_ledger(settings: Settings) -> Iterator[SqlLedger]:
    """The database. Raises Setback EDX602, also when its schema is not of this version; Refusal EDX617."""
    require_file(settings)
    with closing(wiring.open_ledger(settings)) as ledger:
        try:
            yield ledger
        except Defect as defect:
            _require_schema(ledger, defect)
            raise


@contextmanager
def open_node(settings: Settings) -> Iterator[StoredNode]:
    """The node without its transports. Raises ConfigErrors and Setback EDX602.

    In the end what was journalled takes its place in the log: where nothing runs, nobody else would do it.
    """
    require_file(settings)
    try:
        with wiring.open_node(settings) as node:
            try:
                yield node
            finally:
                with suppress(Trouble):  # what was done is done; `journal verify` tells what has no place yet
                    wiring.number_journal(node)
    except Defect as defect:
        with closing(wiring.open_ledger(settings)) as ledger:
            _require_schema(ledger, defect)
        raise


def _require_schema(ledger: SqlLedger, cause: Defect) -> None:
    """Asked only after a failure: the answer takes longer than most commands."""
    schema = migrate.current(ledger.engine)
    if schema != migrate.newest():
        detail = f"schema {schema or 'missing'}, needed {migrate.newest()}; run `edxml-router init`"
        raise Setback("EDX602", where="store.url", detail=detail) from cause


def operator() -> str:
    """Who is at the keyboard: the account before sudo, or the account of this process."""
    name = os.environ.get("SUDO_USER") if os.geteuid() == 0 else None
    if name:
        return name
    try:
        return pwd.getpwuid(os.geteuid()).pw_name
    except KeyError:
        return str(os.geteuid())


class Database(click.ParamType[Place]):
    """A database that is only read: a path, ``sqlite:///PATH`` or ``postgresql://USER@HOST/NAME``."""

    name = "database"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Place:
        if isinstance(value, Place):
            return value
        try:
            return reading.read_place(value)
        except ValueError as error:  # what was typed is not repeated: there may be a password in it
            session = (ctx or click.get_current_context()).ensure_object(Session)
            self.fail(session.detail(str(error)), param, ctx)


database_option = click.option(
    "--database",
    type=Database(),
    metavar="PATH|URL",
    help="Ask this database, such as a copy, and read no configuration; nothing is written to it or beside it.",
)


@contextmanager
def open_asked(session: Session, database: Place | None) -> Iterator[Asked]:
    """The database to be asked: the one given, or the node's."""
    how = reading.open_own(session.config_file()) if database is None else reading.open_other(database)
    with how as asked:
        if asked.schema:
            session.note(session.say(f"database.{asked.schema}"), "yellow")
        yield asked


class Moment(click.ParamType[datetime]):
    """A time: ``2026-11-22``, ``2026-11-22T08:30`` (this machine's zone), or ``2h``: so long ago."""

    name = "time"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> datetime:
        if isinstance(value, datetime):
            return value
        try:
            return datetime.now(UTC) - read_duration(value)
        except ValueError:
            pass
        try:
            return datetime.fromisoformat(value).astimezone(UTC)
        except (ValueError, OverflowError):
            self.fail(f"{value!r} is neither a time (2026-11-22, 2026-11-22T08:30) nor an age (2h)", param, ctx)


class Age(click.ParamType[timedelta]):
    """A length of time, as in the configuration: ``30m``, ``2h``, ``5d``."""

    name = "duration"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> timedelta:
        if isinstance(value, timedelta):
            return value
        try:
            return read_duration(value)
        except ValueError as error:
            self.fail(str(error), param, ctx)


def in_batches(numbers: Sequence[int], size: int = 200) -> Iterator[Sequence[int]]:
    """The same numbers, some at a time, so that no transaction is long."""
    for start in range(0, len(numbers), size):
        yield numbers[start : start + size]


Act = Callable[[Sequence[int]], Sequence[Finding | None]]


def perform(session: Session, numbers: Sequence[int], act: Act) -> dict[int, Finding | None]:
    """Do something to deliveries, batch by batch with a bar; the answer for each."""
    answers: dict[int, Finding | None] = {}
    with session.progress(session.say("queue.working"), len(numbers)) as advance:
        for batch in in_batches(numbers):
            answers.update(zip(batch, act(batch), strict=True))
            advance(len(batch))
    return answers


class Size(click.ParamType[int]):
    """A number of bytes, or "256 MiB"."""

    name = "size"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        try:
            return read_size(int(value) if str(value).isdecimal() else value)
        except ValueError as error:
            self.fail(str(error), param, ctx)
