"""The terms on which a node accepts and forwards mail. They are settings, and the rules use them as they are.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, timedelta

from edxml_router.core.message.classification import DEGREES
from edxml_router.core.xml.safe_xml import Limits


@dataclass(frozen=True, slots=True)
class UnsignedException:
    """A named, dated permission to bring unsigned or legacy-signed envelopes; shown in the journal."""

    until: date  # last day, Vietnam time
    reason: str
    senders: Collection[str] = ()  # codes, canonical where compared; none means all that this peer may bring


@dataclass(frozen=True, slots=True)
class Quota:
    """What a peer may bring within a minute; the excess is put off (EDX406), not refused. 0 means no limit."""

    messages: int = 0
    bytes: int = 0
    recipients: int = 0

    @property
    def limited(self) -> bool:
        return bool(self.messages or self.bytes or self.recipients)


@dataclass(frozen=True, slots=True)
class Policy:
    """What this node accepts, apart from who may bring it.

    A fresh submission whose own time stamp is more than ``max_age`` past or ``max_ahead`` in the future is refused
    (EDX408); zero switches that off. Transfers are exempt: they may have waited on the way.
    """

    classified: tuple[str, ...] = DEGREES  # markings of state secrets (EDX405)
    max_age: timedelta = timedelta()
    max_ahead: timedelta = timedelta()


@dataclass(frozen=True, slots=True)
class DeliveryTerms:
    """Durations and sizes of the delivery; see docs/settings.md for what each one means to an operator."""

    lifetime: timedelta = timedelta(days=30)
    lease: timedelta = timedelta(seconds=60)
    retry_first: timedelta = timedelta(seconds=5)
    retry_ceiling: timedelta = timedelta(hours=1)
    receipt_timeout: timedelta = timedelta(minutes=5)
    inquiry_interval: timedelta = timedelta(hours=6)
    expiry_grace: timedelta = timedelta(days=14)
    batch: int = 100  # envelopes, at least two: a place each for urgent and ordinary mail
    chunk_bytes: int = 4 * 1024 * 1024
    mailbox_bytes: int = 256 * 1024 * 1024  # of mail waiting in one mailbox of a neighbour or office
    require_proof: bool = False  # whether an outcome must be proven to end what an office here has sent


@dataclass(frozen=True, slots=True)
class IntakeLimits(Limits):
    """Bounds for one message, for what is spent on it, and for what is kept of refused input."""

    judging_time: timedelta = timedelta(seconds=1)  # of a processor, for one envelope; more for what is larger
    quarantine_bytes: int = 1024**3
    noted_hourly: int = 1000  # journal entries about the refused and odd input of one peer
