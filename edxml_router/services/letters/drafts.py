"""Drafts: what an office says of a letter, in JSON, without knowing edXML.

    draft = read(LetterDraft, data, DraftContext(registry, today))     # or DraftRefused with all mistakes

The members' names are plain words; the elements of QCVN 102:2016 that they become stand in
:mod:`edxml_router.services.letters.writing`. JSON Schemas come from the classes. Raises :class:`DraftRefused`, whose
``findings`` tell all mistakes, each at its place as a JSON Pointer: EDX431 (a member is missing, unknown or not as it
must be), EDX501 to EDX504 for an agency's code, EDX207 and EDX407 for a list of them, EDX401 for the sender, EDX206 and
EDX209 for files, EDX215 for an id, EDX606 and EDX613 for a letter that is named.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Annotated, Any, Final, Literal, TypeVar

from pydantic import Field, TypeAdapter, ValidationError

from edxml_router.core.detail import Detail
from edxml_router.core.problems import Finding, Refusal
from edxml_router.services.letters.values import (
    WRONG,
    AttachmentName,
    Day,
    DocumentId,
    Draft,
    DraftContext,
    Explanation,
    FileName,
    Initials,
    IssueDay,
    Name,
    Notation,
    Number,
    Paragraph,
    Parties,
    Place,
    ReceivedName,
    Sender,
    SentName,
    Short,
    explained,
)

MOST_BYTES: Final = 8 * 1024 * 1024  # of a draft without its files: ten thousand recipients with their addresses
_MOST_MISTAKES: Final = 100

Urgency = Literal["ordinary", "urgent", "very-urgent", "flash", "flash-timed"]
Steering = Literal["none", "instruction", "report"]
Few = Field(max_length=100)


class DraftRefused(Refusal):
    """What is wrong with a draft: all of it, in the order of its places."""

    def __init__(self, findings: Sequence[Finding]) -> None:
        first = findings[0]
        super().__init__(first.code, where=first.where, detail=first.detail)
        self.findings = tuple(findings)


class StaffDraft(Draft):
    """Who handled it (cán bộ xử lý)."""

    department: Name | None = None
    name: Name | None = None
    mobile: Short | None = None
    email: Name | None = None
    department_id: Name | None = None
    staff_id: Name | None = None


class SignerDraft(Draft):
    """Who signed the document (người ký)."""

    name: Short
    position: Name | None = None
    authority: Name | None = None
    """For whom: "TM. ỦY BAN NHÂN DÂN"."""


class AnswerDraft(Draft):
    """A document that this one answers (văn bản liên quan): a letter of the inbox by its name, or its particulars."""

    letter: ReceivedName | None = None
    sender: Short | None = None
    code: Name | None = None
    """Number and notation as one: "12/UBND-VP"."""
    date: Day | None = None
    document_id: DocumentId | None = None


class AttachmentDraft(Draft):
    """A file of the letter."""

    file: FileName
    """The name under which the file comes with the draft."""
    name: AttachmentName | None = None
    """Its name in the letter; without it that of the file."""
    content_type: Name | None = None
    description: Paragraph | None = None


class SignatureDraft(Draft):
    """How the message is signed: by the seal that the node holds for the agency, by the office in a second step, or not
    at all (under a dated exception of the node's operator only)."""

    by: Literal["seal", "office", "nobody"]
    algorithm: Literal["rsa-sha256", "rsa-sha384", "rsa-sha512", "ecdsa-sha256", "ecdsa-sha384", "ecdsa-sha512"] = (
        "rsa-sha256"
    )
    """Of the office's key."""
    coverage: Literal["whole", "parts"] = "whole"


class SignedDraft(Draft):
    """What every draft may say."""

    sender: Sender = None
    """The agency that sends; not needed where the office has one agency only, or where a letter is named."""
    staff: StaffDraft | None = None
    signature: SignatureDraft | None = None
    """Without it: the node's seal where it holds one for the agency, else the office's own in a second step."""


class HeaderDraft(SignedDraft):
    """What may be said of a document."""

    document_id: DocumentId | None = None
    """The sender's unique key of the document; without it made of sender, date, number and notation."""
    number: Number | None = None
    notation: Notation | None = None
    date: IssueDay | None = None
    """Of issue; today if it is not given."""
    place: Short | None = None
    type: Name | None = None
    """In words: "Công văn" if it is not given."""
    type_code: Literal[1, 2] | None = None
    """1 administrative (hành chính), 2 legal (quy phạm pháp luật)."""
    subject: Paragraph | None = None
    content: Paragraph | None = None
    signer: SignerDraft | None = None
    due_date: Day | None = None
    urgency: Urgency | None = None
    circulation: Name | None = None
    typist: Initials | None = None
    copies: Annotated[int, Field(ge=0, le=999)] | None = None
    pages: Annotated[int, Field(ge=0, le=999)] | None = None
    appendixes: Annotated[tuple[Paragraph, ...], Few] | None = None
    steering: Steering | None = None
    answers: Annotated[tuple[AnswerDraft, ...], Few] | None = None
    tasks: Annotated[tuple[Name, ...], Few] | None = None
    places: Annotated[tuple[Place, ...], Few] | None = None
    """The lines "Nơi nhận" as printed; nobody is addressed by them."""
    paper: bool | None = None
    """Whether a paper copy follows."""
    attachments: Annotated[tuple[AttachmentDraft, ...], Field(max_length=1000)] | None = None
    """The files, in order; without it all files that come with the draft."""


class _Whole(HeaderDraft):
    """What a document cannot do without."""

    number: Number
    notation: Notation
    subject: Paragraph
    signer: SignerDraft


class LetterDraft(_Whole):
    """A new document (văn bản mới)."""

    recipients: Annotated[Parties, Field(min_length=1)]
    reason: Paragraph | None = None


class ReplacementDraft(_Whole):
    """A document in the place of others (văn bản thay thế)."""

    replaces: Annotated[tuple[SentName, ...], Field(min_length=1, max_length=100)]
    """The documents that were sent: each by its digest, the beginning of it, or its DocumentId."""
    recipients: Annotated[Parties, Field(min_length=1)] | None = None
    """Without it everybody to whom those were sent."""
    reason: Paragraph | None = None


class UpdateDraft(HeaderDraft):
    """Changes of a document that was sent (cập nhật): what is not given stays as it was."""

    document: SentName
    """The document that was sent: its digest, the beginning of it, or its DocumentId."""
    added: Parties = ()
    """Agencies that receive it now as well."""
    removed: Parties = ()
    """Agencies that should not have it any more."""
    reason: Paragraph


class RecallDraft(SignedDraft):
    """A document that was sent is recalled (thu hồi): its recipients destroy it and say so (NĐ 30/2020, 18.4)."""

    document: SentName
    """The document that was sent: its digest, the beginning of it, or its DocumentId."""
    reason: Paragraph
    recipients: Annotated[Parties, Field(min_length=1)] | None = None
    """Without it everybody to whom it was sent."""
    document_id: DocumentId | None = None
    """Of the recall itself."""


class StatusDraft(SignedDraft):
    """What became of a letter. 01 to 06, 15 and 16 go to the sender of a letter that was received; 13 (xin lấy lại) to
    the recipients of one that was sent."""

    letter: ReceivedName | None = None
    """The letter received: its name in the inbox, the beginning of it, or its DocumentId."""
    document: SentName | None = None
    """With 13, the document that was sent: its digest, the beginning of it, or its DocumentId."""
    recipients: Annotated[Parties, Field(min_length=1)] | None = None
    """With 13; without it everybody to whom it was sent."""
    code: Literal["01", "02", "03", "04", "05", "06", "13", "15", "16"]
    description: Explanation | None = None
    """Needed with 02 and 16, which owe the sender a reason (QĐ 28/2018, 5.4)."""
    at: datetime | None = None
    """When it happened; now if it is not given."""


D = TypeVar("D", bound=Draft)

KINDS: Final[dict[str, type[SignedDraft]]] = {
    "letter": LetterDraft,
    "recall": RecallDraft,
    "update": UpdateDraft,
    "replacement": ReplacementDraft,
    "status": StatusDraft,
}


def read(kind: type[D], data: bytes, reading: DraftContext) -> D:
    """The draft in JSON. Raises DraftRefused."""
    given = _json(data)
    try:
        return TypeAdapter(kind).validate_python(given, context=reading)
    except ValidationError as error:
        wrong = [each for each in error.errors(include_url=False) if not _follows(each)]
        raise DraftRefused([explained(each, given) for each in wrong[:_MOST_MISTAKES]]) from error


def _follows(error: Mapping[str, Any]) -> bool:
    """Whether it is only said because of another mistake: a list whose members are wrong is no empty list."""
    return bool(error["type"] == "too_short" and error["input"])


def _json(data: bytes) -> Any:
    if len(data) > MOST_BYTES:
        raise DraftRefused([Finding(WRONG, "", Detail("more than {most} bytes", most=MOST_BYTES))])
    try:
        return json.loads(data.decode("utf-8-sig"), object_pairs_hook=_once)
    except UnicodeDecodeError as error:
        raise DraftRefused([Finding(WRONG, "", Detail("not UTF-8"))]) from error
    except json.JSONDecodeError as error:
        detail = Detail("not JSON at line {line}, column {column}", line=error.lineno, column=error.colno)
        raise DraftRefused([Finding(WRONG, "", detail)]) from error
    except RecursionError as error:
        raise DraftRefused([Finding(WRONG, "", Detail("nested too deeply"))]) from error


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object, in which no member may stand twice: programs differ about which of them counts."""
    members = dict(pairs)
    if len(members) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise DraftRefused([Finding(WRONG, "", Detail("{name} stands there twice", name=twice[:100]))])
    return members
