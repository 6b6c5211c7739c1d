"""``export``: the package that an archive gets, held against the schemas of METS and the requirements of E-ARK."""

from __future__ import annotations

import hashlib
import io
import json
import sqlite3
import tarfile
import tracemalloc
import zipfile
from pathlib import Path

import pytest
from lxml import etree

from edxml_router.core.archives.files import PackedFile
from edxml_router.core.problems import Refusal
from edxml_router.services.archives.packing import PackageForm, pack
from tests.certificates import NOW
from tests.cli.conftest import OneNode

SCHEMAS = Path(__file__).parent / "archives"
WORDS = "sai người: bà Phạm Thị Ví Dụ"
NAMES = {
    "m": "http://www.loc.gov/METS/",
    "csip": "https://DILCIS.eu/XML/METS/CSIPExtensionMETS",
    "xlink": "http://www.w3.org/1999/xlink",
    "p": "http://www.loc.gov/premis/v3",
    "dc": "http://purl.org/dc/elements/1.1/",
}
# Each is one requirement of E-ARK CSIP 2.1 or SIP 2.1 (the numbers in `core.archives.mets`), as an XPath that holds.
REQUIRED = [
    "@OBJID != '' and @TYPE = 'Mixed'",
    "@csip:CONTENTINFORMATIONTYPE = 'OTHER' and @csip:OTHERCONTENTINFORMATIONTYPE != ''",
    "@PROFILE = 'https://earksip.dilcis.eu/profile/E-ARK-SIP.xml'",
    "count(m:metsHdr[@CREATEDATE and @LASTMODDATE and @csip:OAISPACKAGETYPE = 'SIP']) = 1",
    "count(m:metsHdr/m:agent[@ROLE = 'CREATOR' and @TYPE = 'OTHER' and @OTHERTYPE = 'SOFTWARE']) = 1",
    "m:metsHdr/m:agent[@ROLE = 'CREATOR'][m:name != '']/m:note[@csip:NOTETYPE = 'SOFTWARE VERSION'] != ''",
    "m:metsHdr/m:agent[@ROLE = 'ARCHIVIST' and @TYPE = 'ORGANIZATION']/m:note[@csip:NOTETYPE = 'IDENTIFICATIONCODE']",
    "count(m:dmdSec[@ID and @CREATED and @STATUS = 'CURRENT']/m:mdRef[@MDTYPE = 'DC']) = 1",
    "count(m:amdSec) = 1 and count(m:amdSec/m:digiprovMD[@ID and @STATUS]/m:mdRef[@MDTYPE = 'PREMIS']) = 1",
    "not(//m:mdRef[not(@LOCTYPE = 'URL' and @xlink:type = 'simple' and @xlink:href)])",
    "not((//m:mdRef | //m:file)[not(@MIMETYPE and @SIZE and @CREATED and @CHECKSUM and @CHECKSUMTYPE = 'SHA-256')])",
    "count(m:fileSec[@ID]) = 1 and not(//m:fileGrp[not(@ID and @USE and m:file)])",
    "m:fileSec/m:fileGrp[@USE = 'Documentation'] and m:fileSec/m:fileGrp[@USE = 'Schemas']",
    "not(//m:fileGrp[starts-with(@USE, 'Representations') and not(@csip:CONTENTINFORMATIONTYPE)])",
    "not(//m:file[not(@ID and m:FLocat[@LOCTYPE = 'URL' and @xlink:type = 'simple' and @xlink:href])])",
    "count(m:structMap[@ID and @TYPE = 'PHYSICAL' and @LABEL = 'CSIP']/m:div[@ID and @LABEL]) = 1",
    "m:structMap/m:div/@LABEL = @OBJID",
    "m:structMap/m:div/m:div[@ID and @LABEL = 'Metadata' and @DMDID and @ADMID]",
    "m:structMap/m:div/m:div[@ID and @LABEL = 'Documentation']/m:fptr/@FILEID = //m:fileGrp/@ID",
    "m:structMap/m:div/m:div[@ID and @LABEL = 'Schemas']/m:fptr/@FILEID = //m:fileGrp/@ID",
]
OF_A_LETTER = [
    "m:fileSec/m:fileGrp[@USE = 'Representations/rep1']/m:file",
    "m:structMap/m:div/m:div[@ID and @LABEL = 'Representations']/m:fptr/@FILEID = //m:fileGrp/@ID",
]


def holds(root: etree._Element, requirement: str) -> bool:
    return bool(root.xpath(f"boolean({requirement})", namespaces=NAMES))


def unpacked(file: Path) -> tuple[str, dict[str, bytes]]:
    """The root folder, and the files below it; each is named once, and nothing leads out of it."""
    if file.suffix == ".tar":
        with tarfile.open(file) as archive:
            found = [(one.name, archive.extractfile(one).read()) for one in archive]  # type: ignore[union-attr]
    else:
        with zipfile.ZipFile(file) as packed:
            assert packed.testzip() is None
            found = [(one.filename, packed.read(one)) for one in packed.infolist()]
    [root] = {name.partition("/")[0] for name, _ in found}
    files = {name.partition("/")[2]: data for name, data in found}
    assert len(files) == len(found)
    return root, files


def listed(root: etree._Element) -> dict[str, tuple[int, str]]:
    places = root.xpath("//m:mdRef | //m:file", namespaces=NAMES)
    href = f"{{{NAMES['xlink']}}}href"
    return {one.get(href) or one[0].get(href): (int(one.get("SIZE")), one.get("CHECKSUM")) for one in places}


@pytest.fixture
def returned(node: OneNode) -> str:
    digest = node.send("1-VP", ["000.00.00.G22"])
    node.work()
    assert node.call("confirm", f"{digest}.G22", "--refuse", "--reason", WORDS).exit_code == 0
    node.work()
    return digest


@pytest.mark.parametrize("form", ["zip", "tar"])
def test_a_package_is_whole_and_as_the_specification_says(node: OneNode, returned: str, form: str) -> None:
    out = node.folder / f"goi.{form}"
    [done] = node.rows("export", "1-VP", "-o", out, "--form", form)
    name, files = unpacked(out)
    assert (done["package"], done["size"], done["letter"]) == (name, out.stat().st_size, True)
    root = etree.fromstring(files.pop("METS.xml"))
    assert [one for one in (*REQUIRED, *OF_A_LETTER) if not holds(root, one)] == []
    etree.XMLSchema(etree.parse(SCHEMAS / "package.xsd")).assertValid(root)
    assert root.get("OBJID") == name
    assert listed(root) == {path: (len(data), hashlib.sha256(data).hexdigest()) for path, data in files.items()}
    assert hashlib.sha256(files["representations/rep1/data/letter.edxml"]).hexdigest() == returned
    assert "schemas/edxml.receive.xsd" in files
    assert ("documentation/certificate.asice" in files) is done["certificate"] is False  # the node has no key yet
    assert not any(WORDS.encode() in data for data in files.values())  # an archive could not erase them again


def test_what_the_node_proves_is_enclosed(node: OneNode, returned: str) -> None:
    text = node.config.read_text("utf-8")
    for name, file in (("key", "H53.key.pem"), ("certificate", "H53.cert.pem")):
        text = text.replace(f'#{name} = "node.{file[4:]}"', f'{name} = "{node.pki / file}"', 1)
    node.config.write_text(text, "utf-8")
    out = node.folder / "goi.zip"
    [done] = node.rows("export", returned, "-o", out)
    assert done["certificate"]
    _, files = unpacked(out)
    certificate = node.folder / "c.asice"
    certificate.write_bytes(files["documentation/certificate.asice"])
    assert node.call("certificate", "verify", certificate, "--anchors", node.pki / "anchors.pem").exit_code == 0


def test_its_history_is_that_of_the_journal(node: OneNode, returned: str) -> None:
    out = node.folder / "goi.zip"
    [done] = node.rows("export", returned, "-o", out)
    _, files = unpacked(out)
    told = etree.fromstring(files["metadata/preservation/premis.xml"])
    find = told.xpath
    asked = node.rows("journal", "query", "--document", "1-VP")
    entries = [one for one in asked if one["event"] != "document.exported"]
    events = [one.text for one in find("//p:eventType", namespaces=NAMES)]
    assert (events, len(events)) == ([one["event"] for one in entries], done["entry_count"])
    positions = [int(one.text) for one in find("//p:eventIdentifierValue", namespaces=NAMES)]
    assert positions == [one["position"] for one in entries]
    leaves = [json.loads(one.text) for one in find("//p:eventDetail", namespaces=NAMES)]
    assert [(one["event"], one["envelope"]) for one in leaves] == [(each, returned) for each in events]
    assert find("string(//p:messageDigest)", namespaces=NAMES) == returned
    agents = {one.text for one in find("//p:agentIdentifierValue", namespaces=NAMES)}
    assert {one.text for one in find("//p:linkingAgentIdentifierValue", namespaces=NAMES)} <= agents
    described = etree.fromstring(files["metadata/descriptive/dc.xml"])
    assert described.xpath("//dc:identifier/text()", namespaces=NAMES) == ["1-VP", f"urn:sha256:{returned}"]
    assert "H53" in described.xpath("string(//dc:creator)", namespaces=NAMES)
    [noted] = node.rows("journal", "query", "--event", "document.exported")
    assert noted["digest"] == returned
    assert noted["actor"].startswith("operator:")


def test_a_letter_that_is_gone_is_left_out_only_when_that_is_said(node: OneNode, returned: str) -> None:
    out = node.folder / "goi.zip"
    assert node.call("inbox", "--notices", "--clear").exit_code == 0
    assert node.call("redact", "1-VP", "--letter", "--ground", "91/2025/QH15", "--yes").exit_code == 0
    node.work()
    refused = node.call("export", "1-VP", "-o", out)
    assert ("EDX670" in refused.output, out.exists()) == (True, False)
    [done] = node.rows("export", "1-VP", "-o", out, "--without-letter")
    assert done["letter"] is False
    _, files = unpacked(out)
    root = etree.fromstring(files["METS.xml"])
    assert [one for one in REQUIRED if not holds(root, one)] == []
    assert not any(name.startswith("representations") for name in files)
    again = node.call("export", "1-VP", "-o", out, "--without-letter")
    assert "EDX908" in again.output  # nothing is written over
    assert "EDX606" in node.call("export", "9-VP", "-o", node.folder / "x.zip").output


@pytest.mark.parametrize("form", list(PackageForm))
def test_a_large_letter_is_never_in_memory(form: PackageForm, tmp_path: Path) -> None:
    piece, count = bytes(1 << 20), 48
    digest = hashlib.sha256(piece * count).hexdigest()
    letter = PackedFile("letter", "a/b", "application/xml", count << 20, digest)
    with (tmp_path / "out").open("wb") as out:
        tracemalloc.start()
        try:
            pack(out, form, "root", [letter], (piece for _ in range(count)), NOW)
            assert tracemalloc.get_traced_memory()[1] < 4 << 20
        finally:
            tracemalloc.stop()


@pytest.mark.parametrize("form", list(PackageForm))
def test_another_letter_is_not_handed_on(form: PackageForm) -> None:
    data = b"van ban" * 100
    letter = PackedFile("letter", "a/b", "application/xml", len(data), hashlib.sha256(data).hexdigest())
    pack(io.BytesIO(), form, "root", [letter], iter([data[:300], data[300:]]), NOW)
    with pytest.raises(Refusal, match="EDX603"):
        pack(io.BytesIO(), form, "root", [letter], iter([data[:300], data[300:-1] + b"x"]), NOW)


def test_a_package_of_which_no_entry_can_tell_is_not_left_behind(node: OneNode, returned: str) -> None:
    """Who reads what is written down, or nobody reads it."""
    with sqlite3.connect(node.folder / "data" / "journal.db") as database:
        told = "NEW.event = 'document.exported' BEGIN SELECT RAISE(ABORT, 'no'); END"
        database.execute(f"CREATE TRIGGER refused BEFORE INSERT ON journal WHEN {told}")
    database.close()
    done = node.call("export", returned, "-o", node.folder / "goi.zip")
    assert done.exit_code != 0
    assert not (node.folder / "goi.zip").exists()
