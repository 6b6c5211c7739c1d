"""What the parser accepts, and what it says about what it refuses (the attacks are in tests/attacks)."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
from lxml import etree

from edxml_router.core.problems import Refusal
from edxml_router.core.xml import safe_xml
from edxml_router.core.xml.safe_xml import NS, Limits, parse, place
from tests.fixtures import DSIG, File, document, status

EDXML = f"{{{NS}}}"


def refusal(data: bytes, limits: Limits | None = None) -> Refusal:
    with pytest.raises(Refusal) as refused:
        parse(data, limits or Limits())
    return refused.value


@pytest.mark.parametrize(
    "data",
    [
        document(),
        status(),
        b"\xef\xbb\xbf" + document(),
        document(replace={"UTF-8": "utf-8"}),
        document(replace={'<?xml version="1.0" encoding="UTF-8"?>\n': ""}),
        document(replace={'<?xml version="1.0" encoding="UTF-8"?>': "<?xml version='1.0' standalone='yes' ?>"}),
        document(replace={"V/v kết nối": "<![CDATA[V/v <kết> nối]]>"}),
        b"\xef\xbb\xbf" + document(replace={"\n": "\r\n"}),
    ],
)
def test_honest_forms_are_accepted(data: bytes) -> None:
    assert parse(data).tag == f"{EDXML}edXML"


def test_the_place_of_a_mistake_is_told() -> None:
    data = document(replace={"<edXML:Subject>": '<edXML:Subject xlink:href="">'})
    line = data[: data.index(b"<edXML:Subject")].count(b"\n") + 1
    assert refusal(data).finding.where.startswith(f"line {line}, column ")
    assert refusal(b"<edXML>\n<a></b>").finding.where == "line 2, column 8"
    assert refusal(b'\n<!DOCTYPE x>\n<edXML xmlns="u"/>').finding.where == "line 2, column 1"


def test_a_mistake_is_told_without_the_text_around_it() -> None:
    data = document(replace={"V/v kết nối": "<Nguyen Van Bi Mat> V/v"})
    found = refusal(data).finding
    assert found.code == "EDX101"
    assert "Nguyen" not in str(found)
    assert "Mat" not in str(found)


def test_comments_between_elements_are_dropped() -> None:
    data = document(
        replace={
            "<edXML:Subject>": "<!-- one --><edXML:Subject>",
            "<Attachment>": "<!-- two\n --> <Attachment>",
            "<edXML xmlns": "<!-- three --><edXML xmlns",
        }
    )
    root = parse(data + b"<!-- four -->")
    assert list(root.iter(etree.Comment)) == []
    assert [e.tag for e in root.iter()] == [e.tag for e in parse(document()).iter()]
    assert [e.text for e in root.iter("{*}Subject")] == [e.text for e in parse(document()).iter("{*}Subject")]


def test_no_value_is_cut_by_what_was_dropped() -> None:
    """The same message with and without comments gives the same values."""
    notes = {"<edXML:To>": "<!-- a --><edXML:To><!-- b -->", "</edXML:To>": "<!----></edXML:To>"}
    root = parse(document(replace=notes))
    plain = parse(document())
    assert [e.text for e in root.iter(f"{EDXML}OrganId")] == [e.text for e in plain.iter(f"{EDXML}OrganId")]


def test_a_comment_is_refused_only_where_it_matters() -> None:
    signature = f'<Signature xmlns="{DSIG}"><SignedInfo/></Signature>'
    commented = {"<edXML:Subject>": "<!-- x --><edXML:Subject>"}
    parse(document(replace=commented))
    parse(document(signature="<Signature><SignedInfo/></Signature>", replace=commented))
    assert refusal(document(signature=signature, replace=commented)).code == "EDX109"
    parse(document(signature=signature))


def test_attachments_beyond_the_parser_library_s_own_limit() -> None:
    """libxml2 refuses texts over 10,000,000 bytes unless told otherwise; ours is the cap on the message."""
    for size in (7_600_000, 20_000_000):
        root = parse(document(files=(File(content=bytes(size)),)))
        content = next(root.iter(f"{EDXML}ContentTransferEncoded"))
        assert len(content.text) == (size + 2) // 3 * 4


def test_line_breaks_in_base64_do_not_count_as_text() -> None:
    wrapped = "\n".join(["A" * 76] * 2000)
    parse(document(files=(File(encoded=wrapped),)), Limits(max_text=5000))


def test_a_circular_to_ten_thousand_passes() -> None:
    data = document(to=[f"H41.{number}" for number in range(10_000)])
    assert len(parse(data).findall(f".//{EDXML}To")) == 10_000


@pytest.mark.parametrize(
    ("limits", "code"),
    [
        (Limits(max_bytes=100), "EDX102"),
        (Limits(max_depth=5), "EDX106"),
        (Limits(max_elements=20), "EDX107"),
        (Limits(max_attributes=3), "EDX107"),
        (Limits(max_attributes_per_element=0), "EDX107"),
        (Limits(max_text=50), "EDX108"),
    ],
)
def test_each_limit_holds(limits: Limits, code: str) -> None:
    assert refusal(document(), limits).code == code


def test_limits_at_the_edge() -> None:
    data = document(files=())
    elements = sum(1 for _ in parse(data).iter())
    parse(data, Limits(max_bytes=len(data), max_elements=elements, max_depth=7))
    assert refusal(data, Limits(max_bytes=len(data) - 1)).code == "EDX102"
    assert refusal(data, Limits(max_elements=elements - 1)).code == "EDX107"
    assert refusal(data, Limits(max_depth=6)).code == "EDX106"


def test_place_names_the_element_as_a_person_would() -> None:
    root = parse(document(to=["H41.03", "H26"]))
    second = root.findall(f".//{EDXML}To")[1].find(f"{EDXML}OrganId")
    assert place(second) == "/edXML/edXMLEnvelope/edXMLHeader/MessageHeader/To[2]/OrganId"
    assert place(root) == "/edXML"


def test_a_parser_remembers_nothing_of_what_it_refused() -> None:
    """lxml's parsers keep every error they ever met: in a worker that runs for months, a leak."""
    for _ in range(50):
        assert refusal(b"<a").code == "EDX101"
    assert len(safe_xml._tools.parser.error_log) == 0
    assert refusal(b"<edXML>\n\n<a></b>").finding.where == "line 3, column 8"
    parse(document())


def test_threads_parse_side_by_side() -> None:
    inputs = [document(), b"<a", status(), document(replace={"<edXML:Subject>": "<!DOCTYPE x>"})] * 25

    def verdict(data: bytes) -> str:
        try:
            return str(parse(data).tag)
        except Refusal as refused:
            return refused.code

    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(verdict, inputs))
    assert found == [f"{EDXML}edXML", "EDX101", f"{EDXML}edXML", "EDX101"] * 25
