"""Bound repetition in the log: a few lines a minute for each kind of trouble, and then their number.

A full disk or an unreachable database affects every message again and again; ten lines say as much as a million, and a
million would fill the disk. Kinds are told apart by event, code and hub; lines without trouble are never held back. The
journal has every refusal, whatever the log left out.
"""

from __future__ import annotations

import time
from collections.abc import Callable, MutableMapping
from typing import Any, Final

from edxml_router.observe.plain_structlog import structlog

LINES: Final = 50  # of one kind …
SECONDS: Final = 60.0  # … in this time
KINDS: Final = 500  # that are remembered
_LEVELS: Final = ("warning", "error")


class Repetition:
    """A processor of structlog; drops excess lines and adds ``repeated`` to the next line of the kind."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._kinds: dict[tuple[Any, ...], tuple[float, int]] = {}  # when the time began, and lines since

    def __call__(self, _logger: Any, _name: str, fields: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
        if fields.get("level") not in _LEVELS:
            return fields
        kind = (fields.get("event"), fields.get("code"), fields.get("hub"))
        now = self._clock()
        begun, lines = self._kinds.get(kind, (now, 0))
        if now - begun >= SECONDS:
            if lines > LINES:
                fields["repeated"] = lines - LINES
            begun, lines = now, 0
        if len(self._kinds) >= KINDS:
            self._kinds.clear()
        self._kinds[kind] = (begun, lines + 1)
        if lines >= LINES:
            raise structlog.DropEvent
        return fields
