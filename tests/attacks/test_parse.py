"""Hostile bytes and the problem each must meet: files here, and a table of what would be too big to keep.

A file ``NN-name.EDXnnn.xml`` must be refused with that code by the parser.
"""

from __future__ import annotations

import resource
from collections.abc import Callable
from pathlib import Path

import pytest

from edxml_router.core.problems import Refusal
from edxml_router.core.safe_xml import DSIG, NS, Limits, parse
from tests.fixtures import File, document

FILES = sorted(Path(__file__).parent.joinpath("parse").glob("*.xml"))
ROOT = f'<edXML xmlns="{NS}">'.encode()
END = b"</edXML>"

BIG: dict[str, tuple[str, Callable[[], bytes]]] = {
    "million elements": ("EDX107", lambda: ROOT + b"<a/>" * 1_000_000 + END),
    "as many elements with closing tags": ("EDX107", lambda: ROOT + b"<a></a>" * 400_000 + END),
    "more elements than the limit, barely": ("EDX107", lambda: ROOT + b"<a/>" * 150_000 + END),
    "closing tags hidden in a comment": ("EDX107", lambda: ROOT + b"<!--" + b"</" * 300_000 + b"-->" + END),
    "200,000 attributes on one element": (
        "EDX107",
        lambda: b"<edXML " + b" ".join(b"a%d=''" % n for n in range(200_000)) + b"/>",
    ),
    "attributes over many elements": ("EDX107", lambda: ROOT + b"<a b='' c=''/>" * 30_000 + END),
    "65 attributes on one element": (
        "EDX107",
        lambda: ROOT + b"<a " + b" ".join(b"a%d=''" % n for n in range(65)) + b"/>" + END,
    ),
    "40,000 namespace declarations": (
        "EDX107",
        lambda: ROOT + b"".join(b"<a xmlns:p%d='u%d'/>" % (n, n) for n in range(40_001)) + END,
    ),
    "100,000 levels": ("EDX106", lambda: b"<a>" * 100_000 + b"</a>" * 100_000),
    "deep in a message that needs the parser for large texts": (
        "EDX106",
        lambda: document(files=(File(content=b"x" * 8_000_000),)).replace(
            b"<edXML:From>", b"<a>" * 60 + b"</a>" * 60 + b"<edXML:From>"
        ),
    ),
    "text of 60 MB": ("EDX108", lambda: ROOT + b"<Subject>" + b"a" * 60_000_000 + b"</Subject>" + END),
    "character references": ("EDX108", lambda: ROOT + b"<Subject>" + b"&#65;" * 2_000_000 + b"</Subject>" + END),
    "CDATA that looks like an attachment": (
        "EDX108",
        lambda: ROOT + b"<Subject><![CDATA[<ContentTransferEncoded>" + b"a" * 100_000 + b"]]></Subject>" + END,
    ),
    "text in many short CDATA sections": (
        "EDX108",
        lambda: ROOT + b"<Subject>" + (b"<![CDATA[" + b"a" * 5_000 + b"]]>") * 20 + b"</Subject>" + END,
    ),
    "white space before the root": ("EDX108", lambda: b" " * 100_000 + ROOT + END),
    "comments before the root": ("EDX109", lambda: b"<!---->" * 1_000_000 + ROOT + END),
    "comments in the root": ("EDX109", lambda: ROOT + b"<!---->" * 100_000 + END),
    "larger than the cap": ("EDX102", lambda: b" " * (64 * 1024 * 1024 + 1)),
}


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_file_is_refused(file: Path) -> None:
    expected = file.stem.rpartition(".")[2]
    with pytest.raises(Refusal) as refused:
        parse(file.read_bytes())
    assert refused.value.code == expected


@pytest.mark.parametrize("name", BIG)
def test_big_input_is_refused_cheaply(name: str) -> None:
    expected, build = BIG[name]
    data = build()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(Refusal) as refused:
        parse(data)
    if name.startswith("CDATA"):
        assert refused.value.finding.detail.endswith("bytes"), "seen in the bytes, before a tree of them is built"
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024
    assert refused.value.code == expected
    assert grown < 64 * 1024 * 1024


def test_every_family_of_attack_is_here() -> None:
    codes = {file.stem.rpartition(".")[2] for file in FILES} | {code for code, _ in BIG.values()}
    assert codes == {f"EDX{number}" for number in range(101, 111)}


def test_an_endless_text_is_refused_wherever_it_stands() -> None:
    limits = Limits(max_text=1000)
    for old in ("<edXML:Subject>", "<Attachment>", "<edXML:edXMLBody>"):
        data = document(replace={old: f"{old}{' ' * 1001}"})
        with pytest.raises(Refusal) as refused:
            parse(data, limits)
        assert refused.value.code == "EDX108"


def test_a_comment_that_names_the_signature_namespace_signs_nothing() -> None:
    data = document(replace={"<edXML:Subject>": f"<!-- {DSIG} --><edXML:Subject>"})
    assert parse(data).tag == f"{{{NS}}}edXML"
