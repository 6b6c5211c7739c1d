"""Hostile bytes meet their problem in the parser: the files of parse/, and what would be too big to keep.

A file ``NN-name.EDXnnn.xml`` must be refused with that code. What the refusals cost is asked in ``test_cost``.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from edxml_router.core.problems import Refusal
from edxml_router.core.xml.safe_xml import DSIG, NS, Limits, parse
from tests.attacks.oversize import OVERSIZE
from tests.fixtures import document

FILES = sorted(Path(__file__).parent.joinpath("parse").glob("*.xml"))


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_file_is_refused(file: Path) -> None:
    expected = file.stem.rpartition(".")[2]
    with pytest.raises(Refusal) as refused:
        parse(file.read_bytes())
    assert refused.value.code == expected


@pytest.mark.parametrize("name", OVERSIZE)
def test_oversize_is_refused(name: str) -> None:
    expected, build = OVERSIZE[name]
    with pytest.raises(Refusal) as refused:
        parse(build())
    assert refused.value.code == expected
    if name.startswith("CDATA"):
        assert refused.value.finding.detail.endswith("bytes"), "seen in the bytes, before a tree of them is built"


def test_every_family_of_attack_is_here() -> None:
    codes = {file.stem.rpartition(".")[2] for file in FILES} | {code for code, _ in OVERSIZE.values()}
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
