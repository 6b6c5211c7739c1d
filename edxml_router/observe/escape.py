"""Text from strangers made safe to show: in a log line, on a terminal, in a table.

Control characters could forge a second log line or drive the terminal, direction marks could show a name
backwards; both are written as escapes. Length is capped, because a log is not a store.
"""

from __future__ import annotations

import unicodedata
from typing import Final

LIMIT: Final = 300  # characters

# Cc control, Cf format (direction marks, joiners), Cs lone surrogates, Zl and Zp separators of lines.
_UNSAFE: Final = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})


def printable(text: str, limit: int = LIMIT) -> str:
    """``text`` with unsafe characters written as ``\\n`` or ``\\u202e``, cut to ``limit`` characters."""
    if len(text) > limit:
        text = text[: limit - 1] + "…"
    if text.isascii() and text.isprintable():
        return text
    return "".join(_escaped(character) if _is_unsafe(character) else character for character in text)


def _is_unsafe(character: str) -> bool:
    return unicodedata.category(character) in _UNSAFE


def _escaped(character: str) -> str:
    return character.encode("unicode_escape", "surrogatepass").decode("ascii")
