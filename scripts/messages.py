"""The page docs/messages.md: elements from the emit schema as xmlschema reads it, lengths from the code that
checks them, and the tables of values. scripts/docs writes and checks it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import xmlschema

from edxml_router.core.message.attachments import FIRST_BYTES
from edxml_router.core.message.envelope import Business, Priority, StatusCode
from edxml_router.core.message.remarks import DOCUMENT_LENGTHS, OTHER_LENGTHS, PARTY_LENGTHS
from edxml_router.core.xml.safe_xml import NS, Limits
from edxml_router.resources import schema_file

_LENGTHS = {path: most for table in (PARTY_LENGTHS, DOCUMENT_LENGTHS, OTHER_LENGTHS) for path, _, most in table}
_LENGTHS |= {"DocumentId": 255, "ToPlaces/Place": 150, "ToPlaces": 1000}

_PRIORITIES = {
    Priority.ORDINARY: "thường",
    Priority.URGENT: "khẩn",
    Priority.VERY_URGENT: "thượng khẩn",
    Priority.FLASH: "hỏa tốc",
    Priority.FLASH_TIMED: "hỏa tốc hẹn giờ",
}
_BUSINESS = {
    Business.NEW: ("văn bản mới", "the default"),
    Business.RECALL: ("thu hồi", "`ResponseFor/DocumentId` names the document recalled, else `Bussiness/DocumentId`"),
    Business.UPDATE: ("cập nhật", "`Bussiness/DocumentId` names the document updated, `BussinessDocumentInfo` what"),
    Business.REPLACE: ("thay thế", "`ReplacementInfoList` names the documents replaced; `DocumentId` is the new one"),
}
_STATUS = {
    StatusCode.ARRIVED: ("đã đến", "recipient → sender"),
    StatusCode.REJECTED: ("từ chối tiếp nhận, trả lại; the reason stands in `Description`", "recipient → sender"),
    StatusCode.RECEIVED: ("đã tiếp nhận", "recipient → sender"),
    StatusCode.ASSIGNED: ("phân công xử lý", "recipient → sender"),
    StatusCode.IN_PROCESS: ("đang xử lý", "recipient → sender"),
    StatusCode.DONE: ("hoàn thành", "recipient → sender"),
    StatusCode.RECALL_ASKED: ("lấy lại, xin thu hồi", "sender → recipient"),
    StatusCode.RECALL_AGREED: ("đồng ý cập nhật, lấy lại", "recipient → sender"),
    StatusCode.RECALL_DENIED: ("từ chối cập nhật, lấy lại", "recipient → sender"),
}

_INTRODUCTION = f"""\
# Messages

What to write in an edXML message, and what the router does with messages that are written otherwise. The rules
are those of QCVN 102:2016; the schemas stand in `schemas/qcvn102-2016/`, and `edxml-router check FILE` gives the
verdict on a file.

There are two messages, both with the root `edXML` in the namespace
`{NS}`, in UTF-8, XML 1.0, without DTD:

- a **document message** carries a document to one or more recipients, with its files in base64;
- a **status message** tells the sender of a document what became of it. It has no `To`: it goes to
  `ResponseFor/OrganId`.

Write them in the order of the tables (`edxml.emit.xsd`). Put the root into the default namespace, give everything
inside the envelope the prefix `edXML:`, and leave `AttachmentEncoded` and `Attachment` without: some receivers look
at prefixes. The router looks at namespaces only, and accepts every order (`edxml.receive.xsd`).

*Times* is how often the element occurs in the strict form. *Longest* counts characters."""

_LENIENCE = """\
## What the router forgives, remarks and refuses

Whatever is accepted is passed on byte for byte. A remark stands in the verdict and the journal and changes nothing
else. The codes are explained in [problems.md](problems.md).

| In the message | The router |
|---|---|
| children in another order; another prefix or none | accepts |
| `ContentId` with `cid:` on one side only | accepts; the prefix is left out of the comparison |
| no `Bussiness`, or an empty `BussinessDocType` | takes it for a new document |
| comments between elements, no XML-DSig signature | accepts |
| `SignerInfo` or the last parts of `Code`, `PromulgationInfo`, `DocumentType` absent | remarks EDX213 |
| a date as `dd/MM/yyyy`, an impossible day, an empty `PromulgationDate` | remarks EDX203 |
| a value too long, or outside its table | remarks EDX204, EDX205 |
| an empty `ResponseFor` or `TraceHeader`, or one that says `null` | remarks EDX212 |
| a zipped file that is declared as PDF; two names for one file | remarks EDX211, EDX214 |
| an unknown element or attribute, a second `OrganId` in one party | refuses EDX201 |
| `From`, `DocumentId`, `Code`, `PromulgationInfo`, `DocumentType` or `Subject` absent, or twice | refuses EDX202 |
| a `DocumentId` in another encoding (NFC, NFD), width or hyphen, or with Ð for Đ | takes it for the same id |
| a `DocumentId` with characters that nobody can see | refuses EDX215 |
| `To` absent; a status without `ResponseFor/OrganId` | refuses EDX507 |
| an `OrganId` of `From` or `To` that is empty or `null` | refuses EDX503 |
| the same recipient twice | refuses EDX207 |
| a `Reference` without `Attachment`, or the reverse, or two with one `ContentId` | refuses EDX206 |
| base64 with other characters than base64 and white space | refuses EDX208 |
| a file name with a folder, drive, control character or direction mark | refuses EDX209 |
| a `BussinessDocType` other than 0 to 3 | refuses EDX201 |
| a DTD, another encoding, XML 1.1 | refuses EDX104, EDX103, EDX105 |
| a processing instruction; a comment inside a value, in a Signature, or anywhere in a signed message | refuses EDX109 |

The attribute `Id`, spelled so, may stand on `MessageHeader`, `edXMLBody` and `AttachmentEncoded`, for a signature
over these parts, and inside the signature. No other spelling of an id is accepted there."""


def messages() -> Iterator[str]:
    schema = xmlschema.XMLSchema(str(schema_file("edxml.emit.xsd")), allow="sandbox", defuse="always")
    root = schema.elements["edXML"]
    envelope, attachments = _children(root)
    header, body = _children(envelope)
    message, traces, _, errors = _children(header)
    sender, (document, status) = message.type.content
    yield from _INTRODUCTION.splitlines()
    yield from _table("Document message: `edXMLEnvelope/edXMLHeader/MessageHeader`", [sender, *document])
    yield from _table("Status message: `edXMLEnvelope/edXMLHeader/MessageHeader`", [sender, *status])
    yield from _table("History and business: `edXMLHeader/TraceHeaderList`", _children(traces))
    yield from _table("Errors: `edXMLHeader/ErrorList`", _children(errors))
    yield from _table("Files: `edXMLEnvelope/edXMLBody`", _children(body))
    yield from _table("Files: `edXML/AttachmentEncoded`", _children(attachments))
    yield from _values()
    yield ""
    yield from _LENIENCE.splitlines()
    yield from _bounds()


def _children(element: Any) -> list[Any]:
    return list(element.type.content) if element.type.has_complex_content() else []


def _table(title: str, elements: list[Any]) -> Iterator[str]:
    yield ""
    yield f"## {title}"
    yield ""
    yield "| Element | Times | Longest | Meaning |"
    yield "|---|---|---|---|"
    for element in elements:
        yield from _rows(element, "")


def _rows(element: Any, above: str) -> Iterator[str]:
    path = above + element.local_name
    most = "n" if element.max_occurs is None else str(element.max_occurs)
    times = most if str(element.min_occurs) == most else f"{element.min_occurs}..{most}"
    longest = _LENGTHS.get(path, _LENGTHS.get(element.local_name, "") if path.startswith(("From/", "To/")) else "")
    yield f"| `{path}` | {times} | {longest} | {_meaning(element)} |"
    for child in _children(element):
        yield from _rows(child, f"{path}/")


def _meaning(element: Any) -> str:
    notes = [] if element.annotation is None else element.annotation.documentation
    return " ".join(" ".join(note.itertext()) for note in notes).strip()


def _values() -> Iterator[str]:
    yield from ("", "## Values", "", "`OtherInfo/Priority`:", "", "| | |", "|---|---|")
    yield from (f"| {int(priority)} | {words} |" for priority, words in _PRIORITIES.items())
    yield from ("", "`Bussiness/BussinessDocType`:", "", "| | | |", "|---|---|---|")
    yield from (f"| {int(kind)} | {words} | {note} |" for kind, (words, note) in _BUSINESS.items())
    yield from ("", "`StatusCode` (`1` is read as `01`; unknown codes are passed on):", "", "| | | |", "|---|---|---|")
    yield from (f"| {code} | {words} | {way} |" for code, (words, way) in _STATUS.items())
    yield ""
    yield "Types whose first bytes are compared with what is declared:"
    yield ", ".join(f"`{declared}`" for declared in FIRST_BYTES) + "."


def _bounds() -> Iterator[str]:
    limits = Limits()
    yield ""
    yield "## Limits"
    yield ""
    yield "The defaults; a node's operator can change those of its section `[limits]`."
    yield ""
    yield "| | |"
    yield "|---|---|"
    yield f"| bytes of a message | {limits.max_bytes:,} |"
    yield f"| bytes of an attachment, decoded | {limits.max_attachment_bytes:,} |"
    yield f"| attachments | {limits.max_attachments} |"
    yield f"| recipients | {limits.max_recipients:,} |"
    yield f"| characters of a file name | {limits.max_name} |"
    yield f"| bytes of one text outside `ContentTransferEncoded` | {limits.max_text:,} |"
    yield f"| elements; attributes | {limits.max_elements:,}; {limits.max_attributes:,} |"
    yield f"| levels of elements | {limits.max_depth} |"
