"""Work that may have to wait for something silent, done beside a worker's turns, which go on meanwhile.

    errand = Errand(lambda: hubs.declare(settings))
    if errand.over: result = errand.result()       # raises what it raised

The thread ends with its work, or with the process. It shares with the turns only what it was given.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Final, Generic, TypeVar

T = TypeVar("T")

AT_ONCE_SECONDS: Final = 0.2  # seconds; a healthy hub answers sooner, and then the turn has the result


class Errand(Generic[T]):
    """One piece of work, started on construction, which waits so many ``seconds`` for it."""

    def __init__(self, work: Callable[[], T], seconds: float = AT_ONCE_SECONDS) -> None:
        self._work = work
        self._results: list[T] = []
        self._error: Exception | None = None
        self._thread = threading.Thread(target=self._run, name="errand", daemon=True)
        self._thread.start()
        self._thread.join(seconds)

    @property
    def over(self) -> bool:
        return not self._thread.is_alive()

    def result(self) -> T:
        """Once it is over."""
        if self._error is not None:
            raise self._error
        return self._results[0]

    def _run(self) -> None:
        try:
            self._results.append(self._work())
        except Exception as error:  # noqa: BLE001  # raised where the result is asked for
            self._error = error
