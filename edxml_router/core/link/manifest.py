"""The manifest of a message on a link: one line of JSON, and its values read strictly.

    fields, rest = split(data)
    at = reading(lambda: moment(fields["at"]))

A neighbour may be hostile, or broken: what is decoded here fits everywhere behind. Numbers fit the columns of a
database, instants are in UTC, texts can be stored, lists are no longer than what a node of this version sends. What is
not so raises KeyError, TypeError or ValueError, of which ``read_fields`` makes Refusal EDX704.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, Final, TypeVar

from edxml_router.core.detail import Detail
from edxml_router.core.problems import Refusal

T = TypeVar("T")

VERSION: Final = "edx/1"
MANIFEST_LIMIT: Final = 4 * 1024 * 1024  # bytes; ten thousand recipients of 35 characters need 0.4 MiB
LIST_LIMIT: Final = 10_000  # recipients, receipts or chunks of one message
TEXT_LIMIT: Final = 1000  # characters of any other text
VALUES_LIMIT: Final = 400_000  # commas and opening brackets; ten thousand receipts over seven nodes have 330,000
# A string is passed over: what people write into a text may have as many commas as it likes.
_STRUCTURE: Final = rb'(?:[^",\[{]*+(?:"(?:[^"\\]++|\\.)*+"[^",\[{]*+)*+[,\[{])'
_CROWD: Final = re.compile(_STRUCTURE + b"{%d}+" % (VALUES_LIMIT + 1), re.DOTALL)


@lru_cache(maxsize=64)  # a batch has one moment, and some hundred entries
def instant(at: datetime) -> str:
    """RFC 3339 in UTC with milliseconds: ``2026-11-22T01:02:03.456Z``."""
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def exact_instant(at: datetime) -> str:
    """RFC 3339 in UTC with microseconds: ``2026-11-22T01:02:03.456789Z``."""
    return at.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def shortest_instant(at: datetime) -> str:
    """To the millisecond where that is exact, else to the microsecond."""
    return exact_instant(at) if at.microsecond % 1000 else instant(at)


def line(fields: dict[str, Any]) -> bytes:
    """The fields as one line, with its line feed."""
    return json.dumps(fields, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"


def split(data: bytes, most: int = MANIFEST_LIMIT) -> tuple[dict[str, Any], bytes]:
    """The fields of the line, at most so many bytes, and what stands behind it. Raises Refusal EDX704."""
    end = data.find(b"\n", 0, most)
    if end < 0:
        raise Refusal("EDX704", detail=Detail("no manifest line"))
    if is_crowd(data, end):
        raise Refusal("EDX704", where="manifest", detail=Detail("more than {most} values", most=VALUES_LIMIT))
    fields = read_fields(lambda: json.loads(str(memoryview(data)[:end], "utf-8")))  # no other encoding, and no copy
    if not isinstance(fields, dict) or fields.get("v") != VERSION:
        raise Refusal("EDX704", where="v", detail=Detail("not {version}", version=VERSION))
    return fields, data[end + 1 :]


def is_crowd(data: bytes, end: int) -> bool:
    """Whether there are more values before ``end`` than any manifest has: Python needs up to a hundred bytes for three
    of theirs, and takes seconds to give them back."""
    marks = sum(data.count(mark, 0, end) for mark in (b",", b"[", b"{"))
    return marks > VALUES_LIMIT and _CROWD.match(data, 0, end) is not None


def read_fields(read: Callable[[], T]) -> T:
    """What ``read`` makes of the fields. Raises Refusal EDX704 for what is missing or is no such value."""
    try:
        return read()
    except (KeyError, ValueError, TypeError, OverflowError, RecursionError) as error:
        raise Refusal(
            "EDX704", where=str(error)[:80] if isinstance(error, KeyError) else "manifest"
        ) from error


def read_text(value: Any, most: int = TEXT_LIMIT) -> str:
    """Characters that a database takes, and no more than that."""
    if not isinstance(value, str) or len(value) > most or "\0" in value:
        raise TypeError
    value.encode()  # JSON can name half a character, which no database takes
    return value


def read_list(value: Any, most: int = LIST_LIMIT) -> list[Any]:
    """A list of at most so many things."""
    if not isinstance(value, list) or len(value) > most:
        raise TypeError
    return value


def read_texts(value: Any) -> tuple[str, ...]:
    """Different texts: each will be answered on its own, and the answer is longer than the question."""
    read = tuple(read_text(item) for item in read_list(value))
    if len(set(read)) < len(read):
        raise ValueError
    return read


def read_number(value: Any, most: int = 2**53 - 1) -> int:
    """A whole number from 0 on."""
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= most:
        raise TypeError
    return value


def digest(value: Any) -> str:
    """SHA-256 in lower-case hexadecimal."""
    read = read_text(value)
    if len(read) != 64 or not set(read) <= set("0123456789abcdef"):
        raise TypeError
    return read


def read_moment(value: Any) -> datetime:
    """An instant with its zone, in UTC."""
    at = datetime.fromisoformat(read_text(value))
    if at.tzinfo is None:
        raise ValueError
    return at.astimezone(UTC)
