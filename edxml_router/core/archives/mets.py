"""METS.xml of a submission: what is in the package, by kind, with sizes and SHA-256.

Source: E-ARK CSIP and E-ARK SIP, versions 2.1 and 2.2. The requirements kept, by their numbers: root CSIP1, 2, 4 to 6
and SIP2; header CSIP7 to 16, 117 and SIP4, with the archival creator; descriptive metadata CSIP17 to 30; preservation
metadata CSIP31 to 44; files CSIP58 to 60, 62 to 72, 76 to 79, 113 and 114; structure CSIP80 to 105, 116, 118 and 119.
There is no METS.xml of a representation, which is optional: one letter has one representation, and its file is listed
here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from edxml_router.core.archives.elements import Element
from edxml_router.core.archives.files import PackedFile
from edxml_router.core.link.manifest import instant

PROFILE: Final = "https://earksip.dilcis.eu/profile/E-ARK-SIP.xml"
CONTENT: Final = "edXML QCVN 102:2016"  # no type of the vocabulary is meant for it
_NAMESPACES: Final = {
    "xmlns": "http://www.loc.gov/METS/",
    "xmlns:csip": "https://DILCIS.eu/XML/METS/CSIPExtensionMETS",
    "xmlns:sip": "https://DILCIS.eu/XML/METS/SIPExtensionMETS",
    "xmlns:xlink": "http://www.w3.org/1999/xlink",
    "xmlns:xsi": "http://www.w3.org/2001/XMLSchema-instance",
    "xsi:schemaLocation": "http://www.loc.gov/METS/ http://www.loc.gov/standards/mets/mets.xsd"
    " https://DILCIS.eu/XML/METS/CSIPExtensionMETS https://earkcsip.dilcis.eu/schema/DILCISExtensionMETS.xsd"
    " https://DILCIS.eu/XML/METS/SIPExtensionMETS https://earksip.dilcis.eu/schema/DILCISExtensionSIPMETS.xsd",
}
_OTHER: Final = {"csip:CONTENTINFORMATIONTYPE": "OTHER", "csip:OTHERCONTENTINFORMATIONTYPE": CONTENT}


@dataclass(frozen=True, slots=True)
class PackageContents:
    """What is in a package. ``letter``: None where it is not here any more. ``creator``: name and code of the agency
    that made the document; ``software``: name and version of the program."""

    name: str
    label: str
    made_at: datetime
    creator: tuple[str, str]
    software: tuple[str, str]
    descriptive: PackedFile
    preservation: PackedFile
    documentation: Sequence[PackedFile]
    schemas: Sequence[PackedFile]
    letter: PackedFile | None


def mets(contents: PackageContents) -> bytes:
    """The METS.xml at the root of a package."""
    at = instant(contents.made_at)
    groups = [
        _group("Documentation", contents.documentation, at),
        _group("Schemas", contents.schemas, at),
        *([_group("Representations/rep1", [contents.letter], at)] if contents.letter else ()),
    ]
    root = {**_NAMESPACES, "OBJID": contents.name, "LABEL": contents.label, "TYPE": "Mixed", **_OTHER}
    return Element(
        "mets",
        {**root, "PROFILE": PROFILE},
        (
            _header(contents, at),
            _metadata("dmdSec", "descriptive", contents.descriptive, {"MDTYPE": "DC"}, at),
            Element(
                "amdSec",
                {"ID": "administrative"},
                (_metadata("digiprovMD", "provenance", contents.preservation, {"MDTYPE": "PREMIS"}, at),),
            ),
            Element("fileSec", {"ID": "files"}, groups),
            _structure(contents),
        ),
    ).write()


def _header(contents: PackageContents, at: str) -> Element:
    (program, version), (agency, code) = contents.software, contents.creator
    software = {"ROLE": "CREATOR", "TYPE": "OTHER", "OTHERTYPE": "SOFTWARE"}
    return Element(
        "metsHdr",
        {"CREATEDATE": at, "LASTMODDATE": at, "RECORDSTATUS": "NEW", "csip:OAISPACKAGETYPE": "SIP"},
        (
            Element(
                "agent",
                software,
                (
                    Element("name", text=program),
                    Element("note", {"csip:NOTETYPE": "SOFTWARE VERSION"}, text=version),
                ),
            ),
            Element(
                "agent",
                {"ROLE": "ARCHIVIST", "TYPE": "ORGANIZATION"},
                (Element("name", text=agency), Element("note", {"csip:NOTETYPE": "IDENTIFICATIONCODE"}, text=code)),
            ),
        ),
    )


def _metadata(section: str, name: str, file: PackedFile, kind: dict[str, str], at: str) -> Element:
    place = {"LOCTYPE": "URL", "xlink:type": "simple", "xlink:href": file.path}
    reference = Element("mdRef", {"ID": file.name, **place, **kind, **_listed(file, at)})
    return Element(section, {"ID": name, "CREATED": at, "STATUS": "CURRENT"}, (reference,))


def _group(use: str, files: Sequence[PackedFile], at: str) -> Element:
    # Only a representation needs the type; but a common validator refuses a group without one (its rule of CSIP63).
    return Element(
        "fileGrp",
        {"ID": _group_name(use), "USE": use, **_OTHER},
        [
            Element(
                "file",
                {"ID": file.name, **_listed(file, at)},
                (Element("FLocat", {"LOCTYPE": "URL", "xlink:type": "simple", "xlink:href": file.path}),),
            )
            for file in files
        ],
    )


def _listed(file: PackedFile, at: str) -> dict[str, str]:
    return {
        "MIMETYPE": file.media_type,
        "SIZE": str(file.size),
        "CREATED": at,
        "CHECKSUM": file.digest,
        "CHECKSUMTYPE": "SHA-256",
    }


def _structure(contents: PackageContents) -> Element:
    uses = ["Documentation", "Schemas", *(["Representations/rep1"] if contents.letter else ())]
    parts = [
        Element("div", {"ID": "part-metadata", "LABEL": "Metadata", "DMDID": "descriptive", "ADMID": "provenance"}),
        *(
            Element(
                "div",
                {"ID": f"part-{use.partition('/')[0].lower()}", "LABEL": use.partition("/")[0]},
                (Element("fptr", {"FILEID": _group_name(use)}),),
            )
            for use in uses
        ),
    ]
    whole = Element("div", {"ID": "package", "LABEL": contents.name}, parts)
    return Element("structMap", {"ID": "structure", "TYPE": "PHYSICAL", "LABEL": "CSIP"}, (whole,))


def _group_name(use: str) -> str:
    return f"group-{use.replace('/', '-').lower()}"
