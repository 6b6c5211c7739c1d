"""Reading: every field arrives, what is unsafe is refused, what is odd is remarked."""

from __future__ import annotations

import base64
import hashlib
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from edxml_router.core.message.attachments import attachment_content, plain_id
from edxml_router.core.message.envelope import (
    Attachment,
    Business,
    BusinessInfo,
    Kind,
    OtherInfo,
    Receiver,
    Replacement,
    ReportedError,
    ResponseFor,
    Staff,
    Trace,
)
from edxml_router.core.message.reader import Reading, read
from edxml_router.core.message.remarks import REMARKS_MAX
from edxml_router.core.problems import Refusal
from edxml_router.core.xml.safe_xml import NS, Limits, parse
from edxml_router.core.xml.schema import explain, validate
from tests.fixtures import PDF, File, block, bussiness, document, party, recall, response_for, status, tag, trace

ZIP = b"PK\x03\x04" + b"\0" * 26
EDXML = f"{{{NS}}}"


def reading(data: bytes, limits: Limits | None = None) -> Reading:
    root = parse(data)
    validate(root)
    return read(root, limits or Limits())


def remarks(data: bytes) -> list[tuple[str, str]]:
    """(code, last step of the place) of each remark."""
    return [(found.code, found.where.rpartition("/")[2]) for found in reading(data).remarks]


def refusal(data: bytes, limits: Limits | None = None) -> Refusal:
    with pytest.raises(Refusal) as refused:
        reading(data, limits)
    return refused.value


def test_a_document_is_read_whole() -> None:
    found = reading(
        document(
            to=["H41.03", "000.00.00.G22"],
            response=response_for(),
            traces=trace() + trace("vxp.saas.03", "2026/03/02 08:15:01"),
        )
    )
    assert found.remarks == ()
    envelope = found.envelope
    assert (envelope.kind, envelope.business, envelope.priority) == (Kind.DOCUMENT, Business.NEW, 0)
    assert envelope.sender.organ_id == "H53.02"
    assert envelope.sender.fax == ""
    assert envelope.recipients == ("H41.03", "000.00.00.G22")
    assert envelope.document_id == "H53.02,2026/03/02,12/UBND-VP"
    assert envelope.traces == (
        Trace("H53.02", "2026/03/02 08:15:00"),
        Trace("vxp.saas.03", "2026/03/02 08:15:01"),
    )
    header = envelope.document
    assert header is not None
    assert (header.code_number, header.code_notation) == ("12", "UBND-VP")
    assert (header.place, header.promulgation_date, header.due_date) == ("Tây Ninh", "2026/03/02", "2026/03/20")
    assert (header.type, header.type_detail, header.type_name) == ("1", "0", "Công văn")
    assert header.subject == header.content == "V/v kết nối, liên thông phần mềm quản lý văn bản"
    assert (header.competence, header.position, header.full_name) == ("TM. ỦY BAN NHÂN DÂN", "Chủ tịch", "Lê Văn Thử")
    assert header.other == OtherInfo("0", "Liên thông văn bản", "LVT", "2", "5", "false", appendixes=("Phụ lục 1",))
    assert header.response_for == (ResponseFor("H53.02", "12/UBND-VP", "2026/03/02", "H53.02,2026/03/02,12/UBND-VP"),)
    assert (header.steering_type, header.to_places) == ("1", ("Như trên", "Lưu: VT"))
    assert header.business == BusinessInfo(
        Business.NEW,
        "Văn bản điện tử mới",
        paper="0",
        staff=Staff("Phòng Văn thư", None, "Trần Thị Ví Dụ", None, "0900000000", "ttvidu@example.vn"),
    )
    digest = hashlib.sha256(PDF).hexdigest()
    assert envelope.attachments == (Attachment("cid:209", "cong-van.pdf", "application/pdf", None, len(PDF), digest),)


def test_the_additions_of_the_sdk_are_read() -> None:
    data = document(
        response=block("ResponseForTask", tag("TaskCode", "NV-1"), tag("TaskCode", "NV-2"))
        + tag("ApplicationType", "A"),
        replace={
            "<edXML:Appendixes>": block("ReplyFors", tag("ReplyFor", "1"), tag("ReplyFor", ""))
            + tag("ReferenceCodes", "H53-260302-0001")
            + "<edXML:Appendixes>"
        },
        signature=block("ErrorList", block("Error", tag("Code", "22"), tag("Description", "Sai định dạng"))),
    )
    envelope = reading(data).envelope
    assert envelope.document is not None
    assert envelope.document.other is not None
    assert envelope.document.task_codes == ("NV-1", "NV-2")
    assert envelope.document.application_type == "A"
    assert envelope.document.other.reply_fors == ("1", "")
    assert envelope.document.other.reference_codes == ("H53-260302-0001",)
    assert envelope.errors == (ReportedError("22", "Sai định dạng"),)


def test_a_status_is_addressed_to_whom_it_answers() -> None:
    found = reading(status(code="3"))
    envelope = found.envelope
    assert found.remarks == ()
    assert (envelope.kind, envelope.status_code, envelope.recipients) == (Kind.STATUS, "03", ("H53.02",))
    assert envelope.refers_to == (envelope.document_id,) == ("H53.02,2026/03/02,12/UBND-VP",)
    assert envelope.status is not None
    assert envelope.status.timestamp == "2026/03/02 09:00:00"
    assert envelope.status.staff is not None
    assert envelope.status.staff.mobile == "0900000000"


def test_the_business_kinds() -> None:
    replaced = [
        block(
            "ReplacementInfo",
            tag("DocumentId", "a"),
            block("OrganIdList", tag("OrganId", "H26"), tag("OrganId", "H41")),
        ),
        block("ReplacementInfo", tag("DocumentId", "b")),
        block("ReplacementInfo", tag("DocumentId", "b")),
    ]
    receivers = block("Receiver", tag("OrganId", "H26"), tag("ReceiverType", "0"))
    changed = block(
        "BussinessDocumentInfo",
        tag("DocumentInfo", "1"),
        tag("DocumentReceiver", "1"),
        block("ReceiverList", receivers),
    )
    new = reading(document(business=None)).envelope
    assert (new.business, new.refers_to) == (Business.NEW, ())
    withdrawn = reading(recall("x")).envelope
    assert (withdrawn.business, withdrawn.refers_to) == (Business.RECALL, ("x",))
    target = document(traces=trace() + bussiness("1", document_id="y"), business=None)
    assert reading(target).envelope.refers_to == ("y",)
    updated = reading(document(traces=trace() + bussiness("2", changed, document_id="z"), business=None)).envelope
    assert (updated.business, updated.refers_to) == (Business.UPDATE, ("z",))
    assert updated.document is not None
    assert updated.document.business is not None
    assert updated.document.business.receivers == (Receiver("H26", "0"),)
    assert (updated.document.business.document_info, updated.document.business.document_receiver) == ("1", "1")
    exchanged = reading(document(business="3", business_parts=block("ReplacementInfoList", *replaced))).envelope
    assert (exchanged.business, exchanged.refers_to) == (Business.REPLACE, ("a", "b"))
    assert exchanged.document is not None
    assert exchanged.document.business is not None
    assert exchanged.document.business.replacements == (
        Replacement("a", ("H26", "H41")),
        Replacement("b"),
        Replacement("b"),
    )


@pytest.mark.parametrize(("written", "kind"), [("0", 0), (" 1 ", 1), ("02", 2), ("3", 3), ("", 0)])
def test_business_kinds_as_written(written: str, kind: int) -> None:
    assert reading(document(business=written)).envelope.business == kind


@pytest.mark.parametrize("written", ["4", "-1", "x", "1.0", "0x1", "١"])  # an Arabic digit
def test_a_business_kind_that_is_none_is_refused(written: str) -> None:
    refused = refusal(document(business=written))
    assert refused.code == "EDX201"
    assert refused.finding.where.endswith("/Bussiness/BussinessDocType")


SIGNER = block(
    "SignerInfo", tag("Competence", "TM. ỦY BAN NHÂN DÂN"), tag("Position", "Chủ tịch"), tag("FullName", "Lê Văn Thử")
)
DOCUMENT_ID = tag("DocumentId", "H53.02,2026/03/02,12/UBND-VP")

REFUSED: dict[str, tuple[bytes, str, str]] = {
    "no sender": (document(replace={party("From", "H53.02"): ""}), "EDX202", "MessageHeader"),
    "two senders": (document(replace={"<edXML:To>": party("From", "H26") + "<edXML:To>"}), "EDX202", "From[2]"),
    "no recipient": (document(to=[]), "EDX507", "MessageHeader"),
    "empty sender": (document(sender=" \n"), "EDX503", "From/OrganId"),
    "null sender": (document(sender="null"), "EDX503", "From/OrganId"),
    "null recipient": (document(to=["H26", "NULL"]), "EDX503", "To[2]/OrganId"),
    "code with a line break": (document(to=["H26\nH41"]), "EDX503", "To/OrganId"),
    "code without end": (document(to=["H" * 256]), "EDX503", "To/OrganId"),
    "a recipient twice": (document(to=["H26", "H41.03", " H26 "]), "EDX207", "To[3]"),
    "no document id": (document(document_id=None), "EDX202", "MessageHeader"),
    "empty document id": (document(document_id=" "), "EDX202", "DocumentId"),
    "two document ids": (document(replace={DOCUMENT_ID: DOCUMENT_ID * 2}), "EDX202", "DocumentId[2]"),
    "document id without end": (document(document_id="x" * 256), "EDX201", "DocumentId"),
    "document id that turns the text": (document(document_id="a\u202eb"), "EDX215", "DocumentId"),
    "document id with C1 control": (document(document_id="a\x9bb"), "EDX215", "DocumentId"),
    "document id with a soft hyphen": (document(document_id="12/UB\xadND"), "EDX215", "DocumentId"),
    "document id with a tag": (document(document_id="12/UBND\U000e0041"), "EDX215", "DocumentId"),
    "document id with a blank letter": (document(document_id="12\u3164/UBND"), "EDX215", "DocumentId"),
    "document id of nothing": (document(document_id="\u200b"), "EDX215", "DocumentId"),
    "a status about what cannot be seen": (
        status(response=response_for(document_id="12\u200d/UBND")),
        "EDX215",
        "DocumentId",
    ),
    "two subjects": (document(replace={"<edXML:Content>": "<edXML:Subject/><edXML:Content>"}), "EDX202", "Subject[2]"),
    "no subject": (document(subject=None), "EDX202", "MessageHeader"),
    "no code": (
        document(replace={"edXML:Code>": "edXML:ToPlaces>", "CodeNumber": "Place", "CodeNotation": "Place"}),
        "EDX202",
        "",
    ),
    "two businesses": (document(traces=bussiness() + trace()), "EDX202", "Bussiness[2]"),
    "status with a recipient": (
        status(replace={"<edXML:StatusCode>": party("To", "H26") + "<edXML:StatusCode>"}),
        "EDX202",
        "To",
    ),
    "status with a document id": (
        status(replace={"<edXML:StatusCode>": tag("DocumentId", "x") + "<edXML:StatusCode>"}),
        "EDX202",
        "DocumentId",
    ),
    "document with a time stamp": (
        document(replace={"<edXML:Subject>": tag("Timestamp", "x") + "<edXML:Subject>"}),
        "EDX202",
        "Timestamp",
    ),
    "status without answer": (status(response=""), "EDX202", "MessageHeader"),
    "status with two answers": (status(response=response_for() * 2), "EDX202", "MessageHeader"),
    "status to nobody": (status(response=response_for(organ_id=None)), "EDX507", "ResponseFor/OrganId"),
    "status to null": (status(response=response_for(organ_id="null")), "EDX507", "ResponseFor/OrganId"),
    "status about nothing": (status(response=response_for(document_id="")), "EDX202", "ResponseFor/DocumentId"),
    "status without code": (status(code=None), "EDX202", ""),
    "status with empty code": (status(code=" "), "EDX202", "StatusCode"),
    "reference without attachment": (
        document(files=[File(), File("cid:b", "b.pdf")], replace={"<ContentId>cid:b": "<ContentId>cid:c"}),
        "EDX206",
        "Reference[2]",
    ),
    "attachment without reference": (
        document(
            replace={
                "<AttachmentEncoded>": "<AttachmentEncoded>" + "<Attachment><ContentId>x</ContentId>"
                "<ContentTransferEncoded/></Attachment>"
            }
        ),
        "EDX206",
        "Attachment[1]",
    ),
    "the same id after stripping": (document(files=[File("cid:1"), File("1", "b.pdf")]), "EDX206", "Reference[2]"),
    "empty content id": (document(files=[File("cid:")]), "EDX206", "Reference"),
    "no attachment at all": (
        document(replace={"<AttachmentEncoded>": "<!--", "</AttachmentEncoded>": "-->"}),
        "EDX206",
        "Reference",
    ),
    "no name": (document(files=[File(name="")]), "EDX209", "AttachmentName"),
    "not base64": (document(files=[File(encoded="QUJD$$$=")]), "EDX208", "ContentTransferEncoded"),
    "base64 of mail for names": (document(files=[File(encoded="_-==")]), "EDX208", "ContentTransferEncoded"),
    "base64 cut short": (document(files=[File(encoded="QUJDR")]), "EDX208", "ContentTransferEncoded"),
    "base64 with something after it": (document(files=[File(encoded="QQ==QUJD")]), "EDX208", "ContentTransferEncoded"),
    "base64 of other letters": (document(files=[File(encoded="QUJĐ")]), "EDX208", "ContentTransferEncoded"),
    "only padding": (document(files=[File(encoded="====")]), "EDX208", "ContentTransferEncoded"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_unsafe_is_refused_with_its_place(name: str) -> None:
    data, code, where = REFUSED[name]
    refused = refusal(data)
    assert refused.code == code
    assert refused.finding.where.endswith(where)


@pytest.mark.parametrize(
    "name",
    [
        "../a.pdf",
        "a/b.pdf",
        "a\\b.pdf",
        "C:a.pdf",
        "..",
        ".",
        " ",
        "a\tb.pdf",
        "a\nb.pdf",
        "\u202efdp.exe",
        "a\u200b.pdf",
        "a\x85b",
        "a\u2028b",
        "x" * 256,
        "\u2066a\u2069.pdf",
    ],
)
def test_unsafe_names_are_refused(name: str) -> None:
    assert refusal(document(files=[File(name=name)])).code == "EDX209"


@pytest.mark.parametrize("name", ["Tờ trình số 12 (bản ký).pdf", "a..pdf", ".pdf", "1761_Test.signed.PDF", "x" * 255])
def test_ordinary_names_pass(name: str) -> None:
    assert reading(document(files=[File(name=name)])).envelope.attachments[0].name == name


def test_an_unsafe_name_beside_the_bytes_is_found_too() -> None:
    data = document(replace={"<AttachmentName>cong-van.pdf": "<AttachmentName>../cong-van.pdf"})
    refused = refusal(data)
    assert (refused.code, refused.finding.where) == ("EDX209", "/edXML/AttachmentEncoded/Attachment/AttachmentName")


@pytest.mark.parametrize(
    ("limits", "code"),
    [
        (Limits(max_attachments=1), "EDX210"),
        (Limits(max_attachment_bytes=len(PDF) - 1), "EDX210"),
        (Limits(max_recipients=1), "EDX407"),
        (Limits(max_name=5), "EDX209"),
    ],
)
def test_limits_hold(limits: Limits, code: str) -> None:
    data = document(to=["H26", "H41"], files=[File(), File("cid:b")])
    assert refusal(data, limits).code == code
    reading(data, Limits(max_attachments=2, max_attachment_bytes=len(PDF), max_recipients=2, max_name=12))


def test_recipients_are_counted_before_anything_else_is_asked_of_them() -> None:
    data = document(to=["H26", "", "H41"])  # one has no code
    assert refusal(data, Limits(max_recipients=2)).code == "EDX407"
    assert refusal(data, Limits(max_recipients=3)).code == "EDX503"


def test_a_large_attachment_is_refused_before_it_is_decoded() -> None:
    data = document(files=[File(encoded="\n".join(["QUJD" * 19] * 100))])
    assert refusal(data, Limits(max_attachment_bytes=5699)).code == "EDX210"
    assert reading(data, Limits(max_attachment_bytes=5700)).envelope.attachments[0].size == 5700


def test_base64_may_be_broken_into_lines() -> None:
    content = bytes(range(256)) * 40
    data = document(
        files=[File(encoded="\r\n " + base64.encodebytes(content).decode() + "\t", content_type="text/plain")]
    )
    found = reading(data).envelope.attachments[0]
    assert (found.size, found.sha256) == (len(content), hashlib.sha256(content).hexdigest())
    assert attachment_content(parse(data), "cid:209") == content


def test_content_is_found_by_its_id_with_or_without_cid() -> None:
    root = parse(
        document(files=[File("cid:1", content=b"%PDF-one"), File("cid:2", "b.pdf", content=b"%PDF-two", cid=False)])
    )
    assert attachment_content(root, "1") == b"%PDF-one"
    assert attachment_content(root, " cid:2") == b"%PDF-two"
    with pytest.raises(Refusal) as refused:
        attachment_content(root, "3")
    assert refused.value.code == "EDX206"
    assert plain_id(" cid:a ") == plain_id("a") == "a"


def test_an_empty_attachment_is_one() -> None:
    found = reading(document(files=[File(content=b"")]))
    assert found.envelope.attachments[0].size == 0
    assert found.remarks == ()


def test_the_type_beside_the_bytes_speaks() -> None:
    """The SDK zips a text and declares the zip only in Attachment."""
    data = document(
        files=[File(content_type="text/plain", content=ZIP)],
        replace={"<ContentType>text/plain": "<ContentType>application/zip"},
    )
    assert reading(data).envelope.attachments[0].content_type == "application/zip"
    assert remarks(data) == [("EDX214", "Attachment")]
    undeclared = reading(document(files=[File(content_type=None)])).envelope.attachments[0]
    assert undeclared.content_type == "application/octet-stream"


def test_the_name_may_stand_on_one_side_only() -> None:
    data = document(replace={"<AttachmentName>cong-van.pdf</AttachmentName>": ""})
    assert reading(data).envelope.attachments[0].name == "cong-van.pdf"
    assert remarks(data) == []


LONG = "x" * 501
REMARKED: dict[str, tuple[bytes, list[tuple[str, str]]]] = {
    "day first": (document(date="30/10/2026"), [("EDX203", "PromulgationDate")]),
    "no such day": (document(date="2026/02/30"), [("EDX203", "PromulgationDate")]),
    "empty date": (document(date=""), [("EDX203", "PromulgationDate")]),
    "date of another script": (document(date="٢٠٢٦/٠٣/٠٢"), [("EDX203", "PromulgationDate")]),
    "odd due date": (document(replace={"2026/03/20": "20-03-2026"}), [("EDX203", "DueDate")]),
    "no due date": (document(replace={"2026/03/20": ""}), []),
    "odd trace time": (document(traces=trace(timestamp="2026-03-02T08:15:00")), [("EDX203", "Timestamp")]),
    "no such time": (document(traces=trace(timestamp="2026/03/02 25:00:00")), [("EDX203", "Timestamp")]),
    "odd status time": (status(timestamp="2/3/2026"), [("EDX203", "Timestamp")]),
    "odd answer date": (document(response=response_for(date="2/3/2026")), [("EDX203", "PromulgationDate")]),
    "long subject": (document(subject=LONG), [("EDX204", "Subject"), ("EDX204", "Content")]),
    "long number": (document(number="202603021104"), [("EDX204", "CodeNumber")]),
    "long code of a recipient": (document(to=["H26", "H" * 36]), [("EDX204", "OrganId")]),
    "long place": (document(replace={"Lưu: VT": "x" * 151}), [("EDX204", "Place[2]")]),
    "many places": (
        document(replace={"Lưu: VT": "</edXML:Place><edXML:Place>".join(["x" * 150] * 7)}),
        [("EDX204", "ToPlaces")],
    ),
    "long reason": (status(description="x" * 1001), [("EDX204", "Description")]),
    "priority": (document(priority="5"), [("EDX205", "Priority")]),
    "empty priority": (document(priority=""), []),
    "steering": (document(steering="0"), [("EDX205", "SteeringType")]),
    "type 18": (document(replace={">1</edXML:Type>": ">18</edXML:Type>"}), [("EDX205", "Type")]),
    "pages in words": (
        document(replace={">5</edXML:PageAmount>": ">năm</edXML:PageAmount>"}),
        [("EDX205", "PageAmount")],
    ),
    "direction": (document(replace={">false<": ">0<"}), [("EDX205", "Direction")]),
    "paper": (document(replace={"<edXML:Paper>0": "<edXML:Paper>7"}), [("EDX205", "Paper")]),
    "receiver type": (
        document(
            business="2",
            business_parts=block(
                "BussinessDocumentInfo",
                block("ReceiverList", block("Receiver", tag("OrganId", "H26"), tag("ReceiverType", "9"))),
            ),
        ),
        [("EDX205", "ReceiverType")],
    ),
    "unknown status": (status(code="14"), [("EDX205", "StatusCode")]),
    "status in words": (status(code="xong"), [("EDX205", "StatusCode")]),
    "empty answer": (document(response="<edXML:ResponseFor/>"), [("EDX212", "ResponseFor")]),
    "answer that says null": (document(response=response_for(document_id="null")), [("EDX212", "ResponseFor")]),
    "trace that says null": (document(traces=trace("null")), [("EDX212", "TraceHeader")]),
    "empty trace": (document(traces=trace() + "<edXML:TraceHeader/>"), [("EDX212", "TraceHeader[2]")]),
    "trace without code": (document(traces=trace(None)), []),
    "no signer": (document(replace={SIGNER: ""}), [("EDX213", "FullName")]),
    "no type name": (document(replace={tag("TypeName", "Công văn"): ""}), [("EDX213", "TypeName")]),
    "zip that is called PDF": (document(files=[File(content=ZIP)]), [("EDX211", "Attachment")]),
    "text that is called zip": (document(files=[File(content_type="application/zip")]), [("EDX211", "Attachment")]),
    "names that differ": (
        document(replace={"<AttachmentName>cong-van.pdf": "<AttachmentName>khac.pdf"}),
        [("EDX214", "Attachment")],
    ),
}


@pytest.mark.parametrize("name", REMARKED)
def test_what_is_odd_is_remarked_and_passes(name: str) -> None:
    data, expected = REMARKED[name]
    assert remarks(data) == expected


def test_remarks_quote_nothing_and_are_bounded() -> None:
    found = reading(document(to=[f"H26.{'9' * 40}{number}" for number in range(300)])).remarks
    assert len(found) == REMARKS_MAX
    assert found[7].where.endswith("MessageHeader/To[8]/OrganId")
    assert found[7].detail == "45 characters, at most 35"


def test_a_tree_that_is_not_edxml_is_refused() -> None:
    with pytest.raises(Refusal) as refused:
        read(etree.fromstring(b"<edXML/>"))
    assert refused.value.code == "EDX110"


@pytest.mark.parametrize("inside", ["<b/>", "<!-- x -->", "<?x?>"])
def test_nothing_may_stand_inside_a_value_whoever_parsed_the_tree(inside: str) -> None:
    """What follows a comment is not in ``.text``; a tree that kept one must not be read as if it were whole."""
    for old in ("<edXML:OrganId>H41", "<edXML:DocumentId>H53", "cid:209", "JVBER"):
        root = etree.fromstring(document(replace={old: old + inside}))
        with pytest.raises(Refusal) as refused:
            read(root)
        assert refused.value.code == "EDX201"


def test_values_are_kept_as_written_and_ids_without_white_space() -> None:
    data = document(
        document_id="\n  a b \t", to=["  H26\n"], subject="  hai  dấu cách ", replace={"cid:209": " cid:209 "}
    )
    envelope = reading(data).envelope
    assert (envelope.document_id, envelope.recipients) == ("a b", ("H26",))
    assert envelope.document is not None
    assert envelope.document.subject == "  hai  dấu cách "
    assert envelope.attachments[0].content_id == "cid:209"


MESSAGES = [
    document(to=["H26", "H41.03"], files=[File(), File("cid:b", "b.pdf")], response=response_for()),
    recall(),
    status(),
    document(
        business="3", business_parts=block("ReplacementInfoList", block("ReplacementInfo", tag("DocumentId", "a")))
    ),
]
# Where order carries meaning, the children of equal name keep theirs.
FREE = (
    "MessageHeader",
    "From",
    "To",
    "Code",
    "PromulgationInfo",
    "DocumentType",
    "SignerInfo",
    "OtherInfo",
    "ResponseFor",
    "StaffInfo",
    "TraceHeader",
    "TraceHeaderList",
    "Bussiness",
    "Reference",
    "Attachment",
    "ReplacementInfo",
)


@given(st.sampled_from(MESSAGES), st.randoms(use_true_random=False))
def test_the_order_of_children_changes_nothing(data: bytes, chance: random.Random) -> None:
    root = parse(data)
    for name in FREE:
        for element in root.iter(EDXML + name):
            children = list(element)
            slots = [child.tag for child in children]
            chance.shuffle(slots)
            queues = {slot: [child for child in children if child.tag == slot] for slot in slots}
            element[:] = [queues[slot].pop(0) for slot in slots]
    assert reading(etree.tostring(root)).envelope == reading(data).envelope


@given(st.sampled_from(MESSAGES), st.data())
def test_a_mutation_is_read_or_refused_but_never_fails_otherwise(data: bytes, draw: st.DataObject) -> None:
    """Elements dropped, doubled, moved, emptied, renamed; with the schema as gate and without it."""
    root = parse(data)
    for _ in range(draw.draw(st.integers(1, 4))):
        elements = list(root.iter("*"))
        element = draw.draw(st.sampled_from(elements))
        parent = element.getparent()
        action = draw.draw(st.sampled_from(["drop", "double", "move", "empty", "rename", "text"]))
        if action == "drop" and parent is not None:
            parent.remove(element)
        elif action == "double" and parent is not None:
            parent.insert(parent.index(element), etree.fromstring(etree.tostring(element)))
        elif action == "move" and parent is not None:
            target = draw.draw(st.sampled_from(elements))
            if element not in (target, *target.iterancestors()):
                target.append(element)
        elif action == "empty":
            del element[:]
            element.text = None
        elif action == "rename":
            element.tag = draw.draw(st.sampled_from(elements)).tag
        else:
            element.text = draw.draw(st.sampled_from(["null", " ", "9", "../x", "cid:", "\u202e", "x" * 300]))
    changed = etree.tostring(root)
    for step in (reading, explain, lambda changed: read(parse(changed))):
        try:
            step(changed)
        except Refusal as refused:
            assert refused.code.startswith(("EDX1", "EDX2", "EDX4", "EDX5"))
