"""An event between two threads that can be waited for beside others: it has a descriptor.

    rung = Rung()
    rung.set()            # on one thread; again is harmless
    rung.clear()          # on the other, before it looks
    rung.fileno()         # readable while it is set
"""

from __future__ import annotations

import os
import threading
from contextlib import suppress


class WakeEvent(threading.Event):
    """A pipe beside the event; :meth:`close` it in the end, while the other thread may still ring."""

    def __init__(self) -> None:
        super().__init__()
        self._lock = threading.Lock()  # a closed descriptor's number may be another file's by now
        self._closed = False
        self._reading, self._writing = os.pipe()
        os.set_blocking(self._reading, False)
        os.set_blocking(self._writing, False)

    def fileno(self) -> int:
        return self._reading

    def set(self) -> None:
        super().set()
        with self._lock, suppress(BlockingIOError):  # full is as good as rung
            if not self._closed:
                os.write(self._writing, b".")

    def clear(self) -> None:
        with self._lock, suppress(BlockingIOError):
            if not self._closed:
                os.read(self._reading, 4096)
        super().clear()

    def close(self) -> None:
        with self._lock:
            if not self._closed:
                self._closed = True
                os.close(self._reading)
                os.close(self._writing)
