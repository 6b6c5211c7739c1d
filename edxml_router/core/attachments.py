"""The attachments of a message: pairing, names, base64, limits; and their content.

The manifest (``Reference``) and ``AttachmentEncoded`` (``Attachment``) name each file twice; :func:`read_attachments`
joins the two and refuses what does not pair up (EDX206), has an unsafe name (EDX209), is not base64 (EDX208) or
is too many or too large (EDX210). :func:`attachment_content` gives the bytes of one. Contents are decoded one at
a time and not kept; those of a large message were measured before it was parsed, and are given by their marks
(:mod:`~edxml_router.core.skeleton`).
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from typing import Final

from edxml_router.core import content as contents
from edxml_router.core.content import Content
from edxml_router.core.envelope import Attachment
from edxml_router.core.problems import Finding, Refusal
from edxml_router.core.safe_xml import NS, Element, Limits, place

_REFERENCES = f"{{{NS}}}edXMLEnvelope/{{{NS}}}edXMLBody/{{{NS}}}edXMLManifest/{{{NS}}}Reference"
_ATTACHMENTS = f"{{{NS}}}AttachmentEncoded/{{{NS}}}Attachment"
_WHITE_SPACE = " \t\r\n"
_NONE: Final[Mapping[str, Content | None]] = {}
_UNKNOWN_TYPE = "application/octet-stream"  # RFC 2046, 4.5.1: bytes of a kind nobody declared

# Cf holds the marks that turn the direction of text (a name that reads "fdp.exe" backwards), Zl and Zp break lines.
_UNSAFE_CATEGORIES = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})
_DRIVE = re.compile(r"[A-Za-z]:")

_ZIP = (b"PK\x03\x04", b"PK\x05\x06")
_OLE = (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1",)
_OOXML = "application/vnd.openxmlformats-officedocument."
FIRST_BYTES: dict[str, tuple[bytes, ...]] = {
    "application/pdf": (b"%PDF-",),
    "application/zip": _ZIP,
    "application/x-zip-compressed": _ZIP,
    "application/msword": _OLE,
    "application/vnd.ms-excel": _OLE,
    _OOXML + "wordprocessingml.document": _ZIP,
    _OOXML + "spreadsheetml.sheet": _ZIP,
    _OOXML + "presentationml.presentation": _ZIP,
    "image/png": (b"\x89PNG\r\n\x1a\n",),
    "image/jpeg": (b"\xff\xd8\xff",),
    "image/gif": (b"GIF87a", b"GIF89a"),
}


def plain_id(content_id: str) -> str:
    """A ``ContentId`` as it is compared: without white space around it and without the prefix ``cid:``."""
    return content_id.strip(_WHITE_SPACE).removeprefix("cid:")


def read_attachments(
    root: Element, limits: Limits, measured: Mapping[str, Content | None] = _NONE
) -> tuple[tuple[Attachment, ...], tuple[Finding, ...]]:
    """The attachments in the order of the manifest, and remarks EDX211 and EDX214 about them.

    ``measured``: what the texts that are marks stand for; None for what is not base64.
    """
    references = _by_id(root.findall(_REFERENCES))
    attachments = _by_id(root.findall(_ATTACHMENTS))
    if len(references) > limits.max_attachments:
        raise Refusal("EDX210", detail=f"{len(references)} attachments, at most {limits.max_attachments}")
    for left, right, lacking in ((references, attachments, "Attachment"), (attachments, references, "Reference")):
        for key, element in left.items():
            if key not in right:
                raise Refusal("EDX206", where=place(element), detail=f"no {lacking} has this ContentId")
    remarks: list[Finding] = []
    found = tuple(_join(references[key], attachments[key], limits, measured, remarks) for key in references)
    return found, tuple(remarks)


def attachment_content(root: Element, content_id: str) -> bytes:
    """The decoded content of one attachment; :class:`Refusal` EDX206 if there is none of that id, EDX208."""
    wanted = plain_id(content_id)
    for element in root.iterfind(_ATTACHMENTS):
        if plain_id(_text(element, "ContentId") or "") == wanted:
            return _decode(element, _encoded(element))
    raise Refusal("EDX206", detail="no Attachment has this ContentId")


def _by_id(elements: list[Element]) -> dict[str, Element]:
    found: dict[str, Element] = {}
    for element in elements:
        key = plain_id(_text(element, "ContentId") or "")
        if not key:
            raise Refusal("EDX206", where=place(element), detail="ContentId is missing or empty")
        if key in found:
            raise Refusal("EDX206", where=place(element), detail="ContentId occurs twice")
        found[key] = element
    return found


def _join(
    reference: Element,
    element: Element,
    limits: Limits,
    measured: Mapping[str, Content | None],
    remarks: list[Finding],
) -> Attachment:
    names, types = [], []
    for source in (reference, element):
        name, declared = _text(source, "AttachmentName"), _text(source, "ContentType")
        if name is not None:
            _check_name(name, source, limits)
            names.append(name)
        if declared and declared.strip(_WHITE_SPACE):
            types.append(declared.strip(_WHITE_SPACE))
    if not names:
        raise Refusal("EDX209", where=place(reference), detail="AttachmentName is missing")
    if len(set(names)) > 1 or len(set(types)) > 1:
        remarks.append(Finding("EDX214", place(element), "AttachmentName" if len(set(names)) > 1 else "ContentType"))
    content = _content(element, limits.max_attachment_bytes, measured)
    # The type beside the bytes speaks for them: the SDK zips a file and then says so there only.
    content_type = types[-1] if types else _UNKNOWN_TYPE
    _remark_type(content_type, content.head, element, remarks)
    description = _text(reference, "Description")
    return Attachment(
        content_id=(_text(reference, "ContentId") or "").strip(_WHITE_SPACE),
        name=names[0],
        content_type=content_type,
        description=_text(element, "Description") if description is None else description,
        size=content.size,
        sha256=content.sha256,
    )


def _check_name(name: str, source: Element, limits: Limits) -> None:
    fault = ""
    if not name.strip():
        fault = "empty"
    elif len(name) > limits.max_name:
        fault = f"longer than {limits.max_name} characters"
    elif "/" in name or "\\" in name or _DRIVE.match(name) or name.strip() in {".", ".."}:
        fault = "names a folder or drive"
    elif any(unicodedata.category(character) in _UNSAFE_CATEGORIES for character in name):
        fault = "holds a control character or direction mark"
    if fault:
        raise Refusal("EDX209", where=place(source) + "/AttachmentName", detail=fault)


def _content(element: Element, most: int, measured: Mapping[str, Content | None]) -> Content:
    text = _encoded(element)
    if text in measured:
        content = measured[text]
        if content is None:
            raise _not_base64(element)
    else:
        # Looked at before decoding: white space can only make this too high, which is settled afterwards.
        if len(text) // 4 * 3 > most + 3 and _decoded_size(text) > most:
            raise Refusal("EDX210", where=place(element), detail=f"more than {most} bytes")
        content = Content.of(_decode(element, text))
    if content.size > most:
        raise Refusal("EDX210", where=place(element), detail=f"{content.size} bytes, at most {most}")
    return content


def _encoded(element: Element) -> str:
    text = _text(element, "ContentTransferEncoded")
    if text is None:
        raise Refusal("EDX202", where=place(element), detail="ContentTransferEncoded is missing")
    return text


def _decode(element: Element, text: str) -> bytes:
    try:
        return contents.decode(text.encode("utf-8"))
    except ValueError:
        raise _not_base64(element) from None


def _not_base64(element: Element) -> Refusal:
    return Refusal("EDX208", where=place(element) + "/ContentTransferEncoded")


def _decoded_size(text: str) -> int:
    return (len(text) - sum(text.count(space) for space in _WHITE_SPACE)) // 4 * 3 - 2


def _remark_type(content_type: str, head: bytes, element: Element, remarks: list[Finding]) -> None:
    expected = FIRST_BYTES.get(content_type.lower())
    if expected is None or not head or head.startswith(expected):
        return
    actual = next((kind for kind, marks in FIRST_BYTES.items() if head.startswith(marks)), "something else")
    declared = content_type.lower()
    remarks.append(Finding("EDX211", place(element), f"declared {declared}, the bytes are {actual}"))


def _text(element: Element, name: str) -> str | None:
    children = element.findall(f"{{{NS}}}{name}")
    if not children:
        return None
    if len(children) > 1:
        raise Refusal("EDX202", where=place(children[1]), detail=f"{name} occurs twice")
    if len(children[0]):
        raise Refusal("EDX201", where=place(children[0]), detail="elements inside a value")
    return children[0].text or ""
