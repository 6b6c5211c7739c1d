"""Tell the service manager that has started the node how it is (sd_notify(3)); without one, nothing is told.

    manager = ServiceManager(os.environ)
    manager.ready()                       # from now on the unit is "active"
    manager.alive(time.monotonic())       # often; the manager hears it twice within its term

One datagram for each change, to the socket that NOTIFY_SOCKET names. Nothing waits for the manager: its queue is full
or it is gone, then it misses a change. Written here because the protocol is a line of text, and the packages for it
need a compiler or are not kept any more.
"""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Mapping
from contextlib import suppress
from typing import Final

_PER_TERM: Final = (
    2  # how often we tell that we live within the term of the watchdog, as sd_watchdog_enabled(3) advises
)


class ServiceManager:
    """systemd, or what speaks as it does."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        """``environment`` as the manager has set it: NOTIFY_SOCKET, and WATCHDOG_USEC and WATCHDOG_PID where it wants
        to hear that the process lives."""
        self._address = environment.get("NOTIFY_SOCKET", "")
        if self._address.startswith("@"):  # a name in the kernel instead of a file
            self._address = f"\0{self._address[1:]}"
        self._pause = _watchdog_seconds(environment) / _PER_TERM
        self._tell_at = 0.0

    def ready(self) -> None:
        """The node works, or works again after :meth:`reloading`."""
        self._tell("READY=1")

    def waiting(self, text: str) -> None:
        """What the node waits for before it is ready, for ``systemctl status``."""
        self._tell(f"STATUS={' '.join(text.split())}")

    def reloading(self) -> None:
        # The moment is asked for by managers that send the signal themselves (Type=notify-reload), ignored by others.
        self._tell(f"RELOADING=1\nMONOTONIC_USEC={time.monotonic_ns() // 1000}")

    def stopping(self) -> None:
        """From here on the node drains."""
        self._tell("STOPPING=1")

    def alive(self, now: float) -> None:
        """The process makes its rounds; ``now`` in seconds, monotonic."""
        if self._pause and now >= self._tell_at:
            self._tell_at = now + self._pause
            self._tell("WATCHDOG=1")

    def _tell(self, change: str) -> None:
        if not self._address:
            return
        with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as line:
            line.setblocking(False)
            line.sendto(change.encode("utf-8", "replace"), self._address)


def _watchdog_seconds(environment: Mapping[str, str]) -> float:
    """The term in which the manager wants to hear of this process; 0 where it does not."""
    if environment.get("WATCHDOG_PID", str(os.getpid())) != str(os.getpid()):
        return 0.0
    try:
        return max(0, int(environment.get("WATCHDOG_USEC", "0"))) / 1_000_000
    except ValueError:
        return 0.0
