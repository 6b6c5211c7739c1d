"""The header of a document from a draft: members in plain words become the parts of QCVN 102:2016.

What a draft of an update does not say is taken from the document that it changes.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime, timedelta, timezone
from typing import Final, TypeVar

from edxml_router.core.message.envelope import (
    BusinessInfo,
    Document,
    OtherInfo,
    Party,
    ResponseFor,
    Staff,
)
from edxml_router.services.letters.drafts import AnswerDraft, HeaderDraft, StaffDraft
from edxml_router.services.letters.originals import LetterSource, Original
from edxml_router.services.letters.values import PartyDraft

VIETNAM: Final = timezone(timedelta(hours=7))  # QĐ 28/2018, article 14.4
PRIORITIES: Final[Mapping[str, str]] = {
    "ordinary": "0", "urgent": "1", "very-urgent": "2", "flash": "3", "flash-timed": "4",
}  # fmt: skip
STEERING: Final[Mapping[str, str]] = {"none": "1", "instruction": "2", "report": "3"}
_TYPE: Final = "Công văn"
_EMPTY: Final = Document("")

T = TypeVar("T")


def written_day(moment: date | None) -> str | None:
    """A day as QCVN 102:2016 writes it."""
    return f"{moment:%Y/%m/%d}" if moment else None


def time_stamp(moment: datetime) -> str:
    """A moment as QCVN 102:2016 writes it: Vietnam time, no zone."""
    return f"{moment.astimezone(VIETNAM):%Y/%m/%d %H:%M:%S}"


def party(draft: PartyDraft, name: str) -> Party:
    """An agency; ``name`` is the catalogue's."""
    return Party(
        draft.code,
        draft.superior,
        draft.name or name or None,
        draft.address,
        draft.email,
        draft.telephone,
        draft.fax,
        draft.website,
    )


def staff(draft: StaffDraft | None) -> Staff | None:
    if draft is None:
        return None
    return Staff(draft.department, draft.department_id, draft.name, draft.staff_id, draft.mobile, draft.email)


def answer_to(original: Original) -> ResponseFor:
    """``ResponseFor`` of a document that is at hand: under the code that it gives its sender itself."""
    document = original.envelope.document
    number = "/".join(filter(None, (document.code_number, document.code_notation))) if document else ""
    issued = document.promulgation_date if document else None
    return ResponseFor(original.envelope.sender.organ_id, number or None, issued, original.envelope.document_id)


def document_header(
    draft: HeaderDraft,
    sender: Party,
    business: BusinessInfo,
    letters: LetterSource,
    today: date,
    *,
    document_id: str = "",
    base: Document = _EMPTY,
) -> Document:
    """The header. ``document_id`` stands for what is made of sender, day, number and notation; ``base`` is what an
    update changes."""
    issued = written_day(draft.date) or base.promulgation_date or written_day(today)
    number, notation = draft.number or base.code_number, draft.notation or base.code_notation
    signer = draft.signer
    return Document(
        document_id=draft.document_id or document_id or f"{sender.organ_id},{issued},{number}/{notation}",
        code_number=number,
        code_notation=notation,
        place=_or(draft.place, base.place),
        promulgation_date=issued,
        type=str(draft.type_code) if draft.type_code else base.type or "1",
        type_detail=base.type_detail,
        type_name=draft.type or base.type_name or _TYPE,
        subject=draft.subject or base.subject,
        content=_or(draft.content, base.content),
        competence=signer.authority if signer else base.competence,
        position=signer.position if signer else base.position,
        full_name=signer.name if signer else base.full_name,
        due_date=written_day(draft.due_date) or base.due_date,
        other=_other(draft, base.other or OtherInfo()),
        response_for=tuple(_answer(one, letters) for one in draft.answers)
        if draft.answers is not None
        else base.response_for,
        steering_type=STEERING[draft.steering] if draft.steering else base.steering_type or "1",
        task_codes=_or(draft.tasks, base.task_codes),
        application_type=base.application_type,
        to_places=_or(draft.places, base.to_places),
        business=business,
    )


def _other(draft: HeaderDraft, base: OtherInfo) -> OtherInfo:
    return OtherInfo(
        priority=PRIORITIES[draft.urgency] if draft.urgency else base.priority or "0",
        sphere_of_promulgation=_or(draft.circulation, base.sphere_of_promulgation),
        typer_notation=_or(draft.typist, base.typer_notation),
        promulgation_amount=base.promulgation_amount if draft.copies is None else str(draft.copies),
        page_amount=base.page_amount if draft.pages is None else str(draft.pages),
        direction=base.direction,
        reply_fors=base.reply_fors,
        reference_codes=base.reference_codes,
        appendixes=_or(draft.appendixes, base.appendixes),
    )


def _answer(draft: AnswerDraft, letters: LetterSource) -> ResponseFor:
    """The letter's particulars, where one is named; what the draft says itself stands before them."""
    known = answer_to(letters.received(draft.letter)) if draft.letter else ResponseFor()
    return ResponseFor(
        _or(draft.sender, known.organ_id),
        _or(draft.code, known.code),
        written_day(draft.date) or known.promulgation_date,
        _or(draft.document_id, known.document_id),
    )


def _or(said: T | None, otherwise: T | None) -> T | None:
    return otherwise if said is None else said
