"""Queries of operators, offices and auditors to a node's database. Nothing here changes anything.

Every list comes in pages by key, never by offset: give the last row's key to get the next page. Codes of agencies are
canonical, times are aware datetimes in UTC. An adapter keeps these promises or raises Setback EDX601, EDX602, EDX610,
EDX622, EDX624; a driver's own exception never crosses a port. Every :class:`~edxml_router.ports.ledger.Ledger` has
:class:`Views`; a copy of a database has them without a ledger, since nobody may write to it.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Protocol

from edxml_router.core.delivery.entries.terms import Question
from edxml_router.core.delivery.journal import Entry
from edxml_router.core.delivery.lifecycle import State
from edxml_router.core.delivery.values import Delivery, EnvelopeRow
from edxml_router.core.delivery.views import (
    Damage,
    DeliveryHistory,
    EntryPage,
    EnvelopeHistory,
    FeedHead,
    FeedLine,
    FoundEnvelope,
    InboxItem,
    JournalLine,
    Notice,
    QuarantinedItem,
    SentDelivery,
    Shape,
    Silence,
    StandingPage,
    Verification,
)
from edxml_router.core.delivery.webhook import Hook
from edxml_router.core.link.route import Route
from edxml_router.core.proof.note import VerifierKey
from edxml_router.ports.flow.drain import DrainViews
from edxml_router.ports.flow.halts import HaltViews
from edxml_router.ports.proofs import Proofs, UnprovenEnds
from edxml_router.ports.retention import RetentionViews
from edxml_router.ports.witnesses import InventoryViews, WitnessViews


class MailView(Protocol):
    """Envelopes and deliveries as they stand."""

    def find_envelopes(
        self,
        *,
        digest: str = "",
        document_id: str = "",
        sender: str = "",
        recipient: str = "",
        since: datetime | None = None,
        until: datetime | None = None,
        state: State | None = None,
        code: str = "",
        office: str = "",
        kind: str = "",
        before: tuple[datetime, str] | None = None,
        limit: int = 50,
    ) -> Sequence[FoundEnvelope]:
        """Accepted envelopes, newest first. ``digest`` may be a prefix; ``until`` is not included; ``office`` is the
        one that handed them in here.

        ``document_id`` may be in any spelling that looks the same. ``recipient``, ``state`` and ``code`` (of the last
        problem) must match in a single delivery. ``before`` is the key of the last one on the previous page.
        """

    def standing(self, digests: Iterable[str], recipient: str = "") -> Mapping[str, Mapping[State, int]]:
        """How many deliveries of each envelope are in which state; envelopes without any are left out. ``recipient``:
        only those to this agency, with a dot behind it to those below it as well."""

    def deliveries_of(self, digests: Iterable[str]) -> Sequence[Delivery]:
        """All deliveries of these envelopes, by envelope and recipient."""

    def changes(self, envelope: EnvelopeRow) -> Sequence[FoundEnvelope]:
        """The recalls, updates and replacements by which its sender changed a document, as far as they came here,
        oldest first."""

    def document_ids(self, digests: Iterable[str]) -> Mapping[str, str]:
        """The DocumentId of each envelope that was accepted here."""

    def waits_for(self, numbers: Iterable[int], now: datetime) -> Mapping[int, int]:
        """For each delivery, the earlier one of its documents to the same recipient that it waits for at ``now``."""

    def silences(self) -> Mapping[tuple[Route, bool], Silence]:
        """The mailboxes that do not answer, by route and urgency, as the workers last noted."""

    def list_deliveries(
        self,
        *,
        digest: str = "",
        recipient: str = "",
        route: Route | None = None,
        code: str = "",
        states: Iterable[State] = (),
        accepted_before: datetime | None = None,
        after: int = 0,
        limit: int = 100,
    ) -> Sequence[Delivery]:
        """Deliveries by number, the oldest first; without ``states`` all open ones, unless ``digest`` is given."""

    def offered_mail(self, beginning: str, recipient: str = "", limit: int = 10) -> Sequence[Delivery]:
        """Deliveries offered to offices here for ``recipient``, by the beginning of the digest."""

    def sent_deliveries(self, digests: Iterable[str], after: int = 0, limit: int = 100) -> Sequence[SentDelivery]:
        """The deliveries of these envelopes by number, ``limit`` of each at most. Statuses are those that came back to
        the envelope's sender."""

    def received(
        self,
        office: Route,
        agencies: Iterable[str],
        states: Iterable[State],
        *,
        kind: str = "",
        since: datetime | None = None,
        until: datetime | None = None,
        newest: bool = False,
        limit: int = 100,
    ) -> Sequence[InboxItem]:
        """What came for these agencies to an office here and is in one of ``states``, oldest first, or ``newest``
        first; ``until`` is not included."""

    def received_count(self, office: Route, agencies: Iterable[str], states: Iterable[State], kind: str = "") -> int:
        """How many of those there are."""

    def handled(self, digests: Iterable[str]) -> Mapping[tuple[str, str], Entry]:
        """By envelope and recipient, the last thing that the recipient's system did or said here without ending the
        delivery: it fetched the letter, is working on it, or reports a result."""

    def counts(self) -> Mapping[State, int]:
        """Deliveries per state, zeros included."""

    def shape(self, now: datetime) -> Sequence[Shape]:
        """Where open deliveries pile up and how old they are; the longest queue first."""

    def inbox(self, agencies: Iterable[str], after: int = 0, limit: int = 100) -> Sequence[InboxItem]:
        """What lies ready for these agencies, by number, the oldest first."""


class History(Protocol):
    """The journal by time and subject, and everything about one envelope or delivery."""

    def lines(
        self,
        *,
        since: datetime | None = None,
        until: datetime | None = None,
        event: str = "",
        envelope: str = "",
        recipient: str = "",
        code: str = "",
        actor: str = "",
        after: int = 0,
        limit: int = 100,
    ) -> Sequence[JournalLine]:
        """Journal entries by number; ``until`` is not included, ``event`` may end in a dot: "delivery.", ``envelope``
        may be the beginning of a digest."""

    def trace(self, digest: str, recipient: str = "", limit: int = 1000) -> EnvelopeHistory | None:
        """Everything about the envelope of this digest, as the journal tells it; None when no entry tells that it was
        accepted here. The acceptance is part of every recipient's story. Rows of the tables that do not follow from
        the entries are named, and not believed."""

    def unfounded(self, digest: str) -> Sequence[Damage]:
        """What the tables have of an envelope of whose acceptance no entry tells."""

    def accepted_under(self, document_id: str) -> Sequence[str]:
        """Digests of what the journal says was accepted under this id, where the tables do not know it. Reads the whole
        journal, seconds for each million entries."""

    def story(self, number: int, limit: int = 1000) -> DeliveryHistory | None:
        """The delivery that has this number in the table, with all that happened to it; None when there is none, or no
        entry tells of it."""

    def notices(self, origin: Route, after: int = 0, limit: int = 100) -> Sequence[Notice]:
        """Receipts for an office that have not been handed over yet."""


class Search(Protocol):
    """The whole journal by its terms (:mod:`edxml_router.core.delivery.entries.terms`), whatever its size.

    The order is that of the log's places, and the place of the last entry is the cursor: asked again behind it, nothing
    is missed and nothing told twice. Entries that have no place yet are told again under their place.
    """

    def entries(self, question: Question, after: int = -1, limit: int = 1000) -> EntryPage:
        """The entries that answer, at places behind ``after``."""

    def unplaced(self, question: Question, after: int = 0, limit: int = 1000) -> EntryPage:
        """Those that answer and have no place yet, by number; ``limit`` of them are looked at."""

    def entry_count(self, question: Question) -> int:
        """How many entries with a place answer."""

    def entry_counts(self, question: Question, field: str) -> Mapping[str, int]:
        """How many of them have which value of a field. One may have several, or none."""

    def entries_at(self, places: Sequence[int]) -> Sequence[JournalLine]:
        """The entries at these places, in the order of the log."""

    def document_standings(
        self, question: Question, recipient: str = "", after: int = -1, limit: int = 1000
    ) -> StandingPage:
        """How the documents stand whose acceptances answer, at places behind ``after``; a tenth of the work of reading
        what they are. ``recipient`` as in :meth:`MailView.standing`."""


class Feed(Protocol):
    """The journal in the order of its places, as offices follow it. A place is a number from 0 on without gaps."""

    def feed_head(self) -> FeedHead:
        """How far the journal is numbered, and in which epoch."""

    def feed(
        self, after: int, until: int, *, office: Route | None = None, events: Collection[str] = (), limit: int = 1000
    ) -> Sequence[FeedLine]:
        """The entries about deliveries at places from ``after`` to before ``until``: with ``office`` those of its
        mail, sent or received; of these events, where any are given."""

    def ready_for(
        self, office: Route, agencies: Collection[str], *, after: int = 0, limit: int = 100
    ) -> Sequence[InboxItem]:
        """What lies ready for an office, which serves these agencies, by the delivery's number."""

    def offered_to(
        self, office: Route, event: str, after: int, until: int, limit: int
    ) -> Sequence[tuple[int, InboxItem]]:
        """What was offered to an office by an entry at a place from ``after`` to before ``until``, and lies ready
        still; with that place, in their order."""


class QuarantineView(Protocol):
    """Input that was refused or could not be read, and was kept."""

    def list_quarantined(
        self, *, document: str = "", code: str = "", peer: str = "", after: int = 0, limit: int = 100
    ) -> Sequence[QuarantinedItem]:
        """Items by number, the oldest first; ``document`` is a DocumentId, or the beginning of a digest."""

    def one_quarantined(self, number: int) -> tuple[QuarantinedItem, bytes | None] | None:
        """The item of this number and its bytes, where they were kept; None when there is no such item."""

    def counted_input(self, now: datetime) -> Sequence[tuple[str, datetime, int]]:
        """The peers whose odd input within the hour exceeded what the journal notes singly: since when, and how much
        was only counted. Strangers have the empty name."""


class RuleSetViews(Protocol):
    """What decisions were made by."""

    def rule_parts(self, names: Collection[str]) -> Mapping[str, bytes]:
        """Those of these parts of rules that are here; whether they are what their digests say is for the reader to
        see, and one that cannot be unpacked is empty."""


class Proof(Protocol):
    """Proof that the database holds what was written."""

    def verify(
        self,
        known: Mapping[int, str] | None = None,
        progress: Callable[[int, int], None] | None = None,
        keys: Sequence[VerifierKey] = (),
        files: Path | None = None,
    ) -> Verification:
        """Verify every entry and checkpoint of the journal. ``known`` are roots (hex) by size that were kept elsewhere;
        ``progress`` gets (done, of); ``keys`` are those of the log, by which its signed checkpoints are verified;
        ``files`` is the folder of the bodies that lie in files, which are read as well. Runs beside a working node."""

    def damage(self, *, quick: bool = False) -> str:
        """Damage in the database's own pages, in the database's words; empty when sound. ``quick`` skips comparing the
        indexes."""

    def webhooks(self) -> Sequence[Hook]:
        """The calls to offices' systems: what each was told last, what failed, and when it is called again."""

    def filed_bodies(self) -> int:
        """How many bodies lie in files beside the database."""


class Views(
    MailView,
    DrainViews,
    HaltViews,
    History,
    Search,
    Feed,
    QuarantineView,
    Proof,
    Proofs,
    UnprovenEnds,
    WitnessViews,
    InventoryViews,
    RetentionViews,
    RuleSetViews,
    Protocol,
):
    """All queries to a node's database."""
