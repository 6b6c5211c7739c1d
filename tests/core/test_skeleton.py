"""What the scan of a large message takes out, and that it is taken out of attachments only."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edxml_router.core.body import PIECE_BYTES, MemoryBody
from edxml_router.core.problems import Refusal
from edxml_router.core.xml import safe_xml, skeleton
from edxml_router.core.xml.content import Content
from edxml_router.core.xml.safe_xml import Limits
from edxml_router.core.xml.skeleton import LEAST_RUN_BYTES, Skeleton, scan
from tests.fixtures import File, document

TOKEN = "0123456789abcdef" * 2
TIGHT = Limits(max_text=1)
LONG = base64.b64encode(bytes(60_000))


@dataclass(frozen=True)
class Cut:
    """A source that gives its bytes in pieces of this size."""

    data: bytes
    piece: int
    held = None

    @property
    def size(self) -> int:
        return len(self.data)

    def pieces(self, start: int = 0, stop: int | None = None) -> Iterator[bytes]:
        end = self.size if stop is None else stop
        for at in range(start, end, self.piece):
            yield self.data[at : min(at + self.piece, end)]


def put_back(found: Skeleton) -> bytes:
    text = found.text
    for run in found.runs:
        assert text.count(run.mark.encode()) == 1
        text = text.replace(run.mark.encode(), b"".join(found.source.pieces(run.start, run.stop)))
    return text


def code(data: bytes, limits: Limits | None = None) -> str:
    """What the whole way up to the tree says of a message: a code, or "" """
    limits = limits or Limits()
    try:
        found = scan(MemoryBody(data), limits, TOKEN)
        found.contents_in(safe_xml.parse(found.text, limits))
    except Refusal as refusal:
        return refusal.code
    return ""


PARTS = st.sampled_from(
    [b"<", b">", b"QUJD", b"QUJ", b"=", b"\n", b" ", b"&", b'"', b"\xc3\xa9", b"/", b"QUJDQUJDQUJD"]
)


@given(st.lists(PARTS, max_size=30).map(b"".join), st.integers(1, 40), st.integers(1, 16))
def test_runs_are_what_they_are_said_to_be(data: bytes, piece: int, least: int) -> None:
    found = scan(Cut(data, piece), TIGHT, TOKEN, least)
    expected = re.finditer(rb"(?<=>)[A-Za-z0-9+/= \t\r\n]{%d,}(?=<)" % least, data)
    assert [(run.start, run.stop) for run in found.runs] == [match.span() for match in expected]
    assert put_back(found) == data


@given(
    st.lists(PARTS | st.sampled_from([b"<![CDATA[", b"]]>", b"[", b"]"]), max_size=30).map(b"".join),
    st.integers(1, 40),
    st.integers(1, 16),
)
def test_runs_between_sections_are_plain_texts_too(data: bytes, piece: int, least: int) -> None:
    """Which of them are found hangs on where one looks; each is harmless to take out wherever it stands."""
    found = scan(Cut(data, piece), TIGHT, TOKEN, least)
    plain = re.compile(rb"(?<=[>\[])[A-Za-z0-9+/= \t\r\n]{%d,}(?=[<\]])" % least)
    for run in found.runs:
        match = plain.match(data, run.start)
        assert match is not None and match.end() == run.stop
    assert put_back(found) == data


@given(st.integers(1, 40), st.sampled_from([b"", b"\n", b"QUJD"]), st.sampled_from([b"", b" ", b"QUJD"]))
def test_the_text_of_a_section_is_a_run(piece: int, before: bytes, after: bytes) -> None:
    data = b"<a>" + before + b"<![CDATA[" + b"QUJD" * 10 + b"]]>" + after + b"</a>"
    [run] = scan(Cut(data, piece), TIGHT, TOKEN, 16).runs
    assert data[run.start : run.stop] == b"QUJD" * 10


def test_a_mebibyte_border_changes_nothing() -> None:
    for shift in range(-3, 4):
        data = b"<a>" + b"A" * (PIECE_BYTES - 7 + shift) + b"</a><b>" + LONG + b"</b>"
        assert [run.stop - run.start for run in scan(MemoryBody(data), Limits(), TOKEN).runs] == [
            PIECE_BYTES - 7 + shift,
            len(LONG),
        ]


@pytest.mark.parametrize(("length", "runs"), [(LEAST_RUN_BYTES - 4, 0), (LEAST_RUN_BYTES, 1), (LEAST_RUN_BYTES + 4, 1)])
def test_only_long_texts_are_taken_out(length: int, runs: int) -> None:
    data = document(files=[File(encoded="A" * length)])
    assert len(scan(MemoryBody(data), Limits(), TOKEN).runs) == runs
    assert code(data) == ""


def test_the_content_is_measured() -> None:
    content = bytes(range(256)) * 400
    data = document(files=[File(encoded=base64.encodebytes(content).decode())])
    [run] = scan(MemoryBody(data), Limits(), TOKEN).runs
    assert run.content == Content.of(content)
    [run] = scan(MemoryBody(document(files=[File(encoded="A" * 70_001)])), Limits(), TOKEN).runs
    assert run.content is None


def inside(text: bytes) -> bytes:
    """A message whose attachment has this for its content."""
    return document(files=[File(encoded="HERE")]).replace(b"HERE", text)


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (document(subject=LONG.decode()), "EDX108"),
        (document(replace={"<edXML:DueDate>": "<edXML:DueDate>" + LONG.decode()}), "EDX108"),
        (document(replace={"</edXML:From>": " " * 70_000 + "</edXML:From>"}), "EDX108"),
        (document(replace={"<edXML:From>": "<!-->" + LONG.decode() + "<--><edXML:From>"}), "EDX108"),
        (document(replace={"<edXML:From>": "<?x >" + LONG.decode() + "<?><edXML:From>"}), "EDX109"),
        (document(replace={"<edXML:From>": f"<edXML:From x='>{LONG.decode()}<'>"}), "EDX101"),
        (inside(b"<![CDATA[>" + LONG + b"<]]>"), ""),  # for the reader to refuse: no base64, but in its place
        (inside(b"QUJD>" + LONG), ""),
        (inside(LONG + b"<x/>" + LONG), "EDX108"),
        (inside(LONG + b"<![CDATA[]]>" + LONG), ""),
        (inside(b"<!---->" + LONG), "EDX109"),
        (inside(b"<![CDATA[]]>" + LONG), ""),  # the same text, and canonical form, as without
        (inside(LONG + b"&#10;"), ""),  # left as it is, and for the reader to decode
        (inside(b"<![CDATA[" + LONG + b"]]>"), ""),
        (inside(b"<![CDATA[" + LONG + b"]]>" + LONG + b"<![CDATA[QUJD]]>"), ""),
        (document(subject="HERE").replace(b"HERE", b"<![CDATA[" + LONG + b"]]>"), "EDX108"),
        (inside(LONG + b"\x0b"), "EDX101"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_run_that_is_no_attachment_is_refused(data: bytes, expected: str) -> None:
    assert code(data) == expected


def test_a_text_that_the_limits_allow_is_no_run() -> None:
    assert code(document(subject=LONG.decode()), Limits(max_text=200_000)) == ""


def test_sizes_are_refused() -> None:
    assert code(document(files=[File(encoded="A" * 90_000)]), Limits(max_bytes=90_000)) == "EDX102"
    plain = inside(b"&#65;" * (skeleton.TEXT_BYTES_MAX // 5))
    with pytest.raises(Refusal, match="EDX102"):
        scan(MemoryBody(plain), Limits(), TOKEN)


def test_a_guessed_token_does_not_help() -> None:
    """It cannot be guessed; were it known, a text of the message could pose as the mark of another."""
    mark = f"{TOKEN}00000000"
    data = document(subject=mark, files=[File(encoded=LONG.decode())])
    found = scan(MemoryBody(data), Limits(), TOKEN)
    with pytest.raises(Refusal, match="EDX108"):
        found.contents_in(safe_xml.parse(found.text))
