"""Statuses from drafts: each goes to the one party that it is owed to.

01 to 06, 15 and 16 answer a letter that was received and go to its sender; 13 asks recipients to give back what was
sent to them. A status has one addressee, so several who are asked the same get a message each.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from edxml_router.core.detail import Detail
from edxml_router.core.message.envelope import Business, Envelope, Kind, Party, ResponseFor, Status, StatusCode
from edxml_router.core.problems import Finding
from edxml_router.services.letters import header
from edxml_router.services.letters.drafts import DraftRefused, StatusDraft
from edxml_router.services.letters.originals import Original
from edxml_router.services.letters.scribe import Scribe, Unsealed, chosen, sender_party
from edxml_router.services.letters.values import WRONG, PartyDraft

UNFIT: Final = "EDX510"
_NEEDS_REASON: Final = (StatusCode.REJECTED, StatusCode.RECALL_DENIED)
_DESCRIPTIONS: Final[Mapping[str, str]] = {
    "01": "Đã đến: phần mềm đã nhận, văn thư chưa xử lý",
    "03": "Đã tiếp nhận",
    "04": "Đã phân công xử lý",
    "05": "Đang xử lý",
    "06": "Đã hoàn thành",
    "13": "Đề nghị lấy lại văn bản điện tử",
    "15": "Đồng ý cập nhật hoặc lấy lại văn bản điện tử",
}


def write(scribe: Scribe, draft: StatusDraft) -> list[Unsealed]:
    """One message for each addressee: a status has no list of them."""
    at = draft.at or scribe.now
    if StatusCode(draft.code) in _NEEDS_REASON and not draft.description:
        raise DraftRefused([Finding(WRONG, "/description", Detail("is missing: the sender is owed a reason"))])
    asking = StatusCode(draft.code) is StatusCode.RECALL_ASKED
    if (draft.document is None) == asking or (draft.letter is None) != asking:
        where = "/document" if draft.document is not None else "/letter"
        raise DraftRefused([Finding(UNFIT, where, Detail("status {code}", code=draft.code))])
    if draft.document is not None:
        original = scribe.letters.sent(draft.document)
        sender, about = sender_party(scribe, draft, [original]), header.answer_to(original)
        asked = chosen(scribe, draft.recipients, original)
        answers = [ResponseFor(one.organ_id, about.code, about.promulgation_date, about.document_id) for one in asked]
    else:
        original = scribe.letters.received(draft.letter or "")
        if original.envelope.kind is Kind.STATUS:
            raise DraftRefused([Finding(UNFIT, "/letter", Detail("it is a status itself"))])
        sender = _as_addressed(scribe, original) if draft.sender is None else scribe.party(draft.sender)
        answers = [_about(original)]
    return [
        Unsealed(
            scribe.canonical(sender.organ_id),
            Envelope(
                sender=sender,
                status=Status(
                    about,
                    draft.code,
                    draft.description or _DESCRIPTIONS.get(draft.code),
                    header.time_stamp(at),
                    header.staff(draft.staff),
                ),
            ),
        )
        for about in answers
    ]


def _about(original: Original) -> ResponseFor:
    """What a status about this letter answers. Of a recall that is the document recalled: by it the sender knows what
    the answer is about."""
    own = header.answer_to(original)
    document = original.envelope.document
    if original.envelope.business is Business.RECALL and document is not None:
        for recalled in document.response_for:
            if recalled.document_id:
                return ResponseFor(
                    own.organ_id,
                    recalled.code or own.code,
                    recalled.promulgation_date or own.promulgation_date,
                    recalled.document_id,
                )
    return own


def _as_addressed(scribe: Scribe, original: Original) -> Party:
    """The agency of the office as the letter named it: under that code its sender knows it."""
    for one in original.envelope.to:
        if scribe.canonical(one.organ_id) == original.recipient:
            return one
    return scribe.party(PartyDraft.model_construct(code=original.recipient))
