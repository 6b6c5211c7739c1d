"""The schemas and the gate: every variant of real traffic passes, the rest is refused with a place."""

from __future__ import annotations

import itertools
from concurrent.futures import ThreadPoolExecutor

import pytest
from lxml import etree

from edxml_router.core.problems import Refusal
from edxml_router.core.xml.safe_xml import NS, parse
from edxml_router.core.xml.schema import Profile, explain, validate
from tests.fixtures import DSIG, File, block, bussiness, document, party, recall, response_for, status, tag, trace

XSI = "http://www.w3.org/2001/XMLSchema-instance"
SIGNED_INFO = (
    '<SignedInfo><CanonicalizationMethod Algorithm="c"/><SignatureMethod Algorithm="s"/>'
    '<Reference URI=""><Transforms><Transform Algorithm="t"/></Transforms><DigestMethod Algorithm="d"/>'
    "<DigestValue>AAAA</DigestValue></Reference></SignedInfo>"
)
SIGNATURE = (
    f'<Signature xmlns="{DSIG}">{SIGNED_INFO}<SignatureValue>AAAA</SignatureValue>'
    "<KeyInfo><X509Data><X509SubjectName/><X509Certificate>AAAA</X509Certificate></X509Data></KeyInfo></Signature>"
)
LEGACY = SIGNATURE.replace(f' xmlns="{DSIG}"', "")
XLINKS = 'xmlns:xlink="http://www.w3.org/1999/xlink" xlink:href="cid:209" xlink:role="XLinkRole" xlink:type="simple"'


def refusal(data: bytes, profile: Profile = Profile.RECEIVE) -> Refusal:
    with pytest.raises(Refusal) as refused:
        validate(parse(data), profile)
    return refused.value


VARIANTS: dict[str, bytes] = {
    "document": document(),
    "status": status(),
    "recall": recall(),
    "several recipients": document(to=["H41.03", "H26", "000.00.00.G22"]),
    "no attachments": document(files=()),
    "empty manifest": document(
        files=(),
        replace={
            "</edXML:edXMLHeader>": "</edXML:edXMLHeader><edXML:edXMLBody><edXML:edXMLManifest/></edXML:edXMLBody>"
        },
    ),
    "empty body and attachments": document(
        files=(),
        replace={
            "</edXML:edXMLHeader>": "</edXML:edXMLHeader><edXML:edXMLBody/>",
            "</edXML>\n": "<AttachmentEncoded/></edXML>\n",
        },
    ),
    "several attachments without cid on one side": document(files=[File("cid:1", cid=False), File("cid:2", "b.pdf")]),
    "no trace list": document(
        traces="", business=None, replace={"<edXML:TraceHeaderList></edXML:TraceHeaderList>": ""}
    ),
    "empty trace list": document(traces="", business=None),
    "no business": document(business=None),
    "two traces": document(traces=trace() + trace("vxp.saas.03"), business=None),
    "business before trace": document(traces=bussiness() + trace(), business=None),
    "trace without OrganId": document(traces=trace(None), business=None),
    "trace that says null": document(traces=trace("null"), business=None),
    "trace list with attributes": document(
        replace={
            "<edXML:TraceHeaderList>": '<edXML:TraceHeaderList id="ab12" version="1.0" mustUnderstand="1" actor="a">'
        }
    ),
    "xsi and xsd declared": document(
        replace={"<edXML xmlns": f'<edXML xmlns:xsi="{XSI}" xmlns:xsd="http://www.w3.org/2001/XMLSchema" xmlns'}
    ),
    "schema location": document(
        replace={"<edXML xmlns": f'<edXML xmlns:xsi="{XSI}" xsi:schemaLocation="{NS} http://127.0.0.1:9/x.xsd" xmlns'}
    ),
    "xlink on Reference": document(replace={"<edXML:Reference>": f"<edXML:Reference {XLINKS}>"}),
    "signed": document(signature=SIGNATURE, ids=True),
    "signed status": status(signature=SIGNATURE, ids=True),
    "legacy signature": document(signature=LEGACY),
    "signature before the traces": document(replace={"<edXML:TraceHeaderList>": SIGNATURE + "<edXML:TraceHeaderList>"}),
    "empty DigitalSignature": document(signature="<edXML:DigitalSignature />"),
    "error list": document(
        signature=block("ErrorList", block("Error", tag("Code", "22"), tag("Description", "Sai định dạng")))
    ),
    "empty ResponseFor": document(response="<edXML:ResponseFor/>"),
    "several ResponseFor": document(response=response_for() + response_for(document_id="x")),
    "response in the other order": document(
        response=block(
            "ResponseFor", tag("DocumentId", "x"), tag("PromulgationDate", ""), tag("Code", ""), tag("OrganId", "a")
        )
    ),
    "minimal parties": document(replace={party("From", "H53.02"): party("From", "H53.02", Fax=None)}),
    "steering 0": document(steering="0"),
    "no steering": document(steering=None),
    "no signer": document(
        replace={
            block(
                "SignerInfo",
                tag("Competence", "TM. ỦY BAN NHÂN DÂN"),
                tag("Position", "Chủ tịch"),
                tag("FullName", "Lê Văn Thử"),
            ): ""
        }
    ),
    "additions of the SDK": document(
        response=block("ResponseForTask", tag("TaskCode", "NV-1")) + tag("ApplicationType", "MCDT_DT"),
        replace={
            "<edXML:Appendixes>": "<edXML:ReplyFors><edXML:ReplyFor>1</edXML:ReplyFor></edXML:ReplyFors>"
            "<edXML:ReferenceCodes>H53-260302-0001</edXML:ReferenceCodes><edXML:Appendixes>",
            "<edXML:Department>": tag("DepartmentId", "1") + tag("StaffId", "2") + "<edXML:Department>",
        },
    ),
    "update": document(
        business="2",
        business_parts=block(
            "BussinessDocumentInfo",
            tag("DocumentInfo", "1"),
            tag("DocumentReceiver", "1"),
            block("ReceiverList", block("Receiver", tag("OrganId", "H26"), tag("ReceiverType", "0"))),
        ),
    ),
    "replacement": document(
        business="3",
        business_parts=block(
            "ReplacementInfoList",
            block("ReplacementInfo", tag("DocumentId", "a"), block("OrganIdList", tag("OrganId", "H26"))),
            block("ReplacementInfo", tag("DocumentId", "b")),
        ),
    ),
    "another prefix": document(replace={"edXML:": "e:", "xmlns:edXML": "xmlns:e"}),
    "no prefix at all": document(replace={"edXML:": "", f'xmlns:edXML="{NS}"': ""}),
    "lists with several members": document(replace={"</edXML:Appendix>": "</edXML:Appendix><edXML:Appendix/>"}),
    "Reference without type": document(files=[File(content_type=None)]),
}


@pytest.mark.parametrize("name", VARIANTS)
def test_real_variants_pass(name: str) -> None:
    validate(parse(VARIANTS[name]))
    assert explain(VARIANTS[name]) == ()


def shuffled(element: etree._Element, order: tuple[int, ...]) -> bytes:
    children = list(element)
    element[:] = [children[index] for index in order]
    return etree.tostring(element.getroottree(), xml_declaration=True, encoding="UTF-8")


@pytest.mark.parametrize(
    "name", ["From", "StaffInfo", "DocumentType", "SignerInfo", "OtherInfo", "Reference", "Attachment"]
)
def test_children_come_in_any_order(name: str) -> None:
    count = len(next(parse(document()).iter(f"{{{NS}}}{name}")))
    for order in itertools.islice(itertools.permutations(range(count)), 0, None, 7):
        root = parse(document())
        validate(parse(shuffled(next(root.iter(f"{{{NS}}}{name}")), order)))


def test_the_header_comes_in_the_regulation_s_order_too() -> None:
    """The regulation numbers DocumentId last and ToPlaces before OtherInfo; the SDK writes otherwise."""
    root = parse(document())
    message = next(root.iter(f"{{{NS}}}MessageHeader"))
    for name in ("ToPlaces", "OtherInfo", "SteeringType", "DocumentId"):
        message.append(message.find(f"{{{NS}}}{name}"))
    validate(parse(etree.tostring(root)))


REFUSED: dict[str, tuple[bytes, str, str]] = {
    "unknown element": (
        document(replace={"<edXML:Subject>": "<edXML:Title/><edXML:Subject>"}),
        "EDX201",
        "MessageHeader/Title",
    ),
    "element of another namespace": (
        document(replace={"<edXML:Subject>": "<x xmlns='u'/><edXML:Subject>"}),
        "EDX201",
        "MessageHeader/x",
    ),
    "misspelled": (document(replace={"edXML:Subject>": "edXML:subject>"}), "EDX201", "MessageHeader/subject"),
    "business spelled right": (document(replace={"edXML:Bussiness>": "edXML:Business>"}), "EDX201", "/Business"),
    "party without code": (document(to=["H26", None]), "EDX201", "To[2]"),
    "party with two codes": (
        document(replace={"<edXML:OrganId>H41.03": "<edXML:OrganId>H26</edXML:OrganId><edXML:OrganId>H41.03"}),
        "EDX201",
        "To/OrganId[2]",
    ),
    "text between elements": (document(replace={"<edXML:Subject>": "x<edXML:Subject>"}), "EDX201", "MessageHeader"),
    "element inside a value": (
        document(replace={"V/v kết nối": "<edXML:b>V/v</edXML:b>"}),
        "EDX201",
        "Subject",
    ),
    "no envelope": (f'<edXML xmlns="{NS}"/>'.encode(), "EDX201", "/edXML, line 1"),
    "no message header": (
        document(replace={"edXML:MessageHeader>": "edXML:TraceHeaderList>"}),
        "EDX201",
        "edXMLHeader",
    ),
    "two message headers": (
        document(
            replace={"<edXML:MessageHeader>": block("MessageHeader", "<edXML:Subject/>") + "<edXML:MessageHeader>"}
        ),
        "EDX201",
        "MessageHeader[2]",
    ),
    "attachments inside the envelope": (
        document(
            replace={
                "</edXML:edXMLEnvelope>\n": "",
                "</AttachmentEncoded>": "</AttachmentEncoded></edXML:edXMLEnvelope>",
            }
        ),
        "EDX201",
        "AttachmentEncoded",
    ),
    "two lists of attachments": (
        document(replace={"<AttachmentEncoded>": "<AttachmentEncoded/><AttachmentEncoded>"}),
        "EDX201",
        "[2]",
    ),
    "attachment without content": (
        document(replace={"edXML:ContentTransferEncoded": "edXML:Description"}),
        "EDX201",
        "Attachment",
    ),
    "id in other letters": (
        document(replace={"<edXML:MessageHeader>": '<edXML:MessageHeader ID="a">'}),
        "EDX201",
        "MessageHeader",
    ),
    "id of XML": (
        document(replace={"<edXML:MessageHeader>": '<edXML:MessageHeader xml:id="a">'}),
        "EDX201",
        "MessageHeader",
    ),
    "id where none belongs": (document(replace={"<edXML:From>": '<edXML:From Id="a">'}), "EDX201", "From"),
    "the same id twice": (document(ids=True, replace={'Id="body"': 'Id="header"'}), "EDX201", "edXMLBody"),
    "nil": (
        document(replace={"<edXML:DocumentId>": f'<edXML:DocumentId xmlns:xsi="{XSI}" xsi:nil="true">'}),
        "EDX201",
        "DocumentId",
    ),
    "foreign content in a legacy signature": (
        document(signature=f"<Signature>{SIGNATURE}</Signature>"),
        "EDX305",
        "Signature/Signature",
    ),
    "doubled signature": (document(signature=SIGNATURE * 2), "EDX304", "Signature[2]"),
    "signature in the message header": (
        document(replace={"<edXML:Subject>": SIGNATURE + "<edXML:Subject>"}),
        "EDX305",
        "MessageHeader/Signature",
    ),
    "signature under the root": (
        document(replace={"<AttachmentEncoded>": SIGNATURE + "<AttachmentEncoded>"}),
        "EDX305",
        "/edXML/Signature",
    ),
    "object in the signature": (
        document(signature=SIGNATURE.replace("</KeyInfo>", "</KeyInfo><Object/>")),
        "EDX312",
        "Signature/Object",
    ),
    "two SignedInfo": (document(signature=SIGNATURE.replace(SIGNED_INFO, SIGNED_INFO * 2)), "EDX312", "SignedInfo[2]"),
    "two values": (
        document(signature=SIGNATURE.replace("<SignatureValue>", "<SignatureValue>A</SignatureValue><SignatureValue>")),
        "EDX312",
        "SignatureValue[2]",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_the_rest_is_refused_with_its_place(name: str) -> None:
    data, code, where = REFUSED[name]
    refused = refusal(data)
    assert refused.code == code
    assert where in refused.finding.where
    assert ", line " in refused.finding.where
    assert explain(data), "xmlschema must agree"


def test_a_refusal_names_what_was_expected_and_quotes_nothing() -> None:
    refused = refusal(document(signature=f'<Signature xmlns="{DSIG}"><SignatureValue/></Signature>'))
    assert refused.finding.detail == "not expected here; expected SignedInfo"
    refused = refusal(document(ids=True, replace={'Id="header"': 'Id="Nguyễn Văn Mật"'}))
    assert refused.finding.detail == "attribute Id does not belong here"
    assert "Mật" not in str(refused)


def test_an_explanation_tells_path_line_expected_and_found_but_no_value() -> None:
    (reason,) = explain(document(files=(), signature=f'<Signature xmlns="{DSIG}"><KeyInfo>Mật</KeyInfo></Signature>'))
    assert reason.path == "/edXML/edXMLEnvelope/edXMLHeader/Signature/KeyInfo"
    assert (reason.line, reason.expected, reason.found) == (3, "SignedInfo", "KeyInfo")
    (reason,) = explain(document(business="Mật danh"), Profile.EMIT)
    assert reason.path.endswith("/Bussiness/BussinessDocType")
    assert reason.found == "a text of 8 characters"


def test_explanations_are_bounded() -> None:
    assert len(explain(document(to=[None] * 50))) == 20


def test_what_emit_accepts_receive_accepts() -> None:
    for data in (document(), recall(), document(files=()), document(ids=True, signature=SIGNATURE)):
        validate(parse(data), Profile.EMIT)
        validate(parse(data), Profile.RECEIVE)


@pytest.mark.parametrize(
    "data",
    [
        document(traces=bussiness() + trace(), business=None),
        document(signature=LEGACY),
        document(signature="<edXML:DigitalSignature/>"),
        document(business="4"),
        document(date=None),
        document(subject=None),
    ],
)
def test_emit_is_strict(data: bytes) -> None:
    validate(parse(data))
    assert refusal(data, Profile.EMIT).code == "EDX201"


def test_a_tree_can_be_validated_again() -> None:
    root = parse(document(ids=True))
    for _ in range(3):
        validate(root)
        validate(root, Profile.EMIT)


def test_threads_get_their_own_verdicts() -> None:
    """lxml keeps the errors of a validation in the schema object; shared, one thread would see another's."""
    many = [f"H41.{number}" for number in range(1000)]
    roots = [
        parse(document(to=many[:-number], replace={"<edXML:Subject>": f"<edXML:X{number}/><edXML:Subject>"}))
        for number in range(1, 9)
    ]

    def where(root: etree._Element) -> str:
        with pytest.raises(Refusal) as refused:
            validate(root)
        return refused.value.finding.where

    with ThreadPoolExecutor(8) as pool:
        for _ in range(10):
            found = [place.rpartition("/")[2].partition(",")[0] for place in pool.map(where, roots)]
            assert found == [f"X{number}" for number in range(1, 9)]


XSI = 'xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"'


@pytest.mark.parametrize(
    ("written", "said"),
    [
        (
            f'<edXML:Fax {XSI} xsi:nil="true">',
            "xsi:nil is not allowed; leave the element empty, or out where it is optional",
        ),
        (f'<edXML:Fax {XSI} xsi:type="x">', "xsi:type is not allowed"),
        ('<edXML:Fax xml:lang="vi">', "attribute xml:lang does not belong here"),
        ('<edXML:Fax x="y">', "attribute x does not belong here"),
        ("<edXML:Fax><x/>", "elements inside a plain value"),
    ],
)  # fmt: skip
def test_the_reason_is_said_in_words_that_help(written: str, said: str) -> None:
    data = document().replace(b"<edXML:Fax>", written.encode(), 1)
    with pytest.raises(Refusal) as refused:
        validate(parse(data))
    assert (refused.value.code, refused.value.finding.detail) == ("EDX201", said)
    assert refused.value.finding.where.startswith("/edXML/edXMLEnvelope/edXMLHeader/MessageHeader/From/Fax, line ")


def test_an_explanation_names_xsi_nil() -> None:
    data = document().replace(b"<edXML:Fax>", f'<edXML:Fax {XSI} xsi:nil="true">'.encode(), 1)
    assert [(one.expected, one.found) for one in explain(data)] == [("no xsi:nil", "xsi:nil")]
