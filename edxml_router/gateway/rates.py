"""How often each office may ask, and what it is told of that (RateLimit and RateLimit-Policy, draft-ietf-httpapi-
ratelimit-headers-11).

    rate = rates.spend("vp", 6000)         # one request more of this office
    rate.headers()

A bucket for each office: it fills evenly, a full minute's share at most, so that a burst is taken and a flood is not.
It is this process's alone; there is one gateway of a node on a machine.
"""

from __future__ import annotations

import math
import time
from dataclasses import dataclass
from typing import Final

from edxml_router.core.detail import Detail
from edxml_router.core.problems import Setback

WINDOW: Final = 60  # seconds


@dataclass(frozen=True, slots=True)
class Rate:
    """How an office stands: of ``quota`` requests in :data:`WINDOW` seconds so many are ``left``."""

    quota: int
    left: float

    @property
    def over(self) -> bool:
        return self.left < 0

    @property
    def seconds(self) -> int:
        """Until there is one request more."""
        return max(1, math.ceil((1 - self.left) * WINDOW / self.quota))

    def headers(self) -> list[tuple[bytes, bytes]]:
        left = max(0, int(self.left))
        state = f'"requests";r={left};t={self.seconds}'
        return [
            (b"ratelimit-policy", f'"requests";q={self.quota};w={WINDOW}'.encode()),
            (b"ratelimit", state.encode()),
        ]


class Rates:
    """The buckets by office; there are no more than offices in the configuration."""

    def __init__(self) -> None:
        self._left: dict[str, tuple[float, float]] = {}  # how much, and when that was

    def spend(self, office: str, quota: int) -> Rate:
        now = time.monotonic()
        left, at = self._left.get(office, (float(quota), now))
        left = min(float(quota), left + (now - at) * quota / WINDOW) - 1
        if left < 0:  # a request that is put off costs nothing: else one that goes on asking never gets in
            self._left[office] = left + 1, now
        else:
            self._left[office] = left, now
        return Rate(quota, left)

    def trouble(self, rate: Rate) -> Setback:
        detail = Detail("{quota} requests a minute", quota=rate.quota)
        return Setback("EDX417", detail=detail)
