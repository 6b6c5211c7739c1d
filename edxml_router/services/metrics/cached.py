"""What is asked often and read seldom, by a thread of its own, so that nobody who asks waits for a silent database.

cached = Cached(lambda: list(database_figures(settings, now())), pause=15)
found = cached.get(wait=3)         # found.value, found.error, found.at; None: nothing was ever read
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Generic, TypeVar

from edxml_router.core.problems import Finding, Trouble
from edxml_router.observe import events

T = TypeVar("T")

SHARE: Final = 20.0  # a pause is this many times as long as the reading took, at least


@dataclass(frozen=True, slots=True)
class ReadOnce(Generic[T]):
    """What was read, or why nothing could be; ``value`` is then the one before, if any. ``at``: when, as time.time()
    has it, ``value`` was read."""

    value: T | None
    at: float
    error: Finding | None = None


class Cached(Generic[T]):
    """``read`` runs at most once at a time, and not before ``pause`` seconds have passed since it ended, nor ``share``
    times as long as it took."""

    def __init__(self, read: Callable[[], T], pause: float, share: float = SHARE) -> None:
        self._read = read
        self._pause = pause
        self._share = share
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._next_at = 0.0
        self._found: ReadOnce[T] | None = None

    def get(self, wait: float) -> ReadOnce[T] | None:
        """The newest, or one that is not too old; a reading under way is waited for so many seconds."""
        with self._lock:
            if self._thread is None and time.monotonic() >= self._next_at:
                self._thread = threading.Thread(target=self._run, name="figures", daemon=True)
                self._thread.start()
            thread = self._thread
        if thread is not None:
            thread.join(wait)
        return self._found

    @property
    def reading(self) -> bool:
        """Whether somebody waits for an answer still."""
        return self._thread is not None

    def _run(self) -> None:
        began, last = time.monotonic(), self._found
        try:
            found = ReadOnce(self._read(), time.time())
        except Trouble as trouble:
            found = ReadOnce(last.value if last else None, last.at if last else 0.0, trouble.finding)
        except Exception as error:  # noqa: BLE001  # the node goes on without its figures
            events.defect("metrics", error)
            found = ReadOnce(last.value if last else None, last.at if last else 0.0, Finding("EDX699", "metrics"))
        now = time.monotonic()
        with self._lock:
            self._found, self._thread = found, None
            self._next_at = now + max(self._pause, self._share * (now - began))
