"""Writing: strict form, same bytes every time, and back again without a loss."""

from __future__ import annotations

import hashlib
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edxml_router.core.message.attachments import attachment_content
from edxml_router.core.message.envelope import (
    Attachment,
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
from edxml_router.core.message.reader import read
from edxml_router.core.message.writer import write
from edxml_router.core.problems import Refusal
from edxml_router.core.xml.safe_xml import parse
from edxml_router.core.xml.schema import Profile, validate
from tests.fixtures import NS, File, document, recall, status

# All characters of XML 1.0, Vietnamese ones often; white space and markup characters too.
CHARACTERS = st.one_of(
    st.sampled_from("Đắk Nông, Ủy ban nhân dân xã Ễ <>&\"']]>\t\n\r"),
    st.characters(min_codepoint=0x20, exclude_categories=["Cs"], exclude_characters="\ufffe\uffff"),
)
TEXT = st.text(CHARACTERS, max_size=12)
MAYBE = st.none() | TEXT
CODE = st.from_regex(r"[A-Z]\d{2}(\.\d{2,3}){0,3}", fullmatch=True)
ID = st.text(st.characters(categories=["L", "Nd"], include_characters="/,-. "), min_size=1, max_size=30).map(
    lambda text: text.strip(" ") or "x"
)
MAYBE_ID = st.none() | st.just("") | ID
TEXTS = st.lists(TEXT, max_size=3).map(tuple)


def parties(code: st.SearchStrategy[str] = CODE) -> st.SearchStrategy[Party]:
    return st.builds(Party, code, MAYBE, MAYBE, MAYBE, MAYBE, MAYBE, MAYBE, MAYBE)


STAFF = st.builds(Staff, MAYBE, MAYBE, MAYBE, MAYBE, MAYBE, MAYBE)
ANSWER = st.builds(ResponseFor, st.none() | CODE, MAYBE, MAYBE, MAYBE_ID)
OTHER = st.builds(
    OtherInfo, MAYBE, MAYBE, MAYBE, MAYBE, MAYBE, MAYBE, st.none() | TEXTS, st.none() | TEXTS, st.none() | TEXTS
)
BUSINESS = st.builds(
    BusinessInfo,
    st.sampled_from(Business),
    MAYBE,
    MAYBE_ID,
    MAYBE,
    MAYBE,
    MAYBE,
    st.none() | st.lists(st.builds(Receiver, CODE, MAYBE), max_size=2).map(tuple),
    st.none() | st.lists(st.builds(Replacement, ID, st.lists(CODE, max_size=2).map(tuple)), max_size=2).map(tuple),
    st.none() | STAFF,
)
DOCUMENT = st.builds(
    Document,
    document_id=ID,
    code_number=TEXT,
    code_notation=TEXT,
    place=MAYBE,
    promulgation_date=TEXT,
    type=TEXT,
    type_detail=MAYBE,
    type_name=TEXT,
    subject=TEXT,
    content=MAYBE,
    competence=MAYBE,
    position=MAYBE,
    full_name=TEXT,
    due_date=MAYBE,
    other=st.none() | OTHER,
    response_for=st.lists(ANSWER, max_size=2).map(tuple),
    steering_type=MAYBE,
    task_codes=st.none() | TEXTS,
    application_type=MAYBE,
    to_places=st.none() | TEXTS,
    business=st.none() | BUSINESS,
)
STATUS = st.builds(
    Status,
    st.builds(ResponseFor, CODE, MAYBE, MAYBE, ID),
    st.sampled_from(["01", "3", "16", "xong"]),
    MAYBE,
    MAYBE,
    st.none() | STAFF,
)
TRACES = st.lists(st.builds(Trace, st.none() | CODE, MAYBE), min_size=1, max_size=3).map(tuple)
ERRORS = st.lists(st.builds(ReportedError, MAYBE, MAYBE), max_size=2).map(tuple)


@st.composite
def messages(draw: st.DrawFn) -> tuple[Envelope, dict[str, bytes]]:
    contents = draw(st.dictionaries(st.integers(0, 99).map(lambda n: f"cid:{n}"), st.binary(max_size=50), max_size=3))
    attachments = tuple(
        Attachment(
            content_id,
            draw(st.sampled_from(["Tờ trình.pdf", "a & b <1>.zip", "bản đồ]]>.png"])),
            draw(st.sampled_from(["application/pdf", "application/zip", "x/y"])),
            draw(MAYBE),
            len(content),
            hashlib.sha256(content).hexdigest(),
        )
        for content_id, content in contents.items()
    )
    envelope = Envelope(
        sender=draw(parties()),
        traces=draw(TRACES),
        attachments=attachments,
        errors=draw(ERRORS),
    )
    if draw(st.booleans()):
        return replace(envelope, status=draw(STATUS)), contents
    codes = draw(st.lists(CODE, min_size=1, max_size=3, unique=True))
    to = tuple(draw(parties(st.just(code))) for code in codes)
    return replace(envelope, to=to, document=draw(DOCUMENT)), contents


@given(messages())
def test_what_is_written_is_read_again(message: tuple[Envelope, dict[str, bytes]]) -> None:
    envelope, contents = message
    data = write(envelope, contents)
    root = parse(data)
    validate(root, Profile.EMIT)
    validate(root, Profile.RECEIVE)
    assert read(root).envelope == envelope
    assert {key: attachment_content(root, key) for key in contents} == contents
    assert write(envelope, dict(reversed(contents.items()))) == data


@pytest.mark.parametrize("data", [document(), document(files=[File(), File("cid:b", "b.pdf")]), recall(), status()])
def test_what_was_read_is_written_in_the_strict_form(data: bytes) -> None:
    root = parse(data)
    envelope = read(root).envelope
    contents = {a.content_id: attachment_content(root, a.content_id) for a in envelope.attachments}
    assert read(parse(write(envelope, contents))).envelope == envelope


def test_the_prefixes_are_those_of_the_sdk() -> None:
    """Some receivers look at prefixes, not at namespaces."""
    root = parse(document())
    text = write(read(root).envelope, {"209": attachment_content(root, "209")}).decode()
    assert text.startswith(f'<?xml version="1.0" encoding="UTF-8"?>\n<edXML xmlns="{NS}">\n  <edXML:edXMLEnvelope ')
    assert f'<edXML:edXMLEnvelope xmlns:edXML="{NS}">' in text
    assert '<edXML:edXMLManifest version="1.0">' in text
    assert "\n  <AttachmentEncoded>\n    <Attachment>\n      <ContentId>cid:209</ContentId>\n" in text
    assert f'      <edXML:ContentTransferEncoded xmlns:edXML="{NS}">' in text
    inside = text[text.index("<edXML:edXMLEnvelope") : text.index("</edXML:edXMLEnvelope>")]
    assert inside.count("<") == inside.count("<edXML:") + inside.count("</edXML:")


PLAIN = read(parse(document(files=()))).envelope


def refused(envelope: Envelope) -> Refusal:
    with pytest.raises(Refusal) as caught:
        write(envelope)
    return caught.value


def test_what_the_strict_form_lacks_is_refused() -> None:
    assert PLAIN.document is not None
    for field in ("code_number", "promulgation_date", "type", "subject", "full_name"):
        assert refused(replace(PLAIN, document=replace(PLAIN.document, **{field: None}))).code == "EDX201"
    assert refused(replace(PLAIN, to=())).code == "EDX201"
    assert refused(replace(PLAIN, traces=())).code == "EDX201"


@pytest.mark.parametrize("character", ["\0", "\x08", "\x1f", "\ufffe", "\ud800"])
def test_characters_that_xml_cannot_carry_are_refused(character: str) -> None:
    assert PLAIN.document is not None
    problem = refused(replace(PLAIN, document=replace(PLAIN.document, subject=f"a{character}")))
    assert problem.code == "EDX201"


def test_an_attachment_without_its_content_is_refused() -> None:
    assert refused(replace(PLAIN, attachments=(Attachment("cid:1", "a.pdf", "application/pdf"),))).code == "EDX206"
