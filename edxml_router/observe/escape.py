"""Text from strangers made safe to show: in a log line, on a terminal, in a table.

Control characters could forge a second log line or drive the terminal, direction marks could show a name
backwards; both are written as escapes. Length is capped, because a log is not a store.

JSON, for terminals and other programs, uses its own escapes (:func:`json_line`): no value is changed or cut.
"""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Callable
from typing import Any, Final

LIMIT: Final = 300  # characters
_FORMULA: Final = ("=", "+", "-", "@")

# Cc control, Cf format (direction marks, joiners), Cs lone surrogates, Zl and Zp separators of lines.
_UNSAFE: Final = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})


def printable(text: str, limit: int = LIMIT) -> str:
    """``text`` with unsafe characters written as ``\\n`` or ``\\u202e``, cut to ``limit`` characters."""
    if len(text) > limit:
        text = text[: limit - 1] + "…"
    if text.isascii() and text.isprintable():
        return text
    return "".join(_escaped(character) if _is_unsafe(character) else character for character in text)


def spreadsheet_text(text: str) -> str:
    """A text of which a spreadsheet computes nothing: an apostrophe stands before one that would be a formula."""
    return f"'{text}" if text.startswith(_FORMULA) else text


def json_line(value: Any, plain: Callable[[Any], Any] | None = None) -> str:
    """``value`` as JSON on one line, in which no character can drive a terminal: RFC 8259, section 7, allows any
    character to be escaped, and a parser returns the same value. ``plain`` converts types that JSON does not have.
    Raises TypeError and ValueError like ``json.dumps``.
    """
    text = json.dumps(value, ensure_ascii=False, default=plain)
    if text.isascii() and text.isprintable():
        return text
    return "".join(_json_escaped(character) if _is_unsafe(character) else character for character in text)


def _json_escaped(character: str) -> str:
    return json.dumps(character)[1:-1]


def _is_unsafe(character: str) -> bool:
    return unicodedata.category(character) in _UNSAFE


def _escaped(character: str) -> str:
    return character.encode("unicode_escape", "surrogatepass").decode("ascii")
