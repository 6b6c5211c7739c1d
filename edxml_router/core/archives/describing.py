"""What a package says of a document: what it is (Dublin Core), and what happened to it (PREMIS 3).

Each entry of the journal that is about the document is an event: its number in the log, its name, its time, whom it
names, and the entry itself, whose SHA-256 of a leaf is under the journal's root. What people wrote when they sent a
letter back is not in it: entries hold a digest of that, and an archive could not erase it again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from edxml_router.core.archives.elements import Element
from edxml_router.core.archives.files import PackedFile
from edxml_router.core.delivery.journal import leaf_bytes
from edxml_router.core.delivery.values import EnvelopeRow
from edxml_router.core.delivery.views import JournalLine
from edxml_router.core.link.manifest import instant

_PREMIS: Final = {
    "xmlns:premis": "http://www.loc.gov/premis/v3",
    "xmlns:xsi": "http://www.w3.org/2001/XMLSchema-instance",
    "xsi:schemaLocation": "http://www.loc.gov/premis/v3 https://www.loc.gov/standards/premis/premis.xsd",
    "version": "3.0",
}
_DC: Final = {
    "xmlns:oai_dc": "http://www.openarchives.org/OAI/2.0/oai_dc/",
    "xmlns:dc": "http://purl.org/dc/elements/1.1/",
    "xmlns:xsi": "http://www.w3.org/2001/XMLSchema-instance",
    "xsi:schemaLocation": "http://www.openarchives.org/OAI/2.0/oai_dc/ http://www.openarchives.org/OAI/2.0/oai_dc.xsd",
}
_SHA256: Final = "SHA-256"


@dataclass(frozen=True, slots=True)
class DescribedDocument:
    """A document as a package describes it. ``names``: of agencies, by code; ``lines``: its entries of the journal;
    ``origin``: the journal's name; ``node``: name and title of the node."""

    envelope: EnvelopeRow
    recipients: Sequence[str]
    names: Mapping[str, str]
    lines: Sequence[JournalLine]
    origin: str
    node: tuple[str, str]


def dublin_core(told: DescribedDocument) -> bytes:
    """What the document is."""
    row = told.envelope
    values = [
        ("title", row.document_id or row.digest),
        ("creator", _named(told, row.sender)),
        *(("contributor", _named(told, each)) for each in told.recipients),
        ("date", instant(row.accepted_at)),
        ("type", row.status_code or row.kind),
        ("format", "application/xml"),
        ("identifier", row.document_id or row.digest),
        ("identifier", f"urn:sha256:{row.digest}"),
        *(("relation", each) for each in row.refers_to),
    ]
    return Element("oai_dc:dc", _DC, [Element(f"dc:{name}", text=text) for name, text in values]).write()


def premis(told: DescribedDocument, letter: PackedFile | None) -> bytes:
    """What happened to it, as the journal tells."""
    node, title = told.node
    agents = sorted({line.entry.actor for line in told.lines if line.entry.actor} - {"node"})
    return Element(
        "premis:premis",
        _PREMIS,
        (
            _object(told.envelope, letter),
            *(_event(told, line) for line in told.lines),
            _agent("node", title or node, "organization"),
            *(_agent(each, each, "organization") for each in agents),
        ),
    ).write()


def _object(row: EnvelopeRow, letter: PackedFile | None) -> Element:
    identifiers = [_identifier("object", "SHA-256", row.digest)]
    if row.document_id:
        identifiers.append(_identifier("object", "DocumentId", row.document_id))
    if letter is None:
        return Element("premis:object", {"xsi:type": "premis:intellectualEntity"}, identifiers)
    fixity = _of("fixity", messageDigestAlgorithm=_SHA256, messageDigest=letter.digest)
    designation = _of("formatDesignation", formatName="edXML", formatVersion="QCVN 102:2016")
    traits = Element(
        "premis:objectCharacteristics",
        {},
        (fixity, Element("premis:size", text=str(letter.size)), Element("premis:format", {}, (designation,))),
    )
    name = Element("premis:originalName", text=letter.path)
    return Element("premis:object", {"xsi:type": "premis:file"}, [*identifiers, traits, name])


def _event(told: DescribedDocument, line: JournalLine) -> Element:
    entry, place = line.entry, line.position
    number = str(line.number) if place is None else str(place)
    kind = "journal number" if place is None else f"journal position ({told.origin})"
    leaf = leaf_bytes(entry.canonical(), line.stamp).decode()
    outcome = [Element("premis:eventOutcome", text=entry.after)] if entry.after else []
    about = {"recipient": entry.recipient, "problem": entry.code}
    noted = "; ".join(f"{name} {value}" for name, value in about.items() if value)
    if noted:
        outcome.append(_of("eventOutcomeDetail", eventOutcomeDetailNote=noted))
    return Element(
        "premis:event",
        {},
        (
            _identifier("event", kind, number),
            Element("premis:eventType", text=entry.event),
            Element("premis:eventDateTime", text=instant(entry.at)),
            _of("eventDetailInformation", eventDetail=leaf),
            *([Element("premis:eventOutcomeInformation", {}, outcome)] if outcome else ()),
            _link("Agent", "actor", entry.actor or "node"),
            _link("Object", _SHA256, told.envelope.digest),
        ),
    )


def _agent(identifier: str, name: str, kind: str) -> Element:
    return Element(
        "premis:agent",
        {},
        (
            _identifier("agent", "actor", identifier),
            Element("premis:agentName", text=name),
            Element("premis:agentType", text=kind),
        ),
    )


def _identifier(of: str, kind: str, value: str) -> Element:
    return _of(f"{of}Identifier", **{f"{of}IdentifierType": kind, f"{of}IdentifierValue": value})


def _link(to: str, kind: str, value: str) -> Element:
    name = f"linking{to}Identifier"
    return _of(name, **{f"{name}Type": kind, f"{name}Value": value})


def _of(name: str, **texts: str) -> Element:
    return Element(f"premis:{name}", {}, [Element(f"premis:{each}", text=text) for each, text in texts.items()])


def _named(told: DescribedDocument, code: str) -> str:
    name = told.names.get(code, "")
    return f"{name} ({code})" if name else code
