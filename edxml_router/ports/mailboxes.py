"""What has left and is not answered, and where mail lies: the parts of a book that look at mailboxes.

A look is no change of a delivery, so none of these counts as one or makes an entry.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Protocol

from edxml_router.core.delivery.values import Delivery, UnansweredMail
from edxml_router.core.link.route import Route
from edxml_router.core.problems import Finding


class Mailboxes(Protocol):
    """What has left and is not answered: its mailboxes are looked at, its state stays."""

    def overdue(self, now: datetime, until: datetime, limit: int, routes: Sequence[Route]) -> Sequence[Delivery]:
        """Take up to ``limit`` FORWARDED deliveries of these routes that are due and not expired, under a lease."""

    def strays(self, now: datetime, limit: int, routes: Sequence[Route]) -> Sequence[Delivery]:
        """Up to ``limit`` of those that went none of these routes. It looks through all that is open."""

    def offered(self, now: datetime, until: datetime, limit: int, routes: Sequence[Route]) -> Sequence[Delivery]:
        """As :meth:`overdue`, of AVAILABLE deliveries. ``attempts`` is one higher than before."""

    def asked_about(self, numbers: Collection[int], at: datetime | None) -> None:
        """When the next node was asked about these last; None where it could not be."""

    def look_again(
        self, numbers: Collection[int], at: datetime, problem: Finding | None, handed_at: datetime | None = None
    ) -> None:
        """When these are looked at again, if they are still there to be, and what was wrong now; ``handed_at`` where
        they have just been laid into their mailbox."""

    def lying(self, routes: Collection[Route]) -> Mapping[tuple[Route, bool], UnansweredMail]:
        """What lies in the mailboxes of these routes, or was taken and not answered yet, by route and urgency. Letters
        over a link count once for all their recipients."""

    def copies(self, digests: Collection[str]) -> Mapping[tuple[str, str], int]:
        """How often each delivery of these envelopes was handed over, by digest and recipient, as the journal says."""

    def make_room(self, routes: Collection[Route], now: datetime, limit: int) -> None:
        """Up to ``limit`` deliveries of each of these routes that wait for room (EDX614) are due at ``now``."""

    def note_silences(
        self,
        fallen: Mapping[tuple[Route, bool], Finding],
        back: Collection[tuple[Route, bool]] | None,
        now: datetime,
    ) -> None:
        """Which mailboxes do not answer, by route and urgency: commands have no connection to see it by. Those that had
        fallen silent before keep their time. ``back`` answer again; None: all of them did until now."""


class MovedMail(Protocol):
    """The mail of agencies that have moved (:mod:`edxml_router.core.delivery.handing_back`): it makes no attempt by
    itself."""

    def places(self) -> Sequence[tuple[str, Route]]:
        """Recipient and route, once each, of what lies in an inbox or waits after it was handed back."""

    def placed(self, recipient: str, route: Route, limit: int) -> Sequence[int]:
        """The numbers of such deliveries."""

    def found_before(self, recipient: str) -> bool:
        """Whether mail for this agency has found it: in an inbox here, or further on, from where it may be back."""
