"""Builders of sample messages, as bytes, in the shape that real e-office software writes.

``document()`` and ``status()`` give complete, acceptable messages; every field can be overridden, ``None``
leaves an element out, and ``replace={"old": "new"}`` patches the finished text for what no argument covers.
Agencies are real codes used as examples; persons are invented.
"""

from __future__ import annotations

import base64
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from xml.sax.saxutils import escape

NS = "http://www.mic.gov.vn/TBT/QCVN_102_2016"
DSIG = "http://www.w3.org/2000/09/xmldsig#"
PDF = b"%PDF-1.7\n1 0 obj <</Type /Catalog>> endobj\ntrailer <</Root 1 0 R>>\n%%EOF\n"


@dataclass(frozen=True)
class File:
    """An attachment to put into a message. ``cid`` False: no ``cid:`` on the attachment's side."""

    content_id: str = "cid:209"
    name: str = "cong-van.pdf"
    content_type: str | None = "application/pdf"
    content: bytes = PDF
    description: str | None = None
    encoded: str | None = None  # instead of the base64 of content
    cid: bool = True


def tag(name: str, text: str | None, prefix: str = "edXML:") -> str:
    """``<name>text</name>`` with the text escaped, or nothing for ``None``."""
    return "" if text is None else f"<{prefix}{name}>{escape(text)}</{prefix}{name}>"


def block(name: str, *parts: str, prefix: str = "edXML:") -> str:
    """``<name>`` around parts that are XML already."""
    return f"<{prefix}{name}>{''.join(parts)}</{prefix}{name}>"


def party(name: str, organ_id: str | None, **fields: str | None) -> str:
    """``From`` or ``To``. Fields by the standard's names (``OrganName="UBND xã"``); by default a full set."""
    values = fields or {
        "OrganizationInCharge": "Ủy ban nhân dân tỉnh",
        "OrganName": f"Cơ quan {organ_id}",
        "OrganAdd": "Số 1 đường Ví Dụ",
        "Email": "vanthu@example.vn",
        "Telephone": "0200 000 000",
        "Fax": "",
        "Website": "example.vn",
    }
    return block(name, tag("OrganId", organ_id), *(tag(key, value) for key, value in values.items()))


def response_for(
    organ_id: str | None = "H53.02",
    document_id: str | None = "H53.02,2026/03/02,12/UBND-VP",
    code: str | None = "12/UBND-VP",
    date: str | None = "2026/03/02",
) -> str:
    """``ResponseFor``."""
    return block(
        "ResponseFor",
        tag("OrganId", organ_id),
        tag("Code", code),
        tag("PromulgationDate", date),
        tag("DocumentId", document_id),
    )


def trace(organ_id: str | None = "H53.02", timestamp: str | None = "2026/03/02 08:15:00") -> str:
    """``TraceHeader``."""
    return block("TraceHeader", tag("OrganId", organ_id), tag("Timestamp", timestamp))


def bussiness(kind: str | None = "0", *parts: str, document_id: str | None = None) -> str:
    """``Bussiness`` with what follows ``BussinessDocType`` given as XML."""
    return block(
        "Bussiness",
        tag("DocumentId", document_id),
        tag("BussinessDocType", kind),
        tag("BussinessDocReason", "Văn bản điện tử mới"),
        tag("Paper", "0"),
        *parts,
        staff(),
    )


def staff() -> str:
    """``StaffInfo``."""
    return block(
        "StaffInfo",
        tag("Department", "Phòng Văn thư"),
        tag("Staff", "Trần Thị Ví Dụ"),
        tag("Email", "ttvidu@example.vn"),
        tag("Mobile", "0900000000"),
    )


def recall(target: str = "H53.02,2026/03/02,12/UBND-VP", **fields: object) -> bytes:
    """A recall of an earlier document: business kind 1, the target in ``ResponseFor``."""
    fields.setdefault("document_id", "H53.02,2026/03/03,13/UBND-VP")
    answered = response_for(organ_id=str(fields.get("sender", "H53.02")), document_id=target)
    return document(business="1", response=answered, **fields)  # type: ignore[arg-type]


def document(
    *,
    sender: str | None = "H53.02",
    to: Iterable[str | None] = ("H41.03",),
    document_id: str | None = "H53.02,2026/03/02,12/UBND-VP",
    number: str = "12",
    notation: str = "UBND-VP",
    date: str | None = "2026/03/02",
    subject: str | None = "V/v kết nối, liên thông phần mềm quản lý văn bản",
    priority: str | None = "0",
    steering: str | None = "1",
    response: str = "",
    traces: str | None = None,
    business: str | None = "0",
    business_parts: str = "",
    files: Iterable[File] = (File(),),
    signature: str = "",
    ids: bool = False,
    replace: Mapping[str, str] | None = None,
) -> bytes:
    """A document message.

    ``traces`` is XML (one trace by default), ``business`` the ``BussinessDocType`` or ``None`` for no
    ``Bussiness``. ``signature`` is XML to stand at the end of ``edXMLHeader``. ``ids`` gives the three signable
    parts the attribute ``Id`` (``header``, ``body``, ``attachments``).
    """
    files = tuple(files)
    header = "".join(
        (
            party("From", sender),
            *(party("To", code) for code in to),
            tag("DocumentId", document_id),
            block("Code", tag("CodeNumber", number), tag("CodeNotation", notation)),
            block("PromulgationInfo", tag("Place", "Tây Ninh"), tag("PromulgationDate", date)),
            block("DocumentType", tag("Type", "1"), tag("TypeDetail", "0"), tag("TypeName", "Công văn")),
            tag("Subject", subject),
            tag("Content", subject),
            block(
                "SignerInfo",
                tag("Competence", "TM. ỦY BAN NHÂN DÂN"),
                tag("Position", "Chủ tịch"),
                tag("FullName", "Lê Văn Thử"),
            ),
            tag("DueDate", "2026/03/20"),
            block(
                "OtherInfo",
                tag("Priority", priority),
                tag("SphereOfPromulgation", "Liên thông văn bản"),
                tag("TyperNotation", "LVT"),
                tag("PromulgationAmount", "2"),
                tag("PageAmount", "5"),
                tag("Direction", "false"),
                block("Appendixes", tag("Appendix", "Phụ lục 1")),
            ),
            response,
            tag("SteeringType", steering),
            block("ToPlaces", tag("Place", "Như trên"), tag("Place", "Lưu: VT")),
        )
    )
    listed = block(
        "TraceHeaderList",
        trace(str(sender)) if traces is None else traces,
        "" if business is None else bussiness(business, business_parts),
    )
    references = "".join(
        block(
            "Reference",
            tag("ContentId", file.content_id),
            tag("ContentType", file.content_type),
            tag("Description", file.description),
            tag("AttachmentName", file.name),
        )
        for file in files
    )
    attachments = "".join(
        block(
            "Attachment",
            tag("ContentId", file.content_id if file.cid else file.content_id.removeprefix("cid:"), ""),
            tag("AttachmentName", file.name, ""),
            tag("Description", file.description, ""),
            tag("ContentType", file.content_type, ""),
            f'<edXML:ContentTransferEncoded xmlns:edXML="{NS}">'
            f"{file.encoded if file.encoded is not None else base64.b64encode(file.content).decode()}"
            "</edXML:ContentTransferEncoded>",
            prefix="",
        )
        for file in files
    )
    mark = {name: f' Id="{name}"' if ids else "" for name in ("header", "body", "attachments")}
    manifest = f'<edXML:edXMLManifest version="1.0">{references}</edXML:edXMLManifest>'
    body = f"<edXML:edXMLBody{mark['body']}>{manifest}</edXML:edXMLBody>" if files else ""
    tail = f"<AttachmentEncoded{mark['attachments']}>{attachments}</AttachmentEncoded>" if files else ""
    opened = f"<edXML:MessageHeader{mark['header']}>{header}</edXML:MessageHeader>"
    return _message(opened + listed + signature, body, tail, replace)


def status(
    *,
    sender: str | None = "H41.03",
    response: str | None = None,
    code: str | None = "01",
    description: str | None = "Văn thư: đã đến, phần mềm đã nhận nhưng văn thư chưa xử lý",
    timestamp: str | None = "2026/03/02 09:00:00",
    signature: str = "",
    ids: bool = False,
    replace: Mapping[str, str] | None = None,
) -> bytes:
    """A status message; ``response`` is the XML of ``ResponseFor`` (see :func:`response_for`)."""
    header = "".join(
        (
            party("From", sender),
            response_for() if response is None else response,
            staff(),
            tag("StatusCode", code),
            tag("Description", description),
            tag("Timestamp", timestamp),
        )
    )
    mark = ' Id="header"' if ids else ""
    return _message(f"<edXML:MessageHeader{mark}>{header}</edXML:MessageHeader>{signature}", "", "", replace)


def _message(header: str, body: str, tail: str, replace: Mapping[str, str] | None) -> bytes:
    text = (
        f'<?xml version="1.0" encoding="UTF-8"?>\n<edXML xmlns="{NS}">\n'
        f'<edXML:edXMLEnvelope xmlns:edXML="{NS}"><edXML:edXMLHeader>{header}</edXML:edXMLHeader>{body}'
        f"</edXML:edXMLEnvelope>\n{tail}</edXML>\n"
    )
    for old, new in (replace or {}).items():
        if old not in text:
            raise ValueError(f"the sample message has no {old!r}")
        text = text.replace(old, new)
    return text.encode()
