"""What the ledger keeps, as values: envelopes, deliveries, and the moves that change them. All times are UTC.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from edxml_router.core.body import Body
from edxml_router.core.delivery.lifecycle import Event, State
from edxml_router.core.link.route import Route
from edxml_router.core.link.wire import Hop, letter_name


@dataclass(frozen=True, slots=True)
class EnvelopeRow:
    """What the ledger keeps of an accepted envelope: ids and verdicts, no content."""

    digest: str  # SHA-256 of the bytes, hex; the envelope's identity on every node
    identity: str  # sender, business kind and DocumentId as one key: unique among accepted envelopes
    kind: str  # "document" | "status"
    business: int
    sender: str  # canonical agency code
    document_id: str  # as written
    refers_to: tuple[str, ...]  # ids of other documents, in their comparable form
    status_code: str
    size: int
    attachments: int
    urgent: bool
    accepted_at: datetime
    expires_at: datetime
    peer: str  # who brought it
    channel: str  # "cli", "amqp", "link", …
    indication: str  # of the signature
    reason: str
    signer: str  # SHA-256 of the signer's public key, hex; empty when unsigned
    remarks: tuple[str, ...] = ()  # problem codes
    hops: tuple[Hop, ...] = ()  # up to and including this node
    document_key: str = ""  # ``document_id`` in comparable form (core.document_id), by which documents are found
    chains: tuple[int, ...] = ()  # the chains whose order it keeps (core.delivery.chains)


def identity(sender: str, kind: str, business: int, digest: str, document_key: str) -> str:
    """What is one of a kind: who, what for, and the document's id. A status carries no id of its own, so it is the same
    only when its bytes are."""
    status = kind == "status"
    return f"{sender}|{'status' if status else business}|{digest if status else document_key}"


@dataclass(frozen=True, slots=True)
class NewDelivery:
    """A delivery to be made: always starts QUEUED. ``origin`` is the link or office that receipts go back to."""

    digest: str
    recipient: str  # canonical agency code
    route: Route
    origin: Route
    generation: int
    urgent: bool
    due_at: datetime
    expires_at: datetime
    chains: tuple[int, ...] = ()  # of its envelope


@dataclass(frozen=True, slots=True)
class Delivery:
    """A delivery as it stands. ``version`` counts its changes and guards updates."""

    id: int
    digest: str
    recipient: str
    state: State
    route: Route
    origin: Route
    generation: int
    attempts: int
    urgent: bool
    due_at: datetime  # by state: next attempt, end of the lease, overdue time, or next look at an inbox
    expires_at: datetime
    far_accepted: bool  # the next node has committed it and is responsible for it
    code: str  # last problem
    detail: str
    updated_at: datetime
    version: int
    lapses: int = 0  # leases in a row that ended without an outcome because the worker ended
    ended_at: datetime | None = None  # when it ended, as dated by whoever witnessed it
    handed_at: datetime | None = None  # when the hub confirmed the body, whose one copy waits there or was taken
    asked_at: datetime | None = None  # the last inquiry since
    chain: int = 0  # the first of its envelope's chains; 0 for none

    @property
    def name(self) -> str:
        """The name by which its office knows it; ``id`` is a number of this database, for the node and its operators
        only."""
        return letter_name(self.digest, self.recipient)


@dataclass(frozen=True, slots=True)
class Move:
    """A guarded change of one delivery: applied only if ``delivery.version`` is still the stored one.

    ``after`` comes from ``lifecycle.advance``. Fields left ``None`` keep their value, except ``ended_at``. With
    ``far_accepted`` False, or an offer, the body is to be sent again, so ``handed_at`` is cleared.
    """

    delivery: Delivery
    event: Event
    after: State
    due_at: datetime | None = None
    attempts: int | None = None
    far_accepted: bool | None = None
    generation: int | None = None
    origin: Route | None = None
    route: Route | None = None
    expires_at: datetime | None = None
    ended_at: datetime | None = None
    handed_at: datetime | None = None
    code: str = ""
    detail: str = ""
    actor: str = "node"
    hops: tuple[Hop, ...] = ()  # that the receipt told which it rests on
    evidence: str = ""  # SHA-256 (hex) of the signed statement that it rests on


@dataclass(frozen=True, slots=True)
class NewQuarantinedItem:
    """Input that was refused or could not be read, kept for the operator; of a body on disk only its metadata."""

    at: datetime
    peer: str
    channel: str
    code: str
    where: str
    detail: str
    data: Body
    document_id: str = ""  # in its comparable form, as far as it could be read


@dataclass(frozen=True, slots=True)
class UnansweredMail:
    """Unanswered mail in a mailbox: messages, bytes, and the time of the oldest."""

    messages: int
    size: int
    since: datetime
