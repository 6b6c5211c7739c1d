"""Families of spellings on which engines once did not agree: lists of prefixes, what stands around a signed part, and
the contents of attachments in CDATA at every size. All are honest, and pass everywhere.
"""

from __future__ import annotations

import base64
from pathlib import Path

import pytest

from edxml_router.core.body import MemoryBody
from edxml_router.core.signature.verdict import Engine
from edxml_router.core.xml.safe_xml import Limits
from edxml_router.core.xml.skeleton import LARGE_BYTES, LEAST_RUN_BYTES
from edxml_router.stages.acceptance.examination import MOST_BYTES, examine
from tests import certificates
from tests.attacks.signature import craft
from tests.attacks.signature.craft import PARTS, WHOLE
from tests.certificates import NOW
from tests.differential import letters
from tests.differential.letters import Signing
from tests.differential.test_engines import agreed
from tests.differential.verifiers import by_jdk, by_python_xmlsec
from tests.fixtures import File, document

FORMS = pytest.mark.parametrize("uris", [WHOLE, PARTS], ids=["whole", "parts"])
LISTS = ["edXML", "edXML ds", "unused edXML", "", "none edXML"]
PLACES_OF_LISTS = pytest.mark.parametrize("place", ["info", "content", "both"])


def listed_at(place: str, listed: str, uris: tuple[str, ...]) -> bytes:
    lists = {"info_list": listed if place != "content" else None, "content_list": listed if place != "info" else None}
    plain = letters.spell(document(ids=True), {"an unused namespace on top", "an unused namespace inside"})
    return letters.signed(plain, Signing(uris=uris, **lists))


@FORMS
@PLACES_OF_LISTS
@pytest.mark.parametrize("listed", LISTS)
def test_lists_of_prefixes(uris: tuple[str, ...], listed: str, place: str) -> None:
    data = listed_at(place, listed, uris)
    assert agreed(data).said == "passed"
    assert by_python_xmlsec(data)


@FORMS
@pytest.mark.parametrize("blank", ["  ", "&#9;", "&#10;", "&#13;"])
def test_lists_may_be_cut_by_any_white_space(uris: tuple[str, ...], blank: str, tmp_path: Path) -> None:
    """The content's list stands in SignedInfo, so it is signed by a tool that writes what it is told. xmlsec takes a
    list apart at blanks only, and is not asked; the JDK is."""
    plain = document(ids=True)
    lists = [f"{blank}edXML{blank}none{blank}", "edXML none"]
    inside = [f'<ec:InclusiveNamespaces xmlns:ec="{craft.EXCLUSIVE}" PrefixList="{listed}"/>' for listed in lists]
    answers = []
    for each in inside:
        method = craft.transform(craft.EXCLUSIVE, each)
        transforms = [method] if uris == PARTS else [craft.transform(craft.ENVELOPED), method]
        answers.append(craft.signed(plain, craft.Recipe(uris=uris, transforms=transforms)))
    assert [agreed(data).said for data in answers] == ["passed", "passed"]
    assert by_jdk(tmp_path, [("p-256", data) for data in answers]) == [True, True]


@FORMS
@PLACES_OF_LISTS
@pytest.mark.parametrize("listed", ["#default", "#default edXML"])
def test_a_listed_default_namespace_accuses_nobody(uris: tuple[str, ...], listed: str, place: str) -> None:
    """lxml cannot hand it on. Where it makes a difference, that is said, and by both engines."""
    data = listed_at(place, listed, uris)
    assert by_python_xmlsec(data)
    assert agreed(data).said in ("passed", "EDX320")


@FORMS
@pytest.mark.parametrize("place", ["info", "content"])
@pytest.mark.parametrize("listed", ["c\u00e9", "a:b", "1", "edXML\u00a0ds", "##default"])
def test_what_is_no_prefix_is_refused_as_such(uris: tuple[str, ...], place: str, listed: str) -> None:
    how = Signing(uris=uris, **{f"{place}_list": listed})
    assert agreed(letters.signed(document(ids=True), how)).said == "EDX320"


PLACES = [
    "</edXML:MessageHeader>",
    "</edXML:edXMLBody>",
    "</AttachmentEncoded>",
    "</edXML:TraceHeaderList>",
    "</edXML:edXMLEnvelope>",
    "<edXML:MessageHeader",
    "<edXML:edXMLBody",
    "<AttachmentEncoded",
    "<edXML:edXMLHeader",
    "<edXML:From",
    "</edXML:From>",
]


@FORMS
@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("text", ["&#13;", "&#xD;\n", "&#9;", "\r\n  ", "<![CDATA[ \n]]>"])
def test_texts_around_the_parts(uris: tuple[str, ...], place: str, text: str) -> None:
    """Java writes ``&#13;`` where a document was put together with line ends of DOS."""
    where = f"{place}{text}" if place.startswith("</") else f"{text}{place}"
    plain = document(ids=True, replace={place: where})
    data = letters.signed(plain, Signing(uris=uris))
    assert agreed(data).said == "passed"
    assert by_python_xmlsec(data)


@FORMS
def test_line_ends_by_reference_inside_the_signature(uris: tuple[str, ...]) -> None:
    data = letters.signed(document(ids=True), Signing(uris=uris))
    begin, value, end = _between(data, b"<SignatureValue>", b"</SignatureValue>")
    data = begin + value[:30] + b"&#13;\n" + value[30:] + b"&#13;" + end
    assert agreed(data).said == "passed"
    assert by_python_xmlsec(data)


def _between(data: bytes, first: bytes, last: bytes) -> tuple[bytes, bytes, bytes]:
    start = data.index(first) + len(first)
    stop = data.index(last, start)
    return data[:start], data[start:stop], data[stop:]


WRAPPED = ["<![CDATA[{}]]>", "\n<![CDATA[\n{}\n]]>\n", "<![CDATA[]]>{}<![CDATA[]]>", "<![CDATA[QUJD]]>{}"]
NEAR_A_RUN = [LEAST_RUN_BYTES + more for more in (-4, 0, 4)]


@pytest.mark.parametrize("wrapped", WRAPPED)
@pytest.mark.parametrize("size", [0, 4, 4000, *NEAR_A_RUN, 2 * LEAST_RUN_BYTES, MOST_BYTES, LARGE_BYTES])
def test_contents_in_cdata(wrapped: str, size: int) -> None:
    """The same answer and the same values at every size, with every engine; as without CDATA."""
    encoded = base64.b64encode(bytes(range(256)) * (size // 256 + 1)).decode()[:size]
    text = wrapped.format(encoded)
    data = letters.signed(document(ids=True, files=[File(encoded=text)]), Signing())
    plain = letters.signed(document(ids=True, files=[File(encoded=_plain(text))]), Signing())
    found = examine(MemoryBody(data), Limits(), certificates.store(), NOW, Engine.BOTH)
    assert found.verdict.reason == "ok"
    assert found.envelope == examine(MemoryBody(plain), Limits(), certificates.store(), NOW, Engine.BOTH).envelope


def _plain(text: str) -> str:
    return text.replace("<![CDATA[", "").replace("]]>", "")


@pytest.mark.parametrize("count", [2, 100])
@pytest.mark.parametrize("size", [4000, LEAST_RUN_BYTES + 1, LEAST_RUN_BYTES + 2])
def test_contents_cut_by_many_sections(size: int, count: int) -> None:
    encoded = base64.b64encode(bytes(range(256)) * (size * count // 256)).decode()
    cut = [encoded[at : at + size] for at in range(0, len(encoded), size)]
    text = "".join(f"<![CDATA[{each}]]>" for each in cut)
    for engine in Engine:
        found = examine(MemoryBody(document(files=[File(encoded=text)])), Limits(), certificates.store(), NOW, engine)
        again = examine(
            MemoryBody(document(files=[File(encoded=encoded)])), Limits(), certificates.store(), NOW, engine
        )
        assert found.envelope == again.envelope
