"""From an :class:`Envelope` to the bytes of a message, in the strict form of the emit schema.

The prefixes are those of the reference SDK (the root in the default namespace, ``edXML:`` inside the envelope,
``AttachmentEncoded`` and ``Attachment`` without prefix), because some receivers look at prefixes. The same
envelope always gives the same bytes. :func:`write` refuses with EDX201 what cannot be written in the strict form
(a required part absent, a character that XML cannot hold) and with EDX206 an attachment without its content.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping
from dataclasses import replace
from xml.sax.saxutils import escape  # only escapes text; nothing is parsed with it

from edxml_router.core.detail import Detail
from edxml_router.core.message.attachments import plain_id
from edxml_router.core.message.envelope import (
    Attachment,
    BusinessInfo,
    Document,
    Envelope,
    OtherInfo,
    Party,
    ResponseFor,
    Staff,
    Status,
)
from edxml_router.core.problems import Refusal
from edxml_router.core.xml.safe_xml import DEFAULT_LIMITS, NS, parse
from edxml_router.core.xml.schema import Profile, validate

# A line feed or tab survives parsing in text; a carriage return only as a character reference.
_ENTITIES = {"\r": "&#13;"}
_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_NO_CONTENTS: Mapping[str, bytes] = {}


def write(envelope: Envelope, contents: Mapping[str, bytes] = _NO_CONTENTS) -> bytes:
    """The message as bytes. ``contents`` holds the content of each attachment by its ``content_id``."""
    out = _Xml()
    out.open("MessageHeader")
    _party(out, "From", envelope.sender)
    if envelope.document is not None:
        for party in envelope.to:
            _party(out, "To", party)
        _document(out, envelope.document)
    if envelope.status is not None:
        _status(out, envelope.status)
    out.close("MessageHeader")
    _traces(out, envelope)
    if envelope.errors:
        out.open("ErrorList")
        for error in envelope.errors:
            out.block("Error", ("Code", error.code), ("Description", error.description))
        out.close("ErrorList")
    header = "".join(out.parts)
    found = {plain_id(key): content for key, content in contents.items()}
    pieces = [
        f'<?xml version="1.0" encoding="UTF-8"?>\n<edXML xmlns="{NS}">\n'
        f'  <edXML:edXMLEnvelope xmlns:edXML="{NS}">\n    <edXML:edXMLHeader>\n{header}    </edXML:edXMLHeader>\n'
        f"{_body(envelope.attachments)}  </edXML:edXMLEnvelope>\n".encode()
    ]
    bare = [*pieces]  # without the contents: base64 written here cannot break the form and need not be in memory twice
    if envelope.attachments:
        pieces.append(b"  <AttachmentEncoded>\n")
        bare.append(b"  <AttachmentEncoded>\n")
        for attachment in envelope.attachments:
            content = found.get(plain_id(attachment.content_id))
            if content is None:
                raise Refusal("EDX206", detail=Detail("an attachment has no content"))
            before, after = _attachment(attachment)
            pieces += [before, base64.b64encode(content), after]
            bare += [before, after]
        pieces.append(b"  </AttachmentEncoded>\n")
        bare.append(b"  </AttachmentEncoded>\n")
    checked = b"".join([*bare, b"</edXML>\n"])
    validate(parse(checked, replace(DEFAULT_LIMITS, max_bytes=len(checked))), Profile.EMIT)
    return b"".join([*pieces, b"</edXML>\n"])


class _Xml:
    """Lines of elements with the prefix ``edXML:``; what is ``None`` is left out."""

    def __init__(self, depth: int = 3) -> None:
        self.parts: list[str] = []
        self.depth = depth

    def open(self, name: str, attributes: str = "") -> None:
        self.parts.append(f"{'  ' * self.depth}<edXML:{name}{attributes}>\n")
        self.depth += 1

    def close(self, name: str) -> None:
        self.depth -= 1
        self.parts.append(f"{'  ' * self.depth}</edXML:{name}>\n")

    def leaf(self, name: str, text: str | None) -> None:
        if text is not None:
            self.parts.append(f"{'  ' * self.depth}<edXML:{name}>{_escaped(text)}</edXML:{name}>\n")

    def block(self, name: str, *leaves: tuple[str, str | None]) -> None:
        self.open(name)
        for leaf in leaves:
            self.leaf(*leaf)
        self.close(name)

    def optional(self, name: str, *leaves: tuple[str, str | None]) -> None:
        """A block that is left out when nothing would stand in it."""
        if any(text is not None for _, text in leaves):
            self.block(name, *leaves)

    def list(self, name: str, item: str, texts: tuple[str, ...] | None) -> None:
        if texts is not None:
            self.block(name, *((item, text) for text in texts))


def _party(out: _Xml, name: str, party: Party) -> None:
    out.block(
        name,
        ("OrganId", party.organ_id),
        ("OrganizationInCharge", party.organization_in_charge),
        ("OrganName", party.organ_name),
        ("OrganAdd", party.organ_add),
        ("Email", party.email),
        ("Telephone", party.telephone),
        ("Fax", party.fax),
        ("Website", party.website),
    )


def _document(out: _Xml, document: Document) -> None:
    out.leaf("DocumentId", document.document_id)
    out.optional("Code", ("CodeNumber", document.code_number), ("CodeNotation", document.code_notation))
    out.optional("PromulgationInfo", ("Place", document.place), ("PromulgationDate", document.promulgation_date))
    out.optional(
        "DocumentType",
        ("Type", document.type),
        ("TypeDetail", document.type_detail),
        ("TypeName", document.type_name),
    )
    out.leaf("Subject", document.subject)
    out.leaf("Content", document.content)
    out.optional(
        "SignerInfo",
        ("Competence", document.competence),
        ("Position", document.position),
        ("FullName", document.full_name),
    )
    out.leaf("DueDate", document.due_date)
    if document.other is not None:
        _other(out, document.other)
    for answered in document.response_for:
        _response_for(out, answered)
    out.leaf("SteeringType", document.steering_type)
    out.list("ResponseForTask", "TaskCode", document.task_codes)
    out.leaf("ApplicationType", document.application_type)
    out.list("ToPlaces", "Place", document.to_places)


def _other(out: _Xml, other: OtherInfo) -> None:
    out.open("OtherInfo")
    out.leaf("Priority", other.priority)
    out.leaf("SphereOfPromulgation", other.sphere_of_promulgation)
    out.leaf("TyperNotation", other.typer_notation)
    out.leaf("PromulgationAmount", other.promulgation_amount)
    out.leaf("PageAmount", other.page_amount)
    out.leaf("Direction", other.direction)
    out.list("ReplyFors", "ReplyFor", other.reply_fors)
    out.list("ReferenceCodes", "ReferenceCode", other.reference_codes)
    out.list("Appendixes", "Appendix", other.appendixes)
    out.close("OtherInfo")


def _response_for(out: _Xml, answered: ResponseFor) -> None:
    out.block(
        "ResponseFor",
        ("OrganId", answered.organ_id),
        ("Code", answered.code),
        ("PromulgationDate", answered.promulgation_date),
        ("DocumentId", answered.document_id),
    )


def _status(out: _Xml, status: Status) -> None:
    _response_for(out, status.response_for)
    if status.staff is not None:
        _staff(out, status.staff, ("Mobile", status.staff.mobile), ("Email", status.staff.email))
    out.leaf("StatusCode", status.status_code)
    out.leaf("Description", status.description)
    out.leaf("Timestamp", status.timestamp)


def _staff(out: _Xml, staff: Staff, *last: tuple[str, str | None]) -> None:
    """``StaffInfo``; e-mail and telephone stand in another order in a status than in ``Bussiness``."""
    out.block(
        "StaffInfo",
        ("Department", staff.department),
        ("DepartmentId", staff.department_id),
        ("Staff", staff.staff),
        ("StaffId", staff.staff_id),
        *last,
    )


def _traces(out: _Xml, envelope: Envelope) -> None:
    business = envelope.document.business if envelope.document else None
    if not envelope.traces and business is None:
        return
    out.open("TraceHeaderList")
    for trace in envelope.traces:
        out.block("TraceHeader", ("OrganId", trace.organ_id), ("Timestamp", trace.timestamp))
    if business is not None:
        _business(out, business)
    out.close("TraceHeaderList")


def _business(out: _Xml, info: BusinessInfo) -> None:
    out.open("Bussiness")
    out.leaf("DocumentId", info.document_id)
    out.leaf("BussinessDocType", str(int(info.kind)))
    out.leaf("BussinessDocReason", info.reason)
    out.leaf("Paper", info.paper)
    if not (info.document_info is None and info.document_receiver is None and info.receivers is None):
        out.open("BussinessDocumentInfo")
        out.leaf("DocumentInfo", info.document_info)
        out.leaf("DocumentReceiver", info.document_receiver)
        if info.receivers is not None:
            out.open("ReceiverList")
            for receiver in info.receivers:
                out.block("Receiver", ("OrganId", receiver.organ_id), ("ReceiverType", receiver.receiver_type))
            out.close("ReceiverList")
        out.close("BussinessDocumentInfo")
    if info.replacements is not None:
        out.open("ReplacementInfoList")
        for replaced in info.replacements:
            out.open("ReplacementInfo")
            out.leaf("DocumentId", replaced.document_id)
            out.list("OrganIdList", "OrganId", replaced.organ_ids)
            out.close("ReplacementInfo")
        out.close("ReplacementInfoList")
    if info.staff is not None:
        _staff(out, info.staff, ("Email", info.staff.email), ("Mobile", info.staff.mobile))
    out.close("Bussiness")


def _body(attachments: tuple[Attachment, ...]) -> str:
    if not attachments:
        return ""
    out = _Xml(depth=2)
    out.open("edXMLBody")
    out.open("edXMLManifest", ' version="1.0"')
    for attachment in attachments:
        out.block(
            "Reference",
            ("ContentId", attachment.content_id),
            ("ContentType", attachment.content_type),
            ("Description", attachment.description),
            ("AttachmentName", attachment.name),
        )
    out.close("edXMLManifest")
    out.close("edXMLBody")
    return "".join(out.parts)


def _attachment(attachment: Attachment) -> tuple[bytes, bytes]:
    """The markup before and after the content."""
    leaves = (
        ("ContentId", attachment.content_id),
        ("AttachmentName", attachment.name),
        ("Description", attachment.description),
        ("ContentType", attachment.content_type),
    )
    lines = "".join(f"      <{name}>{_escaped(text)}</{name}>\n" for name, text in leaves if text is not None)
    return (
        f'    <Attachment>\n{lines}      <edXML:ContentTransferEncoded xmlns:edXML="{NS}">'.encode(),
        b"</edXML:ContentTransferEncoded>\n    </Attachment>\n",
    )


def _escaped(text: str) -> str:
    if _NOT_XML.search(text):
        raise Refusal("EDX201", detail=Detail("a value holds a character that XML cannot carry"))
    return escape(text, _ENTITIES)
