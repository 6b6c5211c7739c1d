"""What a letter says, for those who do not parse edXML."""

from __future__ import annotations

from typing import TypedDict

from edxml_router.core.message.envelope import Envelope, Kind, Party
from edxml_router.shapes.form import LetterName
from edxml_router.shapes.verdict import AttachmentShape, attachment_shapes


class PartyShape(TypedDict):
    """An agency as a message names it."""

    code: str
    name: str | None


class LetterContentShape(TypedDict):
    """What a letter says; texts as the sender wrote them."""

    letter: LetterName
    kind: Kind
    business: int
    document_id: str
    sender: PartyShape
    to: list[PartyShape]
    number: str | None
    notation: str | None
    day: str | None
    subject: str | None
    content: str | None
    document_type: str | None
    signed_by: str | None
    signer_position: str | None
    due_day: str | None
    priority: int
    refers_to: list[str]
    answers: list[str]
    status_code: str | None
    description: str | None
    attachments: list[AttachmentShape]


def letter_content_shape(letter: str, envelope: Envelope) -> LetterContentShape:
    document, status = envelope.document, envelope.status
    answered = document.response_for if document else (status.response_for,) if status else ()
    return {
        "letter": letter,
        "kind": envelope.kind,
        "business": int(envelope.business),
        "document_id": envelope.document_id,
        "sender": _party(envelope.sender),
        "to": [_party(one) for one in envelope.to],
        "number": document.code_number if document else None,
        "notation": document.code_notation if document else None,
        "day": document.promulgation_date if document else None,
        "subject": document.subject if document else None,
        "content": document.content if document else None,
        "document_type": document.type_name if document else None,
        "signed_by": document.full_name if document else None,
        "signer_position": document.position if document else None,
        "due_day": document.due_date if document else None,
        "priority": envelope.priority,
        "refers_to": list(envelope.refers_to),
        "answers": [one.document_id for one in answered if one.document_id],
        "status_code": envelope.status_code,
        "description": status.description if status else None,
        "attachments": attachment_shapes(envelope),
    }


def _party(one: Party) -> PartyShape:
    return {"code": one.organ_id, "name": one.organ_name}
