"""The attachments of a message: pairing, names, base64, limits and content.

The manifest (``Reference``) and ``AttachmentEncoded`` (``Attachment``) name each file twice; :func:`read_attachments`
joins the two and refuses what does not pair up (EDX206), has an unsafe name (EDX209), is not base64 (EDX208) or is too
many or too large (EDX210). :func:`attachment_content` gives the bytes of one. Contents are decoded one at a time and
not kept; those of a large message are measured before parsing, and looked up by their marks
(:mod:`~edxml_router.core.xml.skeleton`).
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from edxml_router.core.detail import Detail
from edxml_router.core.message.envelope import Attachment
from edxml_router.core.problems import Finding, Refusal
from edxml_router.core.xml import content as contents
from edxml_router.core.xml import elements
from edxml_router.core.xml.content import UNMEASURED, Content, Meter
from edxml_router.core.xml.safe_xml import NS, Element, Limits, place

_REFERENCES = f"{{{NS}}}edXMLEnvelope/{{{NS}}}edXMLBody/{{{NS}}}edXMLManifest/{{{NS}}}Reference"
_ATTACHMENTS = f"{{{NS}}}AttachmentEncoded/{{{NS}}}Attachment"
_PIECE = 1024 * 1024  # characters
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
    return content_id.strip(elements.WHITE_SPACE).removeprefix("cid:")


def read_attachments(
    root: Element, limits: Limits, measured: Mapping[str, Content | None] = UNMEASURED
) -> tuple[tuple[Attachment, ...], tuple[Finding, ...]]:
    """The attachments in the order of the manifest, and remarks EDX211 and EDX214 about them.

    ``measured``: the content behind each mark; None where it is not base64.
    """
    for path in (_REFERENCES, _ATTACHMENTS):  # before anything is made of them
        count = sum(1 for _ in root.iterfind(path))
        if count > limits.max_attachments:
            raise Refusal(
                "EDX210", detail=Detail("{count} attachments, at most {most}", count=count, most=limits.max_attachments)
            )
    references = _by_id(root.iterfind(_REFERENCES))
    attachments = _by_id(root.iterfind(_ATTACHMENTS))
    for left, right, lacking in ((references, attachments, "Attachment"), (attachments, references, "Reference")):
        for key, named in left.items():
            if key not in right:
                raise Refusal(
                    "EDX206",
                    where=place(named.element),
                    detail=Detail("no {lacking} has this ContentId", lacking=lacking),
                )
    remarks: list[Finding] = []
    found = tuple(_join(references[key], attachments[key], limits, measured, remarks) for key in references)
    return found, tuple(remarks)


def attachment_content(root: Element, content_id: str) -> bytes:
    """The decoded content of one attachment; :class:`Refusal` EDX206 if there is none of that id, EDX208."""
    wanted = plain_id(content_id)
    for element in root.iterfind(_ATTACHMENTS):
        named = _Named(element, elements.children_by_name(element))
        if plain_id(named.text("ContentId") or "") == wanted:
            return _decode(element, _encoded(named))
    raise Refusal("EDX206", detail=Detail("no Attachment has this ContentId"))


def encoded_texts(root: Element) -> Mapping[str, str]:
    """The base64 text of each attachment as found in the tree, by its plain id."""
    found = (_Named(element, elements.children_by_name(element)) for element in root.iterfind(_ATTACHMENTS))
    return {plain_id(named.text("ContentId") or ""): _encoded(named) for named in found}


class _Named(NamedTuple):
    """A Reference or an Attachment with its children by name."""

    element: Element
    parts: Mapping[str, Element]

    def text(self, name: str) -> str | None:
        return elements.text(self.parts.get(name))


def _by_id(found: Iterable[Element]) -> dict[str, _Named]:
    by_id: dict[str, _Named] = {}
    for element in found:
        named = _Named(element, elements.children_by_name(element))
        key = plain_id(named.text("ContentId") or "")
        if not key:
            raise Refusal("EDX206", where=place(element), detail=Detail("ContentId is missing or empty"))
        if key in by_id:
            raise Refusal("EDX206", where=place(element), detail=Detail("ContentId occurs twice"))
        by_id[key] = named
    return by_id


def _join(
    reference: _Named,
    attachment: _Named,
    limits: Limits,
    measured: Mapping[str, Content | None],
    remarks: list[Finding],
) -> Attachment:
    names, types = [], []
    for source in (reference, attachment):
        name, declared = source.text("AttachmentName"), source.text("ContentType")
        if name is not None:
            _check_name(name, source.element, limits)
            names.append(name)
        if declared and declared.strip(elements.WHITE_SPACE):
            types.append(declared.strip(elements.WHITE_SPACE))
    if not names:
        raise Refusal("EDX209", where=place(reference.element), detail=Detail("AttachmentName is missing"))
    if len(set(names)) > 1 or len(set(types)) > 1:
        differs = "AttachmentName" if len(set(names)) > 1 else "ContentType"
        remarks.append(Finding("EDX214", place(attachment.element), differs))
    content = _content(attachment, limits.max_attachment_bytes, measured)
    # The type given beside the bytes wins: the SDK zips a file and says so only there.
    content_type = types[-1] if types else _UNKNOWN_TYPE
    if odd := type_remark(content_type, content.head, place(attachment.element)):
        remarks.append(odd)
    description = reference.text("Description")
    return Attachment(
        content_id=(reference.text("ContentId") or "").strip(elements.WHITE_SPACE),
        name=names[0],
        content_type=content_type,
        description=attachment.text("Description") if description is None else description,
        size=content.size,
        sha256=content.sha256,
    )


def name_fault(name: str, limits: Limits) -> str:
    """Why a file must not have this name on somebody's computer; empty when it may."""
    if not name.strip():
        return Detail("empty")
    if len(name) > limits.max_name:
        return Detail("longer than {most} characters", most=limits.max_name)
    if "/" in name or "\\" in name or _DRIVE.match(name) or name.strip() in {".", ".."}:
        return Detail("names a folder or drive")
    if any(unicodedata.category(character) in _UNSAFE_CATEGORIES for character in name):
        return Detail("holds a control character or direction mark")
    return ""


def _check_name(name: str, source: Element, limits: Limits) -> None:
    if fault := name_fault(name, limits):
        raise Refusal("EDX209", where=place(source) + "/AttachmentName", detail=fault)


def _content(attachment: _Named, most: int, measured: Mapping[str, Content | None]) -> Content:
    element, text = attachment.element, _encoded(attachment)
    if text in measured:
        content = measured[text]
        if content is None:
            raise _not_base64(element)
    else:
        # Checked before decoding. White space can only make this estimate too high; the exact size follows.
        if len(text) // 4 * 3 > most + 3 and _decoded_size(text) > most:
            raise Refusal("EDX210", where=place(element), detail=Detail("more than {most} bytes", most=most))
        content = _measured(text) if len(text) > _PIECE else Content.of(_decode(element, text))
        if content is None:
            raise _not_base64(element)
    if content.size > most:
        raise Refusal(
            "EDX210", where=place(element), detail=Detail("{size} bytes, at most {most}", size=content.size, most=most)
        )
    return content


def _measured(text: str) -> Content | None:
    """Decode a long text in pieces; as a whole it would be in memory four times over."""
    meter = Meter()
    for at in range(0, len(text), _PIECE):
        if not meter.feed(text[at : at + _PIECE].encode()):
            return None
    return meter.content()


def _encoded(attachment: _Named) -> str:
    text = attachment.text("ContentTransferEncoded")
    if text is None:
        raise Refusal("EDX202", where=place(attachment.element), detail=Detail("ContentTransferEncoded is missing"))
    return text


def _decode(element: Element, text: str) -> bytes:
    try:
        return contents.decode_base64(text.encode("utf-8"))
    except ValueError:
        raise _not_base64(element) from None


def _not_base64(element: Element) -> Refusal:
    return Refusal("EDX208", where=place(element) + "/ContentTransferEncoded")


def _decoded_size(text: str) -> int:
    return (len(text) - sum(text.count(space) for space in elements.WHITE_SPACE)) // 4 * 3 - 2


def type_remark(content_type: str, head: bytes, where: str) -> Finding | None:
    """EDX211 where the first bytes of a content are not those of the type that it is declared to be of."""
    expected = FIRST_BYTES.get(content_type.lower())
    if expected is None or not head or head.startswith(expected):
        return None
    actual = next((kind for kind, marks in FIRST_BYTES.items() if head.startswith(marks)), Detail("something else"))
    detail = Detail("declared {declared}, the bytes are {actual}", declared=content_type.lower(), actual=actual)
    return Finding("EDX211", where, detail)
