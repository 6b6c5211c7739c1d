"""After a restored back-up: the part of a book that keeps who has still to repeat, and who has asked us to."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Protocol

from edxml_router.core.link.resync import Recovery
from edxml_router.core.link.route import Route


class Recoveries(Protocol):
    """Whom we ask, and who asks us."""

    def claim(self, now: datetime, until: datetime, parties: Sequence[Route]) -> Sequence[Recovery]:
        """Claim those of ``parties`` that have not done their part; they are not claimed again before ``until``."""

    def ask_again(self, parties: Sequence[Route], at: datetime) -> None:
        """These could not be asked."""

    def finish(self, party: Route, epoch: str, now: datetime) -> bool:
        """This party has done its part for ``epoch`` (any, if empty). Returns whether that was open."""

    def asked(self, peer: str, epoch: str, now: datetime, pause: timedelta) -> bool | None:
        """A neighbour asks us to repeat: True the first time in its epoch, False after that, None when another epoch
        began less than ``pause`` ago."""

    def hurry(self, route: Route, now: datetime) -> int:
        """Make everything that went to ``route`` and has not ended due at ``now``, however recently it was asked about.
        Returns how many deliveries. No change of state."""
