"""Column types for our values, and the schema that all tables belong to.

Each table is defined with the statements of its subject; :mod:`edxml_router.store.tables` collects them. Column types
convert: an :class:`Instant` goes in and comes out as an aware datetime. Columns that are read as a value have the names
of its fields, so that reading is just ``Delivery(**row._mapping)``.

SQLite keeps any value in any column, so whoever owns the database can put a text where bytes belong. What cannot be
read as its column's type raises Setback EDX610; :data:`STRICT` says it of plain texts and numbers, of every engine.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Connection,
    Dialect,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Text,
    TypeDecorator,
    event,
    text,
)

from edxml_router.core.delivery.lifecycle import State
from edxml_router.core.detail import Detail, as_text, from_text
from edxml_router.core.link.route import Route
from edxml_router.core.link.wire import Hop
from edxml_router.core.problems import Setback

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)


def microseconds(at: datetime) -> int:
    """Microseconds since 1970 in UTC: stored so because the databases' own types disagree about zones."""
    return (at - _EPOCH) // _MICROSECOND


def moment(value: int) -> datetime:
    """The instant that :func:`microseconds` gave."""
    return _EPOCH + timedelta(microseconds=value)


@contextmanager
def converting() -> Iterator[None]:
    """Around the reading of a value. Raises Setback EDX610 where it is not of its column's kind."""
    try:
        yield
    except (TypeError, ValueError, OverflowError, RecursionError) as error:
        detail = Detail("a table has a value of another kind than its column's")
        raise Setback("EDX610", where="store.url", detail=detail) from error


def _only(kind: type) -> Callable[[Any], Any]:
    """Let a value of this kind through, and nothing else: bool is no int here, nor is 1.0."""

    def read(value: Any) -> Any:
        if value is None or value.__class__ is kind:
            return value
        with converting():
            raise TypeError

    return read


class _StrictText(Text):
    def result_processor(self, dialect: Dialect, coltype: object) -> Any:  # noqa: ARG002  # fixed
        return _only(str)


class _StrictNumber(BigInteger):
    def result_processor(self, dialect: Dialect, coltype: object) -> Any:  # noqa: ARG002  # fixed
        return _only(int)


class _StrictBoolean(Boolean):
    def result_processor(self, dialect: Dialect, coltype: object) -> Any:  # noqa: ARG002  # fixed
        whole = _only(int)
        return lambda value: None if value is None else bool(whole(value))


# What a dialect of SQLite is to read our columns by. PostgreSQL refuses other kinds when they are written.
STRICT: Final = {Text: _StrictText, Integer: _StrictNumber, Boolean: _StrictBoolean}


class Octets(TypeDecorator[bytes]):
    """Bytes, and nothing else."""

    impl = LargeBinary
    cache_ok = True

    def result_processor(self, dialect: Dialect, coltype: object) -> Callable[[Any], bytes | None]:  # noqa: ARG002  # fixed
        def read(value: Any) -> bytes | None:
            if value is None or isinstance(value, bytes):
                return value
            with converting():
                return bytes(memoryview(value))

        return read


class Instant(TypeDecorator[datetime]):
    """An aware datetime, kept as microseconds."""

    impl = BigInteger
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> int | None:  # noqa: ARG002  # fixed
        return None if value is None else microseconds(value)

    def process_result_value(self, value: int | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002  # fixed
        if value is None:
            return None
        with converting():
            return moment(value)


class StateName(TypeDecorator[State]):
    """A delivery's state by its name."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: State | None, dialect: Dialect) -> str | None:  # noqa: ARG002  # fixed
        return None if value is None else value.value  # a driver might write an enumeration's name instead

    def process_result_value(self, value: str | None, dialect: Dialect) -> State | None:  # noqa: ARG002  # fixed
        if value is None:
            return None
        with converting():
            return State(value)


class RouteName(TypeDecorator[Route]):
    """A route as its text."""

    impl = Text
    cache_ok = True

    def process_result_value(self, value: str | None, dialect: Dialect) -> Route | None:  # noqa: ARG002  # fixed
        if value is None:
            return None
        with converting():
            return Route(value)


class Wording(TypeDecorator[str]):
    """A detail or a place, kept translatable; see :mod:`edxml_router.core.detail`."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:  # noqa: ARG002  # fixed
        return as_text(value) if value else value

    def process_result_value(self, value: str | None, dialect: Dialect) -> str | None:  # noqa: ARG002  # fixed
        with converting():
            return from_text(value) if value else value


class Texts(TypeDecorator[tuple[Any, ...]]):
    """A tuple of strings or numbers, as JSON."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: Any, dialect: Dialect) -> str:  # noqa: ARG002  # fixed
        return json.dumps(value, ensure_ascii=False, separators=(",", ":")) if value else "[]"

    def process_result_value(self, value: Any, dialect: Dialect) -> tuple[Any, ...]:  # noqa: ARG002  # fixed
        with converting():
            return () if value == "[]" else tuple(json.loads(value))


class Hops(TypeDecorator[tuple[Hop, ...]]):
    """The nodes passed, as JSON ``[[name, microseconds], …]``."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: Any, dialect: Dialect) -> str:  # noqa: ARG002  # fixed
        return json.dumps([[hop.node, microseconds(hop.at)] for hop in value], ensure_ascii=False)

    def process_result_value(self, value: Any, dialect: Dialect) -> tuple[Hop, ...]:  # noqa: ARG002  # fixed
        with converting():
            return tuple(Hop(node, moment(at)) for node, at in json.loads(value))


# SQLite numbers rows by itself only in a column declared INTEGER, which holds 64 bits anyway.
Number = BigInteger().with_variant(Integer, "sqlite")

metadata = MetaData()
_ROWS: Final = "rows"  # in an index: which rows it is of


def partial(name: str, *columns: str, where: str, unique: bool = False) -> Index:
    """An index of some rows. States in its condition, and in what is to use it, stand as literals: with bound
    parameters SQLite would not see that the index applies."""
    return Index(name, *columns, unique=unique, sqlite_where=text(where), info={_ROWS: where})


@event.listens_for(metadata, "before_create")
def _of_some_rows(_metadata: MetaData, connection: Connection, **_: Any) -> None:
    """The conditions for PostgreSQL. To name them where the indexes stand, SQLAlchemy imports the whole package of that
    database: a part of every start, for what only matters to who makes tables without the steps of a schema."""
    for table in metadata.tables.values() if connection.dialect.name == "postgresql" else ():
        for index in table.indexes:
            if _ROWS in index.info:
                index.dialect_options["postgresql"]["where"] = text(index.info[_ROWS])


def words(name: str, kind: type[Text | Wording] = Text, **options: Any) -> Column[str]:
    """A column of text that is never null."""
    return Column(name, kind, nullable=False, **options)
