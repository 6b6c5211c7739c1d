"""Webhooks: the part of a book that remembers which calls are due, and what the last ones came to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from edxml_router.core.delivery.webhook import Hook, Waiting, WebhookSubject


class Webhooks(Protocol):
    """A row for each office and subject. Whoever reads them in a transaction has them alone until it ends."""

    def all(self) -> Sequence[Hook]:
        """Those that are kept, also of offices that are no longer there."""

    def keep(self, hooks: Sequence[Hook]) -> None:
        """These, as they are now."""

    def drop(self, hooks: Sequence[Hook]) -> None:
        """The office has no webhook any more."""

    def waiting(self, offices: Sequence[str]) -> Mapping[tuple[str, WebhookSubject], Waiting]:
        """What lies ready for these offices; what is left out is nothing."""
