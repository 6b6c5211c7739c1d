"""The part of a ledger's transaction that finds the mail of agencies that have moved
(:mod:`edxml_router.core.delivery.handing_back`)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol


class Moved(Protocol):
    """Where mail lies that makes no attempt by itself."""

    def places(self) -> Sequence[tuple[str, str]]:
        """Recipient and route, once each, of what lies in an inbox or waits after it was handed back."""

    def placed(self, recipient: str, route: str, limit: int) -> Sequence[int]:
        """The numbers of such deliveries."""

    def found_before(self, recipient: str) -> bool:
        """Whether mail for this agency has found it: in an inbox here, or further on, from where it may be back."""
