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


class Rung(threading.Event):
    """A pipe beside the event; :meth:`close` it in the end."""

    def __init__(self) -> None:
        super().__init__()
        self._reading, self._writing = os.pipe()
        os.set_blocking(self._reading, False)
        os.set_blocking(self._writing, False)

    def fileno(self) -> int:
        return self._reading

    def set(self) -> None:
        super().set()
        with suppress(BlockingIOError, OSError):  # full is as good as rung
            os.write(self._writing, b".")

    def clear(self) -> None:
        with suppress(BlockingIOError):
            os.read(self._reading, 4096)
        super().clear()

    def close(self) -> None:
        os.close(self._reading)
        os.close(self._writing)
