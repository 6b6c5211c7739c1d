"""The database that a question is put to: the node's, or the one that ``--database`` names."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import click

from edxml_router.cli.session import Session, what_was_wrong
from edxml_router.wiring import reading
from edxml_router.wiring.reading import DatabasePlace, ReadableDatabase


class Database(click.ParamType[DatabasePlace]):
    """A database that is only read: a path, ``sqlite:///PATH`` or ``postgresql://USER@HOST/NAME``."""

    name = "database"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> DatabasePlace:
        if isinstance(value, DatabasePlace):
            return value
        try:
            return reading.read_place(value)
        except ValueError as error:  # what was typed is not repeated: there may be a password in it
            self.fail(what_was_wrong(error), param, ctx)


database_option = click.option(
    "--database",
    type=Database(),
    metavar="PATH|URL",
    help="Ask this database, such as a copy, and read no configuration; nothing is written to it or beside it.",
)


@contextmanager
def open_asked(session: Session, database: DatabasePlace | None) -> Iterator[ReadableDatabase]:
    """The database to be asked: the one given, or the node's."""
    how = reading.open_own(session.config_file()) if database is None else reading.open_other(database)
    with how as asked:
        if asked.schema:
            session.note(session.say(f"database.{asked.schema}"), "yellow")
        yield asked
