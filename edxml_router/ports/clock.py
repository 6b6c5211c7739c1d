"""Time and chance, the two inputs that ``core`` may not obtain itself."""

from __future__ import annotations

from datetime import datetime
from typing import Protocol


class Clock(Protocol):
    """Time and chance, the two inputs that core may not obtain itself."""

    def now(self) -> datetime:
        """The present, aware, in UTC."""

    def chance(self) -> float:
        """A random number in [0, 1)."""
