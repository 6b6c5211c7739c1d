"""What the parts of a running node are told by its supervisor: to take the settings anew, and to end.

    orders = SignalOrders(supervisor)        # a part that is a process: SIGHUP, SIGTERM, or the supervisor is gone
    orders = Orders()                        # a part that is a thread: the supervisor calls reload() and end()

    orders.listen()
    while not orders.ending:
        if orders.take_reload(): …
        watch.wait([orders.fileno(), …], seconds); orders.clear()
    orders.close()

A part waits for a descriptor, which is readable when something was told; so it does not matter to it who tells.
"""

from __future__ import annotations

import os
import select
import signal
from contextlib import suppress
from types import FrameType


class Orders:
    """Those of one part, from its start to its end; told from any thread."""

    def __init__(self) -> None:
        self._told, self._telling = os.pipe()
        os.set_blocking(self._told, False)
        os.set_blocking(self._telling, False)
        self._end = False
        self._reload = False

    def listen(self) -> None:
        """From here on orders come."""

    def reload(self) -> None:
        self._reload = True
        self._ring()

    def end(self) -> None:
        """Finish what is in hand, and end."""
        self._end = True
        self._ring()

    @property
    def ending(self) -> bool:
        return self._end

    @property
    def reloading(self) -> bool:
        return self._reload

    def take_reload(self) -> bool:
        """Whether the settings are to be taken anew; said once for each time that it was told."""
        reload, self._reload = self._reload, False
        return reload

    def fileno(self) -> int:
        """Readable when something was told since :meth:`clear`."""
        return self._told

    def wait(self, seconds: float) -> None:
        """Until something is told, for so long at most; for who waits for nothing else."""
        poll = select.poll()  # select() knows no descriptors above 1023
        poll.register(self._told, select.POLLIN)
        poll.poll(max(0.0, seconds) * 1000)

    def clear(self) -> None:
        with suppress(BlockingIOError):
            while os.read(self._told, 4096):
                pass

    def close(self) -> None:
        """Nobody tells any more."""
        os.close(self._told)
        os.close(self._telling)

    def _ring(self) -> None:
        with suppress(OSError):  # full: it is readable already
            os.write(self._telling, b".")


class SignalOrders(Orders):
    """Those of a process, by signals. Its end is also ordered by the end of its supervisor."""

    def __init__(self, supervisor: int) -> None:
        """``supervisor``: its process number, passed in because it may be gone before this process can look."""
        super().__init__()
        self._supervisor = supervisor

    def listen(self) -> None:
        signal.set_wakeup_fd(self._telling, warn_on_full_buffer=False)
        signal.signal(signal.SIGTERM, self._on_end)
        signal.signal(signal.SIGHUP, self._on_reload)
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # the terminal's Ctrl-C is the supervisor's to answer

    @property
    def ending(self) -> bool:
        return self._end or os.getppid() != self._supervisor

    def close(self) -> None:
        with suppress(ValueError):  # it was never set
            signal.set_wakeup_fd(-1)
        super().close()

    def _on_end(self, _number: int, _frame: FrameType | None) -> None:
        self.end()

    def _on_reload(self, _number: int, _frame: FrameType | None) -> None:
        self.reload()
