"""Many rows at once: statements as text, with tuples for the driver.

SQLAlchemy's own way costs several times what the database needs per row. Each statement is built only once, because
building costs more than running.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import chain
from typing import Any, Final

from sqlalchemy import Connection, CursorResult, Dialect, Table

_VALUES: Final = 30_000  # in one statement; SQLite takes 32,766


class _Rows:
    """Python values, by the names of their columns, on their way into a table."""

    def __init__(self, table: Table, columns: Sequence[str]) -> None:
        self._table = table.name
        self._columns = columns
        self._types = [table.c[column].type for column in columns]
        self._processors: dict[str, list[Callable[[Any], Any] | None]] = {}  # by dialect, as it is first met
        self._arrays = ""

    def _unnested(self, dialect: Dialect) -> str:
        """PostgreSQL is given one array per column, in binary: its driver takes apart every statement in Python, and
        one with a mark for each value costs it more than the insert costs the server."""
        if not self._arrays:
            # In which order a column's values stand is the column's own: a type in an expression may not say it.
            names = [str(each.compile(dialect)).partition(" COLLATE ")[0] for each in self._types]
            arrays = [f"%b::{name}[]" for name in names]
            self._arrays = f"unnest({', '.join(arrays)})"
        return self._arrays

    def _converted(self, dialect: Dialect, rows: Sequence[Mapping[str, Any]]) -> list[tuple[Any, ...]]:
        if dialect.name not in self._processors:
            made: list[Callable[[Any], Any] | None] = [
                each.dialect_impl(dialect).bind_processor(dialect) for each in self._types
            ]
            self._processors[dialect.name] = made
        how = list(zip(self._columns, self._processors[dialect.name], strict=True))
        return [
            tuple([row[column] if process is None else process(row[column]) for column, process in how]) for row in rows
        ]


class Insert(_Rows):
    """``INSERT INTO table (columns)``, many rows with one statement; ``ending`` stands behind them."""

    def __init__(self, table: Table, columns: Sequence[str], ending: str = "") -> None:
        super().__init__(table, columns)
        self._into = f"INSERT INTO {self._table} ({', '.join(columns)})"
        self._ending = ending

    def __call__(self, connection: Connection, rows: Sequence[Mapping[str, Any]]) -> list[Any]:
        """Run; the rows that a RETURNING in the ending gave."""
        dialect = connection.dialect
        values = self._converted(dialect, rows)
        if dialect.name == "postgresql":
            statement = f"{self._into} SELECT * FROM {self._unnested(dialect)} {self._ending}"  # noqa: S608  # our own names
            return _returned(connection.exec_driver_sql(statement, tuple(map(list, zip(*values, strict=True)))))
        marks = ", ".join("?" * len(self._columns))
        step = _VALUES // len(self._columns)
        returned: list[Any] = []
        for first in range(0, len(values), step):
            part = values[first : first + step]
            statement = f"{self._into} VALUES ({'), ('.join([marks] * len(part))}) {self._ending}"
            returned += _returned(connection.exec_driver_sql(statement, tuple(chain.from_iterable(part))))
        return returned


class Update(_Rows):
    """``UPDATE table SET columns WHERE id = …`` for many rows, each with its id."""

    def __init__(self, table: Table, columns: Sequence[str]) -> None:
        super().__init__(table, (*columns, "id"))

    def __call__(self, connection: Connection, rows: Sequence[Mapping[str, Any]]) -> None:
        dialect = connection.dialect
        values = self._converted(dialect, rows)
        columns = self._columns[:-1]
        if dialect.name == "postgresql":
            assigned = ", ".join(f"{column} = new.{column}" for column in columns)
            source = f"{self._unnested(dialect)} AS new ({', '.join(self._columns)})"
            target = f"UPDATE {self._table} SET {assigned}"  # noqa: S608  # our own names
            statement = f"{target} FROM {source} WHERE {self._table}.id = new.id"
            connection.exec_driver_sql(statement, tuple(map(list, zip(*values, strict=True))))
        else:
            assigned = ", ".join(f"{column} = ?" for column in columns)
            statement = f"UPDATE {self._table} SET {assigned} WHERE id = ?"  # noqa: S608  # our own names
            connection.exec_driver_sql(statement, values)


def _returned(result: CursorResult[Any]) -> list[Any]:
    return list(result.all()) if result.returns_rows else []
