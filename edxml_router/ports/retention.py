"""What goes on purpose, and what must stay.

Raises what :class:`~edxml_router.ports.ledger.Ledger` and :class:`~edxml_router.ports.views.Views` raise.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Protocol

from edxml_router.core.delivery.entries.reasons import CommittedReason
from edxml_router.core.delivery.entries.redaction import Redaction
from edxml_router.core.retention.judging import KeptBody, KeptWords
from edxml_router.core.retention.values import Hold, Removal, RemovedBody

Key = tuple[datetime, str]  # of an envelope: when it was accepted, and its digest


class Retention(Protocol):
    """Within a transaction."""

    def alone(self) -> None:
        """Let nobody else remove, hold or open again until this transaction ends."""

    def standings(self, digests: Collection[str], *, gone: bool = False) -> Sequence[KeptBody]:
        """How these envelopes stand whose bodies are here, with ``gone`` the others too; their deliveries are locked
        until the end."""

    def remove_bodies(self, removal: Removal, digests: Collection[str]) -> None:
        """Remove these bodies, note by what, and journal it."""

    def removed(self, digests: Iterable[str]) -> set[str]:
        """Those of them whose bodies were removed and are not here."""

    def words(self, digests: Collection[str]) -> Sequence[CommittedReason]:
        """What people wrote about these envelopes, as far as it is kept and is what entries commit to."""

    def untold(self, digests: Collection[str]) -> set[tuple[str, str]]:
        """Envelopes and recipients whose outcome a neighbour has not been told yet."""

    def redact(self, redactions: Sequence[Redaction]) -> None:
        """Erase these words with their salts, wherever they are, and journal it; letters are removed by themselves."""

    def hold(self, hold: Hold) -> bool:
        """Hold a document; False where it is held already."""

    def release(self, subject: str) -> bool:
        """Hold it no more; False where it was not held."""


class RetentionViews(Protocol):
    """Queries."""

    def kept_bodies(
        self, before: datetime, after: Key | None = None, limit: int = 1000
    ) -> tuple[Sequence[KeptBody], Key | None]:
        """How envelopes stand that were accepted before then and whose bodies are here, the oldest first; and the key
        to go on after, None at the end. At most ``limit`` envelopes are looked at, so a page may be empty."""

    def kept_words(self, after: str = "", limit: int = 1000) -> tuple[Sequence[KeptWords], str]:
        """The envelopes about which somebody's words are kept, by digest, and the digest to go on after, empty at the
        end. Words that no entry commits to are passed over, so a page may be empty."""

    def bodies_kept(self) -> tuple[int, int]:
        """How many bodies are here, and their bytes."""

    def removed_bodies(self, digests: Iterable[str]) -> Mapping[str, RemovedBody]:
        """Of those whose bodies were removed on purpose, by what; of the last time, where it was more than once."""

    def removals(self) -> tuple[int, int]:
        """How many bodies were removed on purpose so far, and their bytes."""

    def holds(self, after: str = "", limit: int = 100) -> Sequence[Hold]:
        """What is held, by subject, in pages."""
