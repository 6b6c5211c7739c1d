"""What the parts of a book share: one transaction, and the driver's errors as problems."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from importlib import import_module
from typing import Any, Final

from sqlalchemy import Connection, Executable, Select
from sqlalchemy.exc import SQLAlchemyError

from edxml_router.store.database.bulk import Insert, Update
from edxml_router.store.database.engine import database_trouble

AT_ONCE: Final = 500  # keys in one IN list


class PerDialect(dict[str, Any]):
    """A statement for each database, by the name of its dialect; ``make`` makes it of the dialect's ``insert``, which
    knows ON CONFLICT: the same SQL, but another class in SQLAlchemy. It is made when it is asked for, because the
    package of PostgreSQL, with all its drivers, is a tenth of the start of a command that needs none of them."""

    def __init__(self, make: Callable[[Any], Any]) -> None:
        super().__init__()
        self._make = make

    def __missing__(self, dialect: str) -> Any:
        made = self[dialect] = self._make(import_module(f"sqlalchemy.dialects.{dialect}").insert)
        return made


class Part:
    """One subject's share of a :class:`~edxml_router.store.book.SqlBook`, valid as long as that.

    Work comes in sets, so each call is a fixed number of statements, whatever the size of the set. Raises what
    :func:`~edxml_router.store.database.engine.database_trouble` makes of the driver's errors.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def _execute(self, statement: Executable, values: Any = None) -> Any:
        """The rows, untyped: callers make values of them at once."""
        try:
            return self._connection.execute(statement, values)
        except SQLAlchemyError as error:
            raise database_trouble(error) from error

    def _write(self, rows_into: Insert | Update, rows: Sequence[Mapping[str, Any]]) -> list[Any]:
        """The rows that a RETURNING gave."""
        if not rows:
            return []
        try:
            return rows_into(self._connection, rows) or []
        except SQLAlchemyError as error:
            raise database_trouble(error) from error

    def _by_keys(self, statement: Executable, keys: Iterable[str] | Iterable[int]) -> Iterator[Any]:
        """The rows of a statement with a list of ``keys``, which are asked for in chunks."""
        for chunk in chunks(sorted(set(keys))):
            yield from self._execute(statement, {"keys": chunk}).all()


def chunks(keys: Sequence[Any]) -> Iterator[Sequence[Any]]:
    """Keys in lists of :data:`AT_ONCE`, which every database takes."""
    for start in range(0, len(keys), AT_ONCE):
        yield keys[start : start + AT_ONCE]


def equal(query: Select[Any], table: Any, **values: str) -> Select[Any]:
    """The query with each of these columns equal to its value, where that is not empty."""
    for name, value in values.items():
        if value:
            query = query.where(table.c[name] == value)
    return query
