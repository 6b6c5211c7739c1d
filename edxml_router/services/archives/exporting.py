"""Export a document with its history as a package for archives: E-ARK SIP, with METS and PREMIS.

    exported = export(settings, ExportOrder("H53,2026/11/27,1/UBND"), Path("1.zip"), "an", tell)

The package holds the signed original, what the document is, every entry of the journal about it, the schemas of the
format, and the delivery certificate, where the node can issue one; ``tell`` gets why not. Bytes of a letter are read a
piece at a time. Raises Refusal EDX606, EDX613, EDX659 for a document; EDX670 and EDX603 where the letter is not here;
EDX908 where the file cannot be written, or is there already.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Final

from edxml_router import __version__
from edxml_router.config import Settings
from edxml_router.core.archives.describing import DescribedDocument, dublin_core, premis
from edxml_router.core.archives.files import PackedFile, packed_file
from edxml_router.core.archives.mets import PackageContents, mets
from edxml_router.core.body import Body
from edxml_router.core.delivery.journal import DOCUMENT_EXPORTED, Entry
from edxml_router.core.detail import Detail
from edxml_router.core.message.envelope import Kind
from edxml_router.core.problems import Finding, Refusal, Trouble
from edxml_router.core.wording import in_words
from edxml_router.credentials import identities
from edxml_router.disk import durable
from edxml_router.resources import folder
from edxml_router.services import auditor
from edxml_router.services.archives.packing import PackageForm, pack
from edxml_router.services.auditor import EnvelopeStory
from edxml_router.services.certificates.issuing import CertificateOrder, Teller, issue_to
from edxml_router.stages.forwarding.bodiless import report_missing_body
from edxml_router.stages.node import Node
from edxml_router.wiring.opening import node_of

_LETTER: Final = "representations/rep1/data/letter.edxml"
_README: Final = """\
This package holds one document of the official exchange (edXML, QCVN 102:2016), as a node of it kept it.
Gói này chứa một văn bản của hệ thống trao đổi (edXML, QCVN 102:2016) như một nút đã lưu giữ.

METS.xml                             what is in the package / nội dung gói
metadata/descriptive/dc.xml          what the document is / mô tả văn bản
metadata/preservation/premis.xml     what happened to it, by the node's journal / lịch sử theo nhật ký của nút
representations/rep1/data/           the signed original, byte for byte / bản gốc có chữ ký, nguyên vẹn
documentation/certificate.asice      what the node proves of it / điều nút chứng minh được
schemas/                             the schemas of the format / lược đồ của định dạng
"""


@dataclass(frozen=True, slots=True)
class ExportOrder:
    """What is to be exported: a DocumentId or a digest's beginning; with or without the letter itself."""

    document: str
    with_letter: bool = True
    form: PackageForm = PackageForm.ZIP


@dataclass(frozen=True, slots=True)
class ExportedDocument:
    """What was written: the package's name, and what is in it."""

    name: str
    digest: str
    size: int  # bytes of the file
    entries: int
    letter: bool
    certificate: bool


def export(settings: Settings, order: ExportOrder, output: Path, operator: str, tell: Teller) -> ExportedDocument:
    """Write the package to a new file, and journal it. Of one that fails nothing is left."""
    with node_of(settings) as node:
        node.log_signer = identities.log_signer(settings)
        node.number_journal()
        told = _told(node, order.document)
        digest, now = told.trace.envelope.digest, node.now()
        body = _body(node, told) if order.with_letter else None
        certificate = _certificate(node, settings, digest, tell)
        contents = _contents(node, settings, told, body, certificate)
        listed = [contents.descriptive, contents.preservation, *contents.documentation, *contents.schemas]
        root = packed_file("mets", "METS.xml", "application/xml", mets(contents))
        files = [root, *listed, *([contents.letter] if contents.letter else ())]
        with _new(output) as out:
            pack(out, order.form, contents.name, files, body.pieces() if body else (), now)
        facts = {"letter": body is not None, "mets_sha256": root.digest}
        try:
            with node.ledger.book() as book:
                book.journal.note([Entry(now, DOCUMENT_EXPORTED, digest, actor=f"operator:{operator}", facts=facts)])
            # Committed after the package was written: of one that was broken off no entry tells. A crash between the
            # two leaves a package that nobody has been given.
        except BaseException:  # also a signal: nobody gets what the journal does not tell of, and the cause is told on
            output.unlink(missing_ok=True)
            raise
        return ExportedDocument(
            contents.name,
            digest,
            output.stat().st_size,
            len(told.trace.lines),
            letter=body is not None,
            certificate=certificate is not None,
        )


@contextmanager
def _new(output: Path) -> Iterator[BinaryIO]:
    try:
        with durable.new_file(output) as out:
            yield out
        durable.synchronise(output.parent)
    except OSError as error:
        raise Refusal("EDX908", where=str(output), detail=in_words(error)) from error


def _told(node: Node, document: str) -> EnvelopeStory:
    found = auditor.find(node.ledger.views, document)
    if len(found) > 1:  # statuses and changes of a document have its id as well
        found = [one for one in found if one.envelope.kind == Kind.DOCUMENT] or found
    if len(found) > 1:
        shown = ", ".join(one.envelope.digest[:16] for one in found)
        raise Refusal("EDX613", where=document[:100], detail=shown)
    past = auditor.history(node.ledger.views, found[0].envelope.digest)
    if not past.told:
        raise Refusal("EDX659", where=document[:100], detail=Detail("no entry tells of its acceptance"))
    [told] = past.told
    if told.trace.damages:
        damage = told.trace.damages[0]
        raise Refusal("EDX659", where=damage.where, detail=damage.detail)
    return told


def _body(node: Node, told: EnvelopeStory) -> Body:
    digest = told.trace.envelope.digest
    found = node.bodies.open([digest]).get(digest)
    if found is None:
        raise report_missing_body(node, digest)
    return found


def _certificate(node: Node, settings: Settings, digest: str, tell: Teller) -> bytes | None:
    def without_stamp(_: Finding) -> None:
        """The certificate says so itself."""

    try:
        return issue_to(node, settings, CertificateOrder(digest), without_stamp)
    except Trouble as trouble:
        tell(trouble.finding)
        return None


def _contents(
    node: Node, settings: Settings, told: EnvelopeStory, body: Body | None, certificate: bytes | None
) -> PackageContents:
    row, registry = told.trace.envelope, node.rules.registry
    recipients = [one.recipient for one in told.trace.deliveries]
    known = {code: agency.name for code in {row.sender, *recipients} if (agency := registry.get(code)) is not None}
    described = DescribedDocument(
        row, recipients, known, told.trace.lines, settings.origin, (node.name, settings.node.title)
    )
    letter = PackedFile("letter", _LETTER, "application/xml", row.size, row.digest) if body is not None else None
    documentation = [packed_file("readme", "documentation/README.txt", "text/plain", _README.encode())]
    if certificate is not None:
        path = "documentation/certificate.asice"
        documentation.append(packed_file("certificate", path, "application/vnd.etsi.asic-e+zip", certificate))
    return PackageContents(
        name=f"edxml-{row.digest[:32]}",
        label=row.document_id or row.digest,
        made_at=node.now(),
        creator=(known.get(row.sender, row.sender), row.sender),
        software=("edxml-router", __version__),
        descriptive=packed_file("dc", "metadata/descriptive/dc.xml", "application/xml", dublin_core(described)),
        preservation=packed_file(
            "premis", "metadata/preservation/premis.xml", "application/xml", premis(described, letter)
        ),
        documentation=documentation,
        schemas=list(_schemas()),
        letter=letter,
    )


def _schemas() -> Iterator[PackedFile]:
    files: Sequence[str] = sorted(each.name for each in (folder("schemas") / "qcvn102-2016").glob("*.xsd"))
    for number, name in enumerate(files, start=1):
        data = (folder("schemas") / "qcvn102-2016" / name).read_bytes()
        yield packed_file(f"schema-{number}", f"schemas/{name}", "application/xml", data)
