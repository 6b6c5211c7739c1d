"""From a parsed tree to an :class:`Envelope`, with every check that the schema cannot express.

:func:`read` depends on the tree alone: give it the tree that the signature check returned, and nothing unsigned
is ever read. Unsafe or ambiguous input is refused: EDX201 a value that cannot be used, EDX202 counts, EDX206 to
EDX210 attachments, EDX207 a recipient twice, EDX215 an id that cannot be seen, EDX407 too many, EDX503 a party without
a usable code, EDX507 nobody to deliver to. What real traffic does differently from the standard is remarked and passed
on unchanged.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from edxml_router.core.detail import Detail
from edxml_router.core.message.attachments import attachment_content, read_attachments
from edxml_router.core.message.document_id import invisible
from edxml_router.core.message.envelope import (
    Business,
    BusinessInfo,
    Document,
    Envelope,
    OtherInfo,
    Party,
    Receiver,
    Replacement,
    ReportedError,
    ResponseFor,
    Staff,
    Status,
    Trace,
)
from edxml_router.core.message.remarks import remarks_on
from edxml_router.core.problems import Finding, Refusal
from edxml_router.core.xml import elements
from edxml_router.core.xml.content import UNMEASURED, Content
from edxml_router.core.xml.safe_xml import DEFAULT_LIMITS, NS, Element, Limits, place

__all__ = ["Reading", "attachment_content", "read", "refuse_crowd"]

_MOST_ID = 255  # characters of a DocumentId or OrganId; the longest known forms have about sixty
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069]")
_BUSINESS = re.compile(r"0{0,3}([0-3])")

# QCVN 102:2016 as real senders keep it: these are in every document message known. SignerInfo is left out by
# some systems of one-stop shops, so its absence is only remarked.
_REQUIRED = ("DocumentId", "Code", "PromulgationInfo", "DocumentType", "Subject")
_DOCUMENT_ONLY = (
    "To", *_REQUIRED, "Content", "SignerInfo", "DueDate", "OtherInfo", "SteeringType",
    "ResponseForTask", "ApplicationType", "ToPlaces",
)  # fmt: skip
_MESSAGE = "/edXML/edXMLEnvelope/edXMLHeader/MessageHeader"
_TO = f"{{{NS}}}edXMLEnvelope/{{{NS}}}edXMLHeader/{{{NS}}}MessageHeader/{{{NS}}}To"
_STATUS_ONLY = ("StaffInfo", "StatusCode", "Description", "Timestamp")


@dataclass(frozen=True, slots=True)
class Reading:
    """What a message says, and the remarks on its form."""

    envelope: Envelope
    remarks: tuple[Finding, ...]


def read(
    root: Element, limits: Limits = DEFAULT_LIMITS, measured: Mapping[str, Content | None] = UNMEASURED
) -> Reading:
    """Read a message. Raises :class:`Refusal` with the codes listed above, and nothing else.

    ``measured``: the contents of attachments that are not in the tree, by the marks that stand there instead
    (:meth:`~edxml_router.core.xml.skeleton.Skeleton.contents_in`).
    """
    if root.tag != f"{{{NS}}}edXML":
        raise Refusal("EDX110", detail=Detail("the root element is not edXML"))
    refuse_crowd(root, limits)
    header = elements.only_child(elements.only_child(root, "edXMLEnvelope"), "edXMLHeader")
    parts = elements.children_by_name(header)
    if "MessageHeader" not in parts:
        raise Refusal("EDX202", where=place(header), detail=Detail("MessageHeader is missing"))
    message = parts["MessageHeader"]
    said = elements.children_by_name(message, "To", "ResponseFor")
    listed = parts.get("TraceHeaderList")
    is_status = "StatusCode" in said
    for name in _DOCUMENT_ONLY if is_status else _STATUS_ONLY:
        if name in said:
            kind = "status" if is_status else "document"
            raise Refusal(
                "EDX202",
                where=place(said[name]),
                detail=Detail("{name} is no part of a {kind} message", name=name, kind=kind),
            )
    if "From" not in said:
        raise Refusal("EDX202", where=place(message), detail=Detail("From is missing"))
    sender = _party(said["From"])
    to: tuple[Party, ...] = ()
    document = status = None
    if is_status:
        status = _status(message, said)
    else:
        to = _recipients(message)
        document = _document(message, said, _business(listed))
    attachments, remarks = read_attachments(root, limits, measured)
    envelope = Envelope(
        sender=sender,
        to=to,
        document=document,
        status=status,
        traces=tuple(_trace(item) for item in elements.children(listed, "TraceHeader")),
        attachments=attachments,
        errors=tuple(_error(item) for item in elements.children(parts.get("ErrorList"), "Error")),
    )
    return Reading(envelope, (*remarks_on(envelope), *remarks))


def _document(message: Element, said: dict[str, Element], business: BusinessInfo | None) -> Document:
    for name in _REQUIRED:
        if name not in said:
            raise Refusal("EDX202", where=place(message), detail=Detail("{name} is missing", name=name))
    code, issued, kind = (elements.leaves(said[name]) for name in ("Code", "PromulgationInfo", "DocumentType"))
    signer = elements.leaves(said["SignerInfo"]) if "SignerInfo" in said else {}
    return Document(
        document_id=_id(said["DocumentId"]),
        code_number=code.get("CodeNumber"),
        code_notation=code.get("CodeNotation"),
        place=issued.get("Place"),
        promulgation_date=issued.get("PromulgationDate"),
        type=kind.get("Type"),
        type_detail=kind.get("TypeDetail"),
        type_name=kind.get("TypeName"),
        subject=elements.text(said["Subject"]),
        content=elements.text(said.get("Content")),
        competence=signer.get("Competence"),
        position=signer.get("Position"),
        full_name=signer.get("FullName"),
        due_date=elements.text(said.get("DueDate")),
        other=_other(said["OtherInfo"]) if "OtherInfo" in said else None,
        response_for=tuple(_response_for(item) for item in elements.children(message, "ResponseFor")),
        steering_type=elements.text(said.get("SteeringType")),
        task_codes=elements.texts(said.get("ResponseForTask")),
        application_type=elements.text(said.get("ApplicationType")),
        to_places=elements.texts(said.get("ToPlaces")),
        business=business,
    )


def _status(message: Element, said: dict[str, Element]) -> Status:
    """A status goes to ``ResponseFor/OrganId``, so that, the document's id and the code must be there."""
    answered = list(elements.children(message, "ResponseFor"))
    if len(answered) != 1:
        raise Refusal("EDX202", where=place(message), detail=Detail("a status message has exactly one ResponseFor"))
    response_for = _response_for(answered[0])
    if _is_null(response_for.organ_id):
        raise Refusal("EDX507", where=f"{place(answered[0])}/OrganId")
    if not response_for.document_id:
        raise Refusal(
            "EDX202", where=f"{place(answered[0])}/DocumentId", detail=Detail("DocumentId is missing or empty")
        )
    if len(response_for.document_id) > _MOST_ID:
        raise Refusal(
            "EDX202",
            where=f"{place(answered[0])}/DocumentId",
            detail=Detail("longer than {most} characters", most=_MOST_ID),
        )
    code = elements.text(said["StatusCode"]) or ""
    if not code.strip(elements.WHITE_SPACE):
        raise Refusal("EDX202", where=place(said["StatusCode"]), detail=Detail("StatusCode is empty"))
    return Status(
        response_for=response_for,
        status_code=code,
        description=elements.text(said.get("Description")),
        timestamp=elements.text(said.get("Timestamp")),
        staff=_staff(said["StaffInfo"]) if "StaffInfo" in said else None,
    )


def refuse_crowd(root: Element, limits: Limits) -> None:
    """Refuse a message to more recipients than allowed (EDX407). Cheap, so it comes before whatever grows with the
    list.
    """
    count = sum(1 for _ in root.iterfind(_TO))
    if count > limits.max_recipients:
        raise Refusal(
            "EDX407",
            where=_MESSAGE,
            detail=Detail("{count} recipients, at most {most}", count=count, most=limits.max_recipients),
        )


def _recipients(message: Element) -> tuple[Party, ...]:
    found = list(elements.children(message, "To"))
    if not found:
        raise Refusal("EDX507", where=place(message))
    parties = tuple(_party(element) for element in found)
    seen: set[str] = set()
    for element, party in zip(found, parties, strict=True):
        if party.organ_id in seen:
            raise Refusal("EDX207", where=place(element))
        seen.add(party.organ_id)
    return parties


def _business(listed: Element | None) -> BusinessInfo | None:
    """``Bussiness``; without it, or without its type, the document is new."""
    found = list(elements.children(listed, "Bussiness"))
    if not found:
        return None
    if len(found) > 1:
        raise Refusal("EDX202", where=place(found[1]), detail=Detail("Bussiness occurs twice"))
    parts = elements.children_by_name(found[0])
    written = (elements.text(parts.get("BussinessDocType")) or "").strip(elements.WHITE_SPACE)
    kind = _BUSINESS.fullmatch(written or "0")
    if kind is None:  # a recall must never be taken for a new document, so there is no leniency here
        raise Refusal("EDX201", where=place(parts["BussinessDocType"]), detail=Detail("BussinessDocType is not 0 to 3"))
    info = elements.children_by_name(parts["BussinessDocumentInfo"]) if "BussinessDocumentInfo" in parts else {}
    receivers = info.get("ReceiverList")
    replaced = parts.get("ReplacementInfoList")
    return BusinessInfo(
        kind=Business(int(kind[1])),
        reason=elements.text(parts.get("BussinessDocReason")),
        document_id=_reference(elements.text(parts.get("DocumentId")), found[0]),
        paper=elements.text(parts.get("Paper")),
        document_info=elements.text(info.get("DocumentInfo")),
        document_receiver=elements.text(info.get("DocumentReceiver")),
        receivers=None if receivers is None else tuple(_receiver(r) for r in elements.children(receivers, "Receiver")),
        replacements=None
        if replaced is None
        else tuple(_replacement(r) for r in elements.children(replaced, "ReplacementInfo")),
        staff=_staff(parts["StaffInfo"]) if "StaffInfo" in parts else None,
    )


def _receiver(element: Element) -> Receiver:
    values = elements.leaves(element)
    return Receiver(_stripped(values.get("OrganId")) or "", values.get("ReceiverType"))


def _replacement(element: Element) -> Replacement:
    parts = elements.children_by_name(element)
    codes = elements.texts(parts.get("OrganIdList")) or ()
    document_id = _reference(elements.text(parts.get("DocumentId")), element) or ""
    return Replacement(document_id, tuple(code.strip(elements.WHITE_SPACE) for code in codes))


def _party(element: Element) -> Party:
    values = elements.leaves(element)
    code = (values.get("OrganId") or "").strip(elements.WHITE_SPACE)
    if _is_null(code) or len(code) > _MOST_ID or _CONTROL.search(code):
        raise Refusal("EDX503", where=f"{place(element)}/OrganId", detail=Detail("OrganId is empty, null or unusable"))
    return Party(
        organ_id=code,
        organization_in_charge=values.get("OrganizationInCharge"),
        organ_name=values.get("OrganName"),
        organ_add=values.get("OrganAdd"),
        email=values.get("Email"),
        telephone=values.get("Telephone"),
        fax=values.get("Fax"),
        website=values.get("Website"),
    )


def _staff(element: Element) -> Staff:
    values = elements.leaves(element)
    return Staff(
        department=values.get("Department"),
        department_id=values.get("DepartmentId"),
        staff=values.get("Staff"),
        staff_id=values.get("StaffId"),
        mobile=values.get("Mobile"),
        email=values.get("Email"),
    )


def _response_for(element: Element) -> ResponseFor:
    values = elements.leaves(element)
    return ResponseFor(
        organ_id=_stripped(values.get("OrganId")),
        code=values.get("Code"),
        promulgation_date=values.get("PromulgationDate"),
        document_id=_reference(values.get("DocumentId"), element),
    )


def _other(element: Element) -> OtherInfo:
    parts = elements.children_by_name(element)
    return OtherInfo(
        priority=elements.text(parts.get("Priority")),
        sphere_of_promulgation=elements.text(parts.get("SphereOfPromulgation")),
        typer_notation=elements.text(parts.get("TyperNotation")),
        promulgation_amount=elements.text(parts.get("PromulgationAmount")),
        page_amount=elements.text(parts.get("PageAmount")),
        direction=elements.text(parts.get("Direction")),
        reply_fors=elements.texts(parts.get("ReplyFors")),
        reference_codes=elements.texts(parts.get("ReferenceCodes")),
        appendixes=elements.texts(parts.get("Appendixes")),
    )


def _trace(element: Element) -> Trace:
    values = elements.leaves(element)
    return Trace(_stripped(values.get("OrganId")), values.get("Timestamp"))


def _error(element: Element) -> ReportedError:
    values = elements.leaves(element)
    return ReportedError(values.get("Code"), values.get("Description"))


def _id(element: Element) -> str:
    """A document's id: an opaque key, but one that can be stored, printed and typed."""
    value = (elements.text(element) or "").strip(elements.WHITE_SPACE)
    if not value:
        raise Refusal("EDX202", where=place(element), detail=Detail("DocumentId is empty"))
    if len(value) > _MOST_ID:
        raise Refusal("EDX201", where=place(element), detail=Detail("longer than {most} characters", most=_MOST_ID))
    return _seen(value, element)


def _reference(text: str | None, element: Element) -> str | None:
    """The id of another document, under the same rules, or it would never be found."""
    return None if text is None else _seen(text.strip(elements.WHITE_SPACE), element, "/DocumentId")


def _seen(document_id: str, element: Element, below: str = "") -> str:
    character = invisible(document_id)
    if character:  # only now: the position of one element among thousands has to be counted
        raise Refusal("EDX215", where=f"{place(element)}{below}", detail=character)
    return document_id


def _is_null(code: str | None) -> bool:
    return not code or code.lower() == "null"


def _stripped(text: str | None) -> str | None:
    return None if text is None else text.strip(elements.WHITE_SPACE)
