"""Texts that lie beside files for people, in Vietnamese: why a file was refused, what becomes of a letter.

With a mark in front and line ends by which the editors of Windows know a text in UTF-8.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Final

from edxml_router.core.delivery.values import Delivery
from edxml_router.core.link.wire import Receipt
from edxml_router.core.message.envelope import Attachment, Envelope
from edxml_router.core.problems import PROBLEMS, Finding
from edxml_router.language.catalogues import told
from edxml_router.language.texts import say

LANGUAGE: Final = "vi"
COMMENT: Final = "#"  # a line of a reason that begins so is ours
_MARK: Final = "\N{ZERO WIDTH NO-BREAK SPACE}"


def refused(name: str, finding: Finding) -> bytes:
    """Why a file of the outbox was refused, and what to do."""
    return _text([_say("folder.refused", name=name), "", *_problem(finding), "", _say("folder.refused.then")])


def answered(name: str, finding: Finding) -> bytes:
    """What there is to say of a letter that was confirmed or returned."""
    return _text([_say("folder.answered", name=name), "", *_problem(finding)])


def ended(delivery: Delivery) -> bytes:
    """Why a letter was taken out of the inbox."""
    state = _say(f"state.{delivery.state}")
    lines = [_say("folder.withdrawn", name=delivery.name), _say("folder.state", state=state)]
    if delivery.code in PROBLEMS:
        lines += ["", *_problem(Finding(delivery.code, "", delivery.detail))]
    return _text(lines)


def reason_wanted(name: str) -> bytes:
    """What asks for the reason of a return; every line of it is passed over when it is read."""
    asked = (_say("folder.reason", name=name), _say("folder.reason.then"))
    return _text([*(f"{COMMENT} {line}" for line in asked), ""])


def reason(data: bytes) -> str:
    """What a person wrote below: empty while nothing is there. Editors of Windows write UTF-8 or UTF-16."""
    encoding = "utf-16" if data.startswith((b"\xff\xfe", b"\xfe\xff")) else "utf-8-sig"
    lines = (line.strip() for line in data.decode(encoding, "replace").splitlines())
    return " ".join(line for line in lines if line and not line.startswith(COMMENT))


def outcome_note(receipt: Receipt, document: str) -> bytes:
    """What became of a document for one recipient."""
    lines = [
        _say("folder.receipt", document=document, recipient=receipt.recipient),
        _say("folder.state", state=_say(f"state.{receipt.outcome}")),
        _say("folder.at", at=receipt.at.astimezone()),
    ]
    if receipt.code in PROBLEMS:
        lines += ["", *_problem(Finding(receipt.code, "", receipt.detail))]
    return _text(lines)


def send_again(since: datetime) -> bytes:
    """A back-up was restored."""
    return _text([_say("folder.again", since=since.astimezone()), _say("folder.again.then")])


def cover(envelope: Envelope, attachments: Iterable[Attachment]) -> bytes:
    """What a letter is, for who opens its folder."""
    document = envelope.document
    lines = [_say("folder.cover.from", name=envelope.sender.organ_name or "", code=envelope.sender.organ_id)]
    if document is not None:
        number = "/".join(each for each in (document.code_number, document.code_notation) if each)
        lines += [
            _say("folder.cover.number", number=number, date=document.promulgation_date or ""),
            _say("folder.cover.kind", kind=_say(f"business.{int(envelope.business)}")),
            _say("folder.cover.subject", subject=document.subject or ""),
        ]
    elif envelope.status is not None:
        lines += [
            _say("folder.cover.status", code=envelope.status_code or "", document=envelope.document_id),
            envelope.status.description or "",
        ]
    return _text([*lines, *(f"- {each.name}" for each in attachments)])


def _problem(finding: Finding) -> list[str]:
    lines = [_say("folder.problem", title=finding.title(LANGUAGE), code=finding.code)]
    if finding.detail:
        lines.append(_say("folder.detail", detail=told(LANGUAGE, finding.detail)))
    if finding.where:
        lines.append(_say("folder.where", where=told(LANGUAGE, finding.where)))
    return [*lines, _say("folder.remedy", remedy=finding.remedy(LANGUAGE))]


def _say(key: str, **values: object) -> str:
    return say(LANGUAGE, key, **values)


def _text(lines: Iterable[str]) -> bytes:
    return (_MARK + "".join(f"{line}\r\n" for line in lines)).encode()
