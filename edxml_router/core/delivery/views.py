"""Results of queries to the ledger, as values: envelopes with their outcome, deliveries with their story, numbered
journal entries, and quarantined items. All times are UTC.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Final

from edxml_router.core.delivery.entries.redaction import Redaction
from edxml_router.core.delivery.journal import Entry
from edxml_router.core.delivery.lifecycle import State, outcome
from edxml_router.core.delivery.values import Delivery, EnvelopeRow
from edxml_router.core.link.route import Route
from edxml_router.core.link.statement import Evidence
from edxml_router.core.link.wire import Hop, Receipt
from edxml_router.core.problems import Finding


@dataclass(frozen=True, slots=True)
class JournalLine:
    """A journal entry with its number, and its place and stamp in the log once it has them."""

    number: int
    position: int | None
    entry: Entry
    stamp: datetime | None  # none where a version without stamps numbered it
    reason: str = ""  # the words that the entry commits to, as long as they are kept

    @property
    def told(self) -> Entry:
        """The entry as it is shown, with those words; it is in the log without them."""
        return replace(self.entry, detail=self.reason) if self.reason else self.entry


@dataclass(frozen=True, slots=True)
class DocumentStanding:
    """How the deliveries of a document stand, whose acceptance is at this place of the log: by their states."""

    position: int
    digest: str
    states: Mapping[State, int]
    asked: Mapping[State, int]  # of those, the deliveries to the recipient that was asked for; without one, all

    @property
    def outcome(self) -> str:
        """One of :data:`~edxml_router.core.delivery.lifecycle.OUTCOMES`."""
        return outcome(self.states)


@dataclass(frozen=True, slots=True)
class StandingPage:
    """Documents that may answer, and the place up to which was looked."""

    documents: Sequence[DocumentStanding]
    reached: int
    more: bool


@dataclass(frozen=True, slots=True)
class EntryPage:
    """Entries that answer a question, and how far was looked for them: the place, or the number where they have none,
    behind which the next page begins. It may be empty, and ``more`` still be there."""

    lines: Sequence[JournalLine]
    reached: int
    more: bool


@dataclass(frozen=True, slots=True)
class Notice:
    """A receipt that this node made: for whom, and when it was handed over."""

    number: int
    origin: Route
    receipt: Receipt
    sent_at: datetime | None


@dataclass(frozen=True, slots=True)
class EnvelopeHistory:
    """Everything about one envelope, or its way to one recipient; each part in order and cut at the limit.

    ``envelope`` and ``deliveries`` are what the entries tell. ``hops``: the nodes passed, by recipient, where the
    entries tell all of a delivery. ``damages``: rows of the tables that do not follow. ``untold``: what only the tables
    tell, because an earlier version wrote the entries: recipients, and an empty text for the envelope itself."""

    envelope: EnvelopeRow
    deliveries: Sequence[Delivery]
    lines: Sequence[JournalLine]
    receipts: Sequence[Notice]
    hops: Mapping[str, Sequence[Hop]] = field(default_factory=dict)
    damages: Sequence[Damage] = ()
    untold: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class DeliveryHistory:
    """A delivery, its envelope, and its journal entries from first to last; ``damages`` as in
    :class:`EnvelopeHistory`."""

    delivery: Delivery
    envelope: EnvelopeRow
    lines: Sequence[JournalLine]
    damages: Sequence[Damage] = ()


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """The log's size and root (hex) at a time: the pair to keep elsewhere. ``note``: the two, signed, as bytes of
    :mod:`edxml_router.core.proof.note`; None where the log's key was not at hand."""

    size: int
    root: str
    at: datetime
    note: bytes | None = None


@dataclass(frozen=True, slots=True)
class FeedHead:
    """Of the journal so many entries have their place; ``epoch`` is another one since a back-up was restored."""

    epoch: str
    size: int


@dataclass(frozen=True, slots=True)
class FeedLine:
    """A journal entry at its place, with where the delivery that it is about goes and comes from."""

    position: int
    entry: Entry
    route: Route
    origin: Route
    reason: str = ""  # as in JournalLine

    @property
    def told(self) -> Entry:
        """As in JournalLine."""
        return replace(self.entry, detail=self.reason) if self.reason else self.entry


@dataclass(frozen=True, slots=True)
class FoundEnvelope:
    """An envelope and how many of its deliveries are in which state."""

    envelope: EnvelopeRow
    states: Mapping[State, int]

    @property
    def outcome(self) -> str:
        return outcome(self.states)

    @property
    def key(self) -> tuple[datetime, str]:
        """For the next page."""
        return self.envelope.accepted_at, self.envelope.digest


@dataclass(frozen=True, slots=True)
class ListedDocument:
    """A document that was accepted here, the place of the entry that tells so, and its recipients here; None where the
    entry does not list them."""

    position: int
    found: FoundEnvelope
    recipients: Sequence[str] | None

    @property
    def count(self) -> int:
        """How many recipients there are."""
        return sum(self.found.states.values()) if self.recipients is None else len(self.recipients)


AGES: Final = (1, 5, 10, 20, 40, 80, 160, 320, 640, 1280)  # minutes; the upper ends of all spans but the last


@dataclass(frozen=True, slots=True)
class Shape:
    """Open deliveries of one route by the age of their envelopes, one number for each span of :data:`AGES`."""

    route: Route
    ages: tuple[int, ...]

    @property
    def total(self) -> int:
        return sum(self.ages)


@dataclass(frozen=True, slots=True)
class InboxItem:
    """A delivery in an inbox, with its envelope."""

    delivery: Delivery
    envelope: EnvelopeRow


@dataclass(frozen=True, slots=True)
class SentDelivery:
    """A delivery of an envelope that an office sent. ``hops`` are the nodes passed, as far as receipts tell here;
    ``status`` is the latest one that the recipient's agency sent back about the document, ``evidence`` what proves the
    end."""

    delivery: Delivery
    hops: tuple[Hop, ...] = ()
    status: EnvelopeRow | None = None
    evidence: Evidence | None = None


@dataclass(frozen=True, slots=True)
class UnprovenEnd:
    """A delivery that ended by a neighbour's word alone; ``number`` is that of its receipt. ``document`` is empty where
    it could not be read."""

    number: int
    document: str
    sender: str
    receipt: Receipt

    @property
    def told_by(self) -> str:
        return self.receipt.evidence.told_by or ""

    @property
    def finding(self) -> Finding:
        """Why it is not proven."""
        doubt = self.receipt.evidence.doubt
        if doubt is None:
            raise ValueError("it is proven")
        return doubt


@dataclass(frozen=True, slots=True)
class Silence:
    """A mailbox that does not answer: why, and since when a worker knows it."""

    finding: Finding
    since: datetime


@dataclass(frozen=True, slots=True)
class Hindrance:
    """Why this node does not forward a delivery, where its row cannot tell: an earlier delivery of its document goes
    first, or its mailbox does not answer."""

    earlier: int | None = None
    silence: Silence | None = None


@dataclass(frozen=True, slots=True)
class QuarantinedItem:
    """A quarantined item, without its bytes."""

    number: int
    at: datetime
    peer: str
    channel: str
    code: str
    where: str
    detail: str
    digest: str  # of the bytes, hex
    size: int
    count: int  # how often these bytes came
    last_at: datetime
    document_id: str  # empty where it could not be read
    kept: bool  # whether the bytes are here


@dataclass(frozen=True, slots=True)
class Damage:
    """One thing that is wrong, and where: ``entry 17``, ``place 1203``, ``checkpoint 5000``. ``body`` is the digest
    of a body whose file is all that is wrong."""

    where: str
    detail: str
    body: str = ""


@dataclass(frozen=True, slots=True)
class Verification:
    """What a verification found. ``root`` is that of the tree over ``size`` numbered entries."""

    size: int
    root: str  # hex
    unnumbered: int  # entries without a place yet: checked one by one, protected by no root
    unnumbered_since: datetime | None  # the oldest of them
    checkpoints: int
    damages: tuple[Damage, ...]
    damage_count: int
    uncovered: int = 0  # entries about envelopes and deliveries by versions that did not write what rows follow from
    covered_from: int | None = 0  # the first place that tells all; None where none does
    envelopes: int = 0  # rows that were compared with the journal
    deliveries: int = 0
    bodies: int = 0
    files: int = 0  # of bodies that were read and hashed
    indexed: int = 0  # entries that the search index holds
    index_compared: int = 0  # of which it was compared with what they say
    redactions: tuple[Redaction, ...] = ()  # what was erased on purpose, the first of them
    redaction_count: int = 0

    @property
    def sound(self) -> bool:
        return self.damage_count == 0
