"""The envelope as a value: what an edXML message says, without its XML.

A reader makes it from a parsed document, a writer turns it back into the strict form. Field comments give
the element of QCVN 102:2016 that a field stands for; only reader, writer and schemas use those names in code.
``None`` means that the element is absent, ``""`` that it is there and empty: both occur in real traffic, and
a value that was read must be written back the same.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum, StrEnum


class Kind(StrEnum):
    """The two messages of the standard: a document, or a status about a document."""

    DOCUMENT = "document"
    STATUS = "status"


class Business(IntEnum):
    """Business kind of a document message (``BussinessDocType``); a message without it is NEW."""

    NEW = 0
    RECALL = 1
    UPDATE = 2
    REPLACE = 3


class Priority(IntEnum):
    """``OtherInfo/Priority``: thường, khẩn, thượng khẩn, hỏa tốc, hỏa tốc hẹn giờ."""

    ORDINARY = 0
    URGENT = 1
    VERY_URGENT = 2
    FLASH = 3
    FLASH_TIMED = 4


class StatusCode(StrEnum):
    """``StatusCode`` of a status message, in two digits; unknown codes are kept as the text they came as."""

    ARRIVED = "01"
    REJECTED = "02"
    RECEIVED = "03"
    ASSIGNED = "04"
    IN_PROCESS = "05"
    DONE = "06"
    RECALL_ASKED = "13"
    RECALL_AGREED = "15"
    RECALL_DENIED = "16"


@dataclass(frozen=True, slots=True)
class Party:
    """``From`` or ``To``."""

    organ_id: str
    organization_in_charge: str | None = None
    organ_name: str | None = None
    organ_add: str | None = None
    email: str | None = None
    telephone: str | None = None
    fax: str | None = None
    website: str | None = None


@dataclass(frozen=True, slots=True)
class Staff:
    """``StaffInfo``."""

    department: str | None = None
    department_id: str | None = None
    staff: str | None = None
    staff_id: str | None = None
    mobile: str | None = None
    email: str | None = None


@dataclass(frozen=True, slots=True)
class ResponseFor:
    """``ResponseFor``: the document that this message answers. ``code`` is one string, e.g. ``12/UBND-VP``."""

    organ_id: str | None = None
    code: str | None = None
    promulgation_date: str | None = None
    document_id: str | None = None


@dataclass(frozen=True, slots=True)
class OtherInfo:
    """``OtherInfo``; values as written."""

    priority: str | None = None
    sphere_of_promulgation: str | None = None
    typer_notation: str | None = None
    promulgation_amount: str | None = None
    page_amount: str | None = None
    direction: str | None = None
    reply_fors: tuple[str, ...] | None = None
    reference_codes: tuple[str, ...] | None = None
    appendixes: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True)
class Trace:
    """``TraceHeader``."""

    organ_id: str | None = None
    timestamp: str | None = None


@dataclass(frozen=True, slots=True)
class Receiver:
    """``ReceiverList/Receiver`` of an update; ``receiver_type`` 0 removed, 1 added."""

    organ_id: str
    receiver_type: str | None = None


@dataclass(frozen=True, slots=True)
class Replacement:
    """``ReplacementInfo``: a replaced document and whom it had been sent to."""

    document_id: str
    organ_ids: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class BusinessInfo:
    """``Bussiness`` (spelled so in the standard)."""

    kind: Business = Business.NEW
    reason: str | None = None
    document_id: str | None = None
    paper: str | None = None
    document_info: str | None = None
    document_receiver: str | None = None
    receivers: tuple[Receiver, ...] | None = None
    replacements: tuple[Replacement, ...] | None = None
    staff: Staff | None = None


@dataclass(frozen=True, slots=True)
class Attachment:
    """One attachment: a ``Reference`` of the manifest with its ``Attachment``.

    ``size`` (bytes) and ``sha256`` (hex) are of the decoded content, which itself is not kept here.
    """

    content_id: str
    name: str
    content_type: str
    description: str | None = None
    size: int = 0
    sha256: str = ""


@dataclass(frozen=True, slots=True)
class Document:
    """The header of a document message, apart from the parties."""

    document_id: str
    code_number: str | None = None
    code_notation: str | None = None
    place: str | None = None
    promulgation_date: str | None = None
    type: str | None = None  # DocumentType/Type
    type_detail: str | None = None
    type_name: str | None = None
    subject: str | None = None
    content: str | None = None
    competence: str | None = None
    position: str | None = None
    full_name: str | None = None
    due_date: str | None = None
    other: OtherInfo | None = None
    response_for: tuple[ResponseFor, ...] = ()
    steering_type: str | None = None
    task_codes: tuple[str, ...] | None = None
    application_type: str | None = None
    to_places: tuple[str, ...] | None = None
    business: BusinessInfo | None = None


@dataclass(frozen=True, slots=True)
class Status:
    """The header of a status message, apart from the sender."""

    response_for: ResponseFor
    status_code: str  # as written; `Envelope.status_code` gives the two-digit form
    description: str | None = None
    timestamp: str | None = None
    staff: Staff | None = None


@dataclass(frozen=True, slots=True)
class ReportedError:
    """``ErrorList/Error``: what another system reports about a message of ours."""

    code: str | None = None
    description: str | None = None


@dataclass(frozen=True, slots=True)
class Envelope:
    """One edXML message. Exactly one of ``document`` and ``status`` is set."""

    sender: Party
    to: tuple[Party, ...] = ()
    document: Document | None = None
    status: Status | None = None
    traces: tuple[Trace, ...] = ()
    attachments: tuple[Attachment, ...] = ()
    errors: tuple[ReportedError, ...] = ()

    @property
    def kind(self) -> Kind:
        return Kind.STATUS if self.status is not None else Kind.DOCUMENT

    @property
    def business(self) -> Business:
        """Business kind; NEW for a document without ``Bussiness`` and for a status message."""
        info = self.document.business if self.document else None
        return info.kind if info else Business.NEW

    @property
    def recipients(self) -> tuple[str, ...]:
        """The codes this message is addressed to, as written: every ``To``, or ``ResponseFor/OrganId`` of a status."""
        if self.status is not None:
            code = self.status.response_for.organ_id
            return (code,) if code else ()
        return tuple(party.organ_id for party in self.to)

    @property
    def document_id(self) -> str:
        """The document's own id; for a status, the id of the document it is about."""
        if self.status is not None:
            return self.status.response_for.document_id or ""
        assert self.document is not None  # noqa: S101  # the class invariant, for the type checker
        return self.document.document_id

    @property
    def refers_to(self) -> tuple[str, ...]:
        """Ids of the documents that this message acts on: recalled, updated, replaced, or reported about."""
        if self.status is not None:
            return (self.document_id,) if self.document_id else ()
        document = self.document
        assert document is not None  # noqa: S101  # the class invariant, for the type checker
        info = document.business
        if info is None or info.kind is Business.NEW:
            return ()
        if info.kind is Business.REPLACE:
            return tuple(dict.fromkeys(item.document_id for item in info.replacements or ()))
        # A recall names its target in ResponseFor, samples of updates in Bussiness/DocumentId.
        answered = tuple(item.document_id for item in document.response_for if item.document_id)
        own = (info.document_id,) if info.document_id else ()
        return (answered or own) if info.kind is Business.RECALL else (own or answered)

    @property
    def status_code(self) -> str | None:
        """The status in two digits (``1`` and ``01`` are both written); unknown codes verbatim."""
        if self.status is None:
            return None
        text = self.status.status_code.strip()
        return text.zfill(2) if text.isascii() and text.isdigit() else text

    @property
    def priority(self) -> int:
        """0 to 4; anything else counts as ordinary."""
        other = self.document.other if self.document else None
        text = (other.priority or "").strip() if other else ""
        return int(text) if text in {"0", "1", "2", "3", "4"} else 0
