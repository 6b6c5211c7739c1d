"""How often somebody may try to sign in from one address, in the memory of the process that serves the console.

An account locks after a few failures; this bounds who tries many names. Addresses are counted for an hour, IPv6 by the
network of 64 bits that its owner may choose in. When too many are counted at once, the oldest are forgotten: to make
them so many takes as many addresses, from which accounts lock all the same.
"""

from __future__ import annotations

from collections import OrderedDict
from ipaddress import IPv6Address, ip_address, ip_network
from threading import Lock
from typing import Final

from edxml_router.core.detail import Detail
from edxml_router.core.problems import Setback

WINDOW_SECONDS: Final = 3600.0
ADDRESSES: Final = 10_000


class Attempts:
    """Failures by address. ``at`` is a monotonic time in seconds."""

    def __init__(self) -> None:
        self._failed: OrderedDict[str, tuple[float, int]] = OrderedDict()
        self._lock = Lock()

    def require_room(self, address: str, most: int, at: float) -> None:
        """Raises Setback EDX437 where so many have failed within the hour."""
        with self._lock:
            since, count = self._failed.get(_counted_by(address), (at, 0))
        if count >= most and at < since + WINDOW_SECONDS:
            raise Setback("EDX437", detail=Detail("{count} failures within an hour", count=count))

    def failed(self, address: str, at: float) -> None:
        """Count one."""
        whence = _counted_by(address)
        with self._lock:
            since, count = self._failed.pop(whence, (at, 0))
            if at >= since + WINDOW_SECONDS:
                since, count = at, 0
            self._failed[whence] = (since, count + 1)
            while len(self._failed) > ADDRESSES:
                self._failed.popitem(last=False)


def _counted_by(address: str) -> str:
    try:
        known = ip_address(address.partition("%")[0])
    except ValueError:
        return ""
    return str(ip_network((known, 64), strict=False)) if isinstance(known, IPv6Address) else str(known)
