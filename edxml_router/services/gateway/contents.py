"""A letter for those who do not parse edXML: what it says as values, and its attachments one by one.

    envelope = read(node, body)                       # verified once more, and only what was signed
    attachment = attachment_of(node, body, 1)         # its name, type, size, digest
    for piece in attachment.pieces(): …               # decoded while the body is read

Large bodies stay on disk. Raises Refusal EDX606 for an attachment that is not there, EDX603 for a body that cannot be
read any more.
"""

from __future__ import annotations

import binascii
import re
import secrets
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Final

from edxml_router.core.body import Body
from edxml_router.core.detail import Detail
from edxml_router.core.message import reader
from edxml_router.core.message.attachments import plain_id
from edxml_router.core.message.envelope import Attachment, Envelope
from edxml_router.core.problems import Refusal
from edxml_router.core.xml import elements, safe_xml, skeleton
from edxml_router.core.xml.content import WHITE_SPACE
from edxml_router.core.xml.safe_xml import NS
from edxml_router.stages.acceptance.examination import examine
from edxml_router.wiring.stored import StoredNode

_ATTACHMENTS: Final = f"{{{NS}}}AttachmentEncoded/{{{NS}}}Attachment"
_GROUP: Final = 4  # characters of base64 that stand for three bytes


@dataclass(frozen=True, slots=True)
class AttachedFile:
    """One attachment; ``sources`` are the pieces of its base64 in turn."""

    about: Attachment
    body: Body
    sources: tuple[bytes | tuple[int, int], ...]

    def pieces(self) -> Iterator[bytes]:
        """The decoded content, in order."""
        rest = b""
        for encoded in self._encoded():
            plain = rest + encoded.translate(None, WHITE_SPACE)
            whole = len(plain) - len(plain) % _GROUP
            rest = plain[whole:]
            if whole:
                yield binascii.a2b_base64(plain[:whole])

    def _encoded(self) -> Iterator[bytes]:
        for source in self.sources:
            if isinstance(source, bytes):
                yield source
            else:
                yield from self.body.pieces(*source)


def read(node: StoredNode, body: Body) -> Envelope:
    """What the letter says: of a signed one only what its signature covers, as when it was accepted."""
    rules = node.rules
    return examine(body, rules.limits, rules.trust, node.now(), rules.engine).envelope


def attachment_of(node: StoredNode, body: Body, number: int) -> AttachedFile:
    """The attachment of this number, from 1 on, in the order of the manifest."""
    token = secrets.token_hex(16)
    limits = node.rules.limits
    bones = skeleton.scan(body, limits, token)
    root = safe_xml.parse(bones.text, limits)
    found = reader.read(root, limits, bones.contents_in(root)).envelope.attachments
    if not 1 <= number <= len(found):
        raise Refusal("EDX606", where=str(number), detail=Detail("it has {count} attachments", count=len(found)))
    about = found[number - 1]
    for element in root.iterfind(_ATTACHMENTS):
        parts = elements.parts(element)
        if plain_id(elements.text(parts.get("ContentId")) or "") == plain_id(about.content_id):
            return AttachedFile(about, body, tuple(_sources(parts.get("ContentTransferEncoded"), token, bones.runs)))
    raise Refusal("EDX603", where=about.content_id)


def _sources(element: Any, token: str, runs: Iterable[skeleton.Run]) -> Iterator[bytes | tuple[int, int]]:
    """Texts that stand in the skeleton, and where in the body those are of which it has only a mark."""
    by_mark = {run.mark: run for run in runs}
    for part in re.split(f"({re.escape(token)}[0-9]+)", "".join(element.itertext()) if element is not None else ""):
        run = by_mark.get(part)
        if run is not None:
            yield run.start, run.stop
        elif part:
            yield part.encode()
