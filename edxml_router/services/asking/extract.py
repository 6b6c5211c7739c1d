"""An auditor's own file of SQLite: what was answered, in tables for his own tools.

    with extracted(Path("november.db"), about) as extract:
        for page in …: extract.entries(page)

The file is written under another name in the same folder, mode 0600, and gets its name when all of it is there and on
the disk: whoever finds it has all of it. One that is there already is never overwritten. The rows are written in
batches as they come, so memory is bounded by a page. What each column means stands in the schema itself, which every
tool shows. Raises Refusal EDX908.
"""

from __future__ import annotations

import errno
import os
import secrets
import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any, Final

from edxml_router.core.delivery.views import JournalLine, ListedDocument
from edxml_router.core.detail import Detail
from edxml_router.core.problems import Refusal
from edxml_router.core.wording import in_words
from edxml_router.disk import durable
from edxml_router.ports.views import Views
from edxml_router.shapes.evidence.asking import document_row
from edxml_router.shapes.evidence.extract import TABLES, delivery_row, entry_row, meaning_of

FORMAT: Final = 1  # of the tables; another number when one of them changes its meaning
_DELIVERIES: Final = 5000  # rows that are read together; of one document, all
_INDEXES: Final = {
    "entries": ("digest", "recipient", "event"),
    "documents": ("digest", "sender"),
    "deliveries": ("digest", "recipient"),
}


class Extract:
    """A file under way. Tables come into being with their first use."""

    def __init__(self, connection: sqlite3.Connection, about: Mapping[str, object]) -> None:
        self._connection = connection
        self._made: list[str] = []
        self._add("about", ({"name": name, "value": str(value)} for name, value in about.items()))

    def entries(self, lines: Iterable[JournalLine]) -> None:
        self._add("entries", map(entry_row, lines))

    def documents(self, views: Views, documents: Sequence[ListedDocument]) -> None:
        """These, and their deliveries as they stand."""
        self._add("documents", map(document_row, documents))
        for part in _parts(documents):
            self._add("deliveries", map(delivery_row, views.deliveries_of([one.found.envelope.digest for one in part])))

    def complete(self, tables: Sequence[str]) -> None:
        """All is there; of ``tables`` those without a row are made too. Returns when it is on the disk."""
        for name in tables:
            self._table(name)
        self._connection.commit()
        self._connection.execute("PRAGMA synchronous = FULL")  # the next commit syncs the file, with all before it
        for name in self._made:
            for column in _INDEXES.get(name, ()):
                self._connection.execute(f'CREATE INDEX "{name}_{column}" ON "{name}" ("{column}")')
        self._connection.commit()

    def _table(self, name: str) -> None:
        if name not in self._made:
            self._connection.execute(_schema(name))
            self._made.append(name)

    def _add(self, name: str, rows: Iterable[Mapping[str, Any]]) -> None:
        self._table(name)
        columns = TABLES[name]
        marks = ", ".join("?" * len(columns))
        values = (tuple(row[column] for column in columns) for row in rows)
        self._connection.executemany(f'INSERT INTO "{name}" VALUES ({marks})', values)  # noqa: S608  # our own names
        self._connection.commit()


@contextmanager
def extracted(file: Path, about: Mapping[str, object], tables: Sequence[str]) -> Iterator[Extract]:
    """A file that is there, whole, after the block, and is not where the block is left by an exception."""
    if os.path.lexists(file):
        raise _exists(file)
    part = file.with_name(f".{file.name[:200]}.{secrets.token_hex(4)}")
    try:
        os.close(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600))
    except OSError as error:
        raise Refusal("EDX908", where=str(file), detail=in_words(error)) from error
    try:
        with closing(sqlite3.connect(part)) as connection:
            connection.execute("PRAGMA journal_mode = OFF")  # what is not whole is thrown away
            connection.execute("PRAGMA synchronous = OFF")
            connection.execute(f"PRAGMA user_version = {FORMAT}")
            extract = Extract(connection, {"format": FORMAT, **about})
            yield extract
            extract.complete(tables)
        _publish(part, file)
    except sqlite3.Error as error:
        raise Refusal("EDX908", where=str(file), detail=str(error)) from error
    finally:
        with suppress(FileNotFoundError):
            part.unlink()


def journal_length(views: Views) -> int:
    """How many entries had their place when it was asked."""
    return views.feed_head().size


def _publish(part: Path, file: Path) -> None:
    """Give the file its name, unless somebody has it meanwhile."""
    try:
        try:
            os.link(part, file)
        except OSError as error:
            if error.errno not in (errno.EPERM, errno.ENOTSUP, errno.EMLINK):
                raise
            # A file system without further names, as on a stick: the name is taken first, then what is under it.
            os.close(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
            part.replace(file)
        durable.synchronise(file.parent)
    except FileExistsError:
        raise _exists(file) from None
    except OSError as error:
        raise Refusal("EDX908", where=str(file), detail=in_words(error)) from error


def _exists(file: Path) -> Refusal:
    return Refusal("EDX908", where=str(file), detail=Detail("it exists and is not overwritten"))


def _parts(documents: Sequence[ListedDocument]) -> Iterator[Sequence[ListedDocument]]:
    """Parts with few deliveries altogether; a document with many is one of its own."""
    part: list[ListedDocument] = []
    held = 0
    for one in documents:
        if part and held + one.count > _DELIVERIES:
            yield part
            part, held = [], 0
        part.append(one)
        held += one.count
    if part:
        yield part


def _schema(name: str) -> str:
    """The table with what each column means, for whoever looks at it."""
    columns = TABLES[name]
    types = {int: "INTEGER", str: "TEXT"}
    last = len(columns) - 1
    lines = [
        f'    "{column}" {types[kind]}{"" if place == last else ","} -- {meaning_of(name, column)}'
        for place, (column, kind) in enumerate(columns.items())
    ]
    return f'CREATE TABLE "{name}" (\n' + "\n".join(lines) + "\n)"
