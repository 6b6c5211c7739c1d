"""Messages from drafts: whom each one goes to, and what makes it a recall, an update, a replacement or a status.

    for message in write(scribe, draft, files): …

The forms are those of real traffic: a recall is a document again whose ``ResponseFor`` names the recalled one; an
update names the document it changes and what has changed; a replacement lists what it replaces and who had that.
Raises :class:`DraftRefused` for what only the letter that is named can show.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Final

from edxml_router.core.detail import Detail
from edxml_router.core.message.attachments import plain_id
from edxml_router.core.message.envelope import (
    Attachment,
    Business,
    BusinessInfo,
    Document,
    Envelope,
    Party,
    Receiver,
    Replacement,
    Trace,
)
from edxml_router.core.problems import Finding
from edxml_router.services.letters import header, statuses
from edxml_router.services.letters.drafts import (
    DraftRefused,
    HeaderDraft,
    LetterDraft,
    RecallDraft,
    ReplacementDraft,
    SignedDraft,
    StatusDraft,
    UpdateDraft,
)
from edxml_router.services.letters.originals import Original
from edxml_router.services.letters.scribe import Scribe, Unsealed, chosen, sender_party
from edxml_router.services.letters.values import WRONG

_OF_THE_DOCUMENT: Final = HeaderDraft.model_fields.keys() - SignedDraft.model_fields.keys()
_REASONS: Final = {
    Business.NEW: "Văn bản điện tử mới",
    Business.REPLACE: "Thay thế văn bản điện tử",
}
_TYPES: Final[Mapping[str, str]] = {
    "pdf": "application/pdf",
    "zip": "application/zip",
    "doc": "application/msword",
    "xls": "application/vnd.ms-excel",
    "docx": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "pptx": "application/vnd.openxmlformats-officedocument.presentationml.presentation",
    "png": "image/png",
    "jpg": "image/jpeg",
    "jpeg": "image/jpeg",
    "gif": "image/gif",
    "tif": "image/tiff",
    "tiff": "image/tiff",
    "txt": "text/plain",
    "xml": "application/xml",
}


def write(scribe: Scribe, draft: SignedDraft, files: Mapping[str, bytes]) -> list[Unsealed]:
    """The messages of a draft. ``files``: those that came with it, by their names."""
    if isinstance(draft, StatusDraft):
        return statuses.write(scribe, draft)
    if isinstance(draft, RecallDraft):
        return [_recall(scribe, draft)]
    if isinstance(draft, UpdateDraft):
        return [_update(scribe, draft, files)]
    assert isinstance(draft, LetterDraft | ReplacementDraft)  # noqa: S101  # there are no others
    return [_letter(scribe, draft, files)]


def _letter(scribe: Scribe, draft: LetterDraft | ReplacementDraft, files: Mapping[str, bytes]) -> Unsealed:
    kind = Business.REPLACE if isinstance(draft, ReplacementDraft) else Business.NEW
    replaced: list[Original] = []
    if isinstance(draft, ReplacementDraft):
        replaced = [scribe.letters.sent(name) for name in draft.replaces]
    sender = sender_party(scribe, draft, replaced)
    to = [scribe.party(one) for one in draft.recipients or ()] or _everybody(scribe, replaced)
    business = BusinessInfo(
        kind,
        draft.reason or _REASONS[kind],
        paper="1" if draft.paper else "0",
        replacements=tuple(map(_replacement, replaced)) or None,
        staff=header.staff(draft.staff),
    )
    document = header.document_header(draft, sender, business, scribe.letters, scribe.today)
    attachments, contents = _attachments(draft, files)
    return _unsealed(scribe, sender, to, document, attachments, contents)


def _replacement(replaced: Original) -> Replacement:
    return Replacement(replaced.envelope.document_id, tuple(one.organ_id for one in replaced.envelope.to))


def _update(scribe: Scribe, draft: UpdateDraft, files: Mapping[str, bytes]) -> Unsealed:
    original = scribe.letters.sent(draft.document)
    assert original.envelope.document is not None  # noqa: S101  # what was sent and found is a document
    sender = sender_party(scribe, draft, [original])
    had = {scribe.canonical(one.organ_id): one for one in original.envelope.to}
    added = {scribe.canonical(one.code): scribe.party(one) for one in draft.added}
    removed = [scribe.canonical(one.code) for one in draft.removed]
    mistakes = [
        *(
            Finding(WRONG, f"/added/{number}", Detail("{code} has the document already", code=one.code))
            for number, one in enumerate(draft.added)
            if scribe.canonical(one.code) in had
        ),
        *(
            Finding(WRONG, f"/removed/{number}", Detail("the document was not sent to {code}", code=one.code))
            for number, one in enumerate(draft.removed)
            if scribe.canonical(one.code) not in had
        ),
    ]
    if mistakes:
        raise DraftRefused(mistakes)
    attachments, contents = _attachments(draft, files)
    if draft.attachments is None and not files:
        attachments, contents = original.envelope.attachments, dict(scribe.letters.contents(original))
    changed = bool(draft.model_fields_set & _OF_THE_DOCUMENT) or bool(files)
    receivers = [Receiver(added[code].organ_id, "1") for code in added]
    receivers += [Receiver(had[code].organ_id, "0") for code in removed]
    business = BusinessInfo(
        Business.UPDATE,
        draft.reason,
        document_id=original.envelope.document_id,
        paper="1" if draft.paper else "0",
        document_info="1" if changed else "0",
        document_receiver="1" if receivers else "0",
        receivers=tuple(receivers) or None,
        staff=header.staff(draft.staff),
    )
    document = header.document_header(
        draft,
        sender,
        business,
        scribe.letters,
        scribe.today,
        document_id=scribe.made_up_id(),
        base=original.envelope.document,
    )
    # Those who are removed hear of it as well: nobody else will tell them.
    return _unsealed(scribe, sender, [*had.values(), *added.values()], document, attachments, contents)


def _recall(scribe: Scribe, draft: RecallDraft) -> Unsealed:
    original = scribe.letters.sent(draft.document)
    assert original.envelope.document is not None  # noqa: S101  # what was sent and found is a document
    sender = sender_party(scribe, draft, [original])
    # The files are not sent again: whoever recalls wants fewer copies of them.
    document = header.document_header(
        HeaderDraft(document_id=draft.document_id, answers=()),
        sender,
        BusinessInfo(Business.RECALL, draft.reason, paper="0", staff=header.staff(draft.staff)),
        scribe.letters,
        scribe.today,
        document_id=scribe.made_up_id(),
        base=original.envelope.document,
    )
    document = replace(document, response_for=(header.answer_to(original),))
    return _unsealed(scribe, sender, chosen(scribe, draft.recipients, original), document, (), {})


def _everybody(scribe: Scribe, originals: Iterable[Original]) -> list[Party]:
    return list({scribe.canonical(one.organ_id): one for each in originals for one in each.envelope.to}.values())


def _attachments(
    draft: HeaderDraft, files: Mapping[str, bytes]
) -> tuple[tuple[Attachment, ...], dict[str, bytes]]:
    """The attachments and their contents: those of the draft, or all files in the order in which they came."""
    if draft.attachments is None:
        named: list[tuple[str, str, str, str | None]] = [(name, name, "", None) for name in files]
    else:
        named = [(one.file, one.name or one.file, one.content_type or "", one.description) for one in draft.attachments]
        if left := [name for name in files if name not in {one.file for one in draft.attachments}]:
            detail = Detail("no attachment names the file {file}", file=left[0])
            raise DraftRefused([Finding("EDX206", "/attachments", detail)])
    attachments, contents = [], {}
    for number, (file, name, content_type, description) in enumerate(named, start=1):
        guessed = _TYPES.get(name.rpartition(".")[2].lower(), "application/octet-stream")
        attachments.append(Attachment(f"cid:{number}", name, content_type or guessed, description))
        contents[plain_id(f"cid:{number}")] = files[file]
    return tuple(attachments), contents


def _unsealed(
    scribe: Scribe,
    sender: Party,
    to: Sequence[Party],
    document: Document,
    attachments: tuple[Attachment, ...],
    contents: Mapping[str, bytes],
) -> Unsealed:
    trace = Trace(sender.organ_id, header.time_stamp(scribe.now))
    envelope = Envelope(sender=sender, to=tuple(to), document=document, traces=(trace,), attachments=attachments)
    return Unsealed(scribe.canonical(sender.organ_id), envelope, contents)
