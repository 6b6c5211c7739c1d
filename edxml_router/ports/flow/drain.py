"""Whether a node takes anything new, and what it has still to send."""

from __future__ import annotations

from typing import Protocol

from edxml_router.core.delivery.halts import Drain, UnderWay


class Drains(Protocol):
    """Inside a transaction."""

    def drain(self) -> Drain | None:
        """The one in force; None while the node takes what comes."""

    def begin_drain(self, drain: Drain) -> bool:
        """Take nothing new from now on; False where one is in force."""

    def end_drain(self) -> None:
        """Take what comes."""


class DrainViews(Protocol):
    """Queries."""

    def drain(self) -> Drain | None:
        """The one in force; None while the node takes what comes."""

    def under_way(self) -> UnderWay:
        """What is still to be done."""
