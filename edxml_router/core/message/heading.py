"""Subject and number of a message, for lists, read without its attachments.

    told = heading(body)

The message was judged when it was accepted, and no decision depends on what is read here. The attachments follow the
envelope, so reading up to them is enough; a message written in another order has an empty heading.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import islice
from typing import Final

from edxml_router.core.body import Body
from edxml_router.core.problems import Refusal
from edxml_router.core.xml import elements, safe_xml
from edxml_router.core.xml.safe_xml import DEFAULT_LIMITS, NS, Element

MOST: Final = 16 * 1024 * 1024  # bytes before the attachments: ten thousand recipients
LONGEST: Final = 1000  # characters of a text; twice what the standard allows a subject
_HEADER: Final = f"{{{NS}}}edXMLEnvelope/{{{NS}}}edXMLHeader/{{{NS}}}MessageHeader"
_MANIFEST: Final = f"{{{NS}}}edXMLEnvelope/{{{NS}}}edXMLBody/{{{NS}}}edXMLManifest/{{{NS}}}Reference"
_ATTACHMENTS: Final = re.compile(rb"<(?:[^\s<>/:=]{1,64}:)?AttachmentEncoded[\s/>]")
_ROOT: Final = re.compile(rb"<((?:[^\s<>/:=!?]{1,64}:)?edXML)[\s>]")
_OVERLAP: Final = 100  # bytes of a tag that two pieces may share


@dataclass(frozen=True, slots=True)
class Heading:
    """Fields are empty when unknown. For a status: its text, and the number of the document it is about."""

    sender: str = ""  # as it is written
    subject: str = ""
    number: str = ""  # with its notation: "12/UBND-VP"
    attached: tuple[str, ...] = ()  # names of the files, as the manifest has them


def heading(body: Body) -> Heading:
    """The heading of an accepted message."""
    try:
        root = safe_xml.parse(_before_attachments(body))
    except Refusal:
        return Heading()
    message = root.find(_HEADER)
    if message is None:
        return Heading()
    sender = _text(message, "From", "OrganId")
    if message.find(f"{{{NS}}}StatusCode") is not None:
        return Heading(sender, _text(message, "Description"), _text(message, "ResponseFor", "Code"))
    code = [_text(message, "Code", name) for name in ("CodeNumber", "CodeNotation")]
    listed = root.iterfind(_MANIFEST)
    names = tuple(_text(one, "AttachmentName") for one in islice(listed, DEFAULT_LIMITS.max_attachments))
    return Heading(sender, _text(message, "Subject"), "/".join(part for part in code if part), names)


def _before_attachments(body: Body) -> bytes:
    """The message without its attachments, closed again."""
    head = bytearray()
    for piece in body.pieces():
        start = max(0, len(head) - _OVERLAP)
        head += piece
        found = _ATTACHMENTS.search(head, start)
        root = _ROOT.search(head) if found else None
        if found and root:
            return bytes(head[: found.start()]) + b"</" + root[1] + b">"
        if len(head) > MOST:
            break
    return bytes(head)


def _text(element: Element, *path: str) -> str:
    found = element.find("/".join(f"{{{NS}}}{name}" for name in path))
    text = elements.text(found) if found is not None else None
    return (text or "").strip(elements.WHITE_SPACE)[:LONGEST]
