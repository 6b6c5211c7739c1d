"""Mail that has left and is unanswered, and where mail lies: the parts of a book that look at mailboxes.

Looking changes no delivery, so nothing here changes a version or makes an entry.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Protocol

from edxml_router.core.delivery.values import Delivery, UnansweredMail
from edxml_router.core.link.route import Route
from edxml_router.core.problems import Finding


class Mailboxes(Protocol):
    """Mail that has left and is unanswered: its mailboxes are looked at, its state stays."""

    def overdue(self, now: datetime, until: datetime, limit: int, routes: Sequence[Route]) -> Sequence[Delivery]:
        """Lease up to ``limit`` FORWARDED deliveries of these routes that are due and not expired."""

    def strays(self, now: datetime, limit: int, routes: Sequence[Route]) -> Sequence[Delivery]:
        """Like :meth:`overdue`, for deliveries on none of these routes. It scans everything open."""

    def offered(self, now: datetime, until: datetime, limit: int, routes: Sequence[Route]) -> Sequence[Delivery]:
        """Like :meth:`overdue`, for AVAILABLE deliveries. ``attempts`` is one higher than before."""

    def asked_about(self, numbers: Collection[int], at: datetime | None) -> None:
        """Set when the next node was last asked about these; None where it could not be asked."""

    def look_again(
        self, numbers: Collection[int], at: datetime, problem: Finding | None, handed_at: datetime | None = None
    ) -> None:
        """Set when these are looked at again, unless they have changed, and what was wrong this time; ``handed_at``
        where they have just been put into their mailbox."""

    def lying(self, routes: Collection[Route]) -> Mapping[tuple[Route, bool], UnansweredMail]:
        """The mail in the mailboxes of these routes, or taken from there and not answered yet, by route and urgency. A
        letter over a link counts once for all its recipients."""

    def copies(self, digests: Collection[str]) -> Mapping[tuple[str, str], int]:
        """How often each delivery of these envelopes was handed over, by digest and recipient, according to the
        journal."""

    def make_room(self, routes: Collection[Route], now: datetime, limit: int) -> None:
        """Make due at ``now`` up to ``limit`` deliveries of each of these routes that wait for room (EDX614)."""

    def note_silences(
        self,
        fallen: Mapping[tuple[Route, bool], Finding],
        back: Collection[tuple[Route, bool]] | None,
        now: datetime,
    ) -> None:
        """Note which mailboxes do not answer, by route and urgency, for the commands, which have no connection of their
        own. Mailboxes that were silent before keep their time. Those in ``back`` answer again; None stands for all
        noted before."""


class MovedMail(Protocol):
    """Mail of agencies that have moved (:mod:`edxml_router.core.delivery.handing_back`), which makes no attempts by
    itself."""

    def places(self) -> Sequence[tuple[str, Route]]:
        """The distinct pairs of recipient and route of mail that lies in an inbox, or waits after it was handed
        back."""

    def placed(self, recipient: str, route: Route, limit: int) -> Sequence[int]:
        """The numbers of such deliveries."""

    def found_before(self, recipient: str) -> bool:
        """Whether mail for this agency has reached it before: in an inbox here, or further on, from where it may have
        returned."""
