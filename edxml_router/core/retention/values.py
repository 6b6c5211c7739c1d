"""What was removed on purpose, and what is held, as values; and the entries that tell of it. All times are UTC."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from edxml_router.core.delivery.journal import Entry
from edxml_router.core.detail import Detail

BODIES_REMOVED: Final = "bodies.removed"
DOCUMENT_HELD: Final = "document.held"
DOCUMENT_RELEASED: Final = "document.released"


@dataclass(frozen=True, slots=True)
class Removal:
    """Bodies that were removed in one transaction, by one rule. ``digest``: SHA-256 (hex) of what went, as
    :func:`digest_of_removed` computes it; the journal's entry has the same."""

    at: datetime
    rule: str
    actor: str
    digest: str
    count: int
    size: int  # bytes

    def entry(self) -> Entry:
        """The entry that tells of it."""
        values = {"count": self.count, "size": self.size, "rule": self.rule}
        told = Detail("{count} bodies of {size} bytes, by rule {rule}", **values)
        facts = {**values, "removed_sha256": self.digest}
        return Entry(self.at, BODIES_REMOVED, actor=self.actor, detail=told, facts=facts)


@dataclass(frozen=True, slots=True)
class RemovedBody:
    """Why a body is not here: the removal that it went with, and the entry's number and its place in the log."""

    removal: Removal
    entry: int | None
    position: int | None


@dataclass(frozen=True, slots=True)
class Hold:
    """A document that is held: ``subject`` is its id in comparable form, or the digest of an envelope without one."""

    subject: str
    since: datetime
    actor: str
    reason: str


def digest_of_removed(digests: Iterable[str]) -> str:
    """SHA-256 (hex) of the digests of bodies, sorted, one a line."""
    return hashlib.sha256("\n".join(sorted(digests)).encode()).hexdigest()


def removal_of(at: datetime, rule: str, actor: str, sizes: Sequence[tuple[str, int]]) -> Removal:
    """The removal of these bodies, each a digest and its bytes."""
    digests = [digest for digest, _ in sizes]
    return Removal(at, rule, actor, digest_of_removed(digests), len(digests), sum(size for _, size in sizes))


def hold_entry(event: str, at: datetime, subject: str, envelope: str, actor: str, reason: str) -> Entry:
    """The entry of a hold, or of its end, about one of the envelopes that it concerns; ``envelope`` may be empty."""
    return Entry(at, event, envelope, actor=actor, detail=reason, facts={"subject": subject})
