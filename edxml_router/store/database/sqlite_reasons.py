"""Why SQLite fails, in words; :mod:`~edxml_router.store.database.postgres_reasons` is its sibling.

    reason(error)          # of a sqlite3.Error: "the disk is full (SQLITE_FULL)"

The text of an error may quote a row, so the error's number decides.
"""

from __future__ import annotations

import sqlite3
from typing import Final

from edxml_router.core.detail import Detail
from edxml_router.core.wording import in_words

_DAMAGED: Final = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB})
_REASONS: Final = {
    sqlite3.SQLITE_FULL: Detail("the disk is full"),
    sqlite3.SQLITE_IOERR: Detail("the disk does not read or write"),
    sqlite3.SQLITE_READONLY: Detail("the file or its folder is read-only"),
    sqlite3.SQLITE_PERM: Detail("no permission"),
    sqlite3.SQLITE_AUTH: Detail("no permission"),
    sqlite3.SQLITE_NOMEM: Detail("no memory is left"),
    sqlite3.SQLITE_CANTOPEN: Detail("the file or its folder cannot be opened"),
    sqlite3.SQLITE_PROTOCOL: Detail("the locks of the file do not work"),
    sqlite3.SQLITE_BUSY: Detail("another process holds the lock of the database"),
    sqlite3.SQLITE_LOCKED: Detail("another process holds the lock of the database"),
    sqlite3.SQLITE_CORRUPT: Detail("its pages are damaged"),
    sqlite3.SQLITE_NOTADB: Detail("the file is not one of SQLite"),
    sqlite3.SQLITE_TOOBIG: Detail("a value is too large"),
    sqlite3.SQLITE_CONSTRAINT: Detail("a row contradicts the rules of the database"),
    sqlite3.SQLITE_SCHEMA: Detail("the tables were changed meanwhile"),
    sqlite3.SQLITE_ERROR: Detail("a statement or a table that SQLite does not know"),
}


def primary(error: sqlite3.Error) -> int:
    """SQLite's number of the error, without what makes it more precise; 0 where the driver itself raised it."""
    return getattr(error, "sqlite_errorcode", 0) & 0xFF


def is_damaged(error: sqlite3.Error) -> bool:
    """Whether the file itself is damaged, or has a text that is none."""
    return primary(error) in _DAMAGED or _is_no_text(error)


def _is_no_text(error: sqlite3.Error) -> bool:
    return not primary(error) and isinstance(error, sqlite3.OperationalError) and "decode to UTF-8" in str(error)


def sqlite_reason(error: sqlite3.Error) -> str:
    """The sentence, with SQLite's own name of the error for looking it up."""
    if _is_no_text(error):  # the driver's own word, which quotes the row
        return Detail("a text that is not UTF-8")
    said = _REASONS.get(primary(error)) or in_words(error)
    name = getattr(error, "sqlite_errorname", "")
    return Detail("{reason} ({name})", reason=said, name=name) if name else said
