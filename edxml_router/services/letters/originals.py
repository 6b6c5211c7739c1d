"""The letters that a draft is about: what the office sent, what it received, and what they say.

    letters = Originals(node, "vp")
    original = letters.received("9f31…")        # Original: the message as a value
    letters.contents(original)                  # of its files, by ContentId

An office finds its own letters only. A name is a digest or its beginning (twelve characters), a letter's name as the
inbox shows it, or a DocumentId. Raises Refusal EDX606 where there is none, EDX613 for several, EDX603 for a damaged
body; Setbacks of the views.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Protocol

from edxml_router.core.body import Body
from edxml_router.core.delivery.values import Delivery
from edxml_router.core.delivery.views import FoundEnvelope
from edxml_router.core.link.route import Route
from edxml_router.core.link.wire import letter_name
from edxml_router.core.message import reader
from edxml_router.core.message.attachments import plain_id
from edxml_router.core.message.document_id import is_digest
from edxml_router.core.message.envelope import Business, Envelope, Kind
from edxml_router.core.problems import Refusal
from edxml_router.core.xml import content, elements, safe_xml, skeleton
from edxml_router.core.xml.safe_xml import NS
from edxml_router.core.xml.skeleton import Skeleton
from edxml_router.services.office import DIGITS_SHOWN
from edxml_router.stages.forwarding.bodiless import report_missing_body
from edxml_router.stages.node import Node

_ATTACHMENTS: Final = f"{{{NS}}}AttachmentEncoded/{{{NS}}}Attachment"
_LETTER: Final = re.compile(r"[0-9a-f]{12,64}(\..+)?")
_MOST: Final = 20


@dataclass(frozen=True, slots=True)
class Original:
    """A letter that a draft is about. ``recipient`` is the agency of the office that received it (canonical code)."""

    digest: str
    envelope: Envelope
    recipient: str = ""


class LetterSource(Protocol):
    """Where letters that a draft names are found."""

    def sent(self, name: str) -> Original: ...

    def received(self, name: str) -> Original: ...

    def contents(self, original: Original) -> Mapping[str, bytes]: ...


@dataclass(slots=True)
class Originals:
    """Finds letters for one office, and remembers them for as long as one draft is in hand."""

    node: Node
    office: str
    _sent: dict[str, Original] = field(default_factory=dict)
    _received: dict[str, Original] = field(default_factory=dict)

    def sent(self, name: str) -> Original:
        """A document that the office handed in here; of several of one DocumentId the newest, but no recall."""
        if name not in self._sent:
            self._sent[name] = self.of(self._newest_sent(name))
        return self._sent[name]

    def received(self, name: str) -> Original:
        """A letter, document or status, that came for an agency of the office."""
        if name not in self._received:
            delivery = self._delivery(name)
            self._received[name] = self.of(delivery.digest, delivery.recipient)
        return self._received[name]

    def contents(self, original: Original) -> Mapping[str, bytes]:
        """The files of a letter by their ContentId."""
        bones, root = self._parsed(original.digest)
        contents = {}
        for element in root.iterfind(_ATTACHMENTS):
            parts = elements.children_by_name(element)
            text = elements.text(parts.get("ContentTransferEncoded")) or ""
            contents[plain_id(elements.text(parts.get("ContentId")) or "")] = content.decode_base64(
                _unmarked(bones, text)
            )
        return contents

    def _newest_sent(self, name: str) -> str:
        views, kind = self.node.ledger.views, str(Kind.DOCUMENT)
        found: Sequence[FoundEnvelope] = ()
        if is_digest(name):
            found = views.find_envelopes(office=self.office, kind=kind, digest=name.lower(), limit=2)
            if len(found) > 1:
                raise _several(one.envelope.digest[:DIGITS_SHOWN] for one in found)
        if not found:
            found = views.find_envelopes(office=self.office, kind=kind, document_id=name, limit=_MOST)
        for one in found:
            if one.envelope.business != Business.RECALL:
                return one.envelope.digest
        raise Refusal("EDX606", where=name[:150])

    def _delivery(self, name: str) -> Delivery:
        views, route = self.node.ledger.views, Route.office(self.office)
        found: Sequence[Delivery] = ()
        if _LETTER.fullmatch(name):
            beginning, _, recipient = name.partition(".")
            found = [one for one in views.offered_mail(beginning, recipient) if one.route == route]
        if not found:  # the newest of that DocumentId that came for this office
            for one in views.find_envelopes(document_id=name, kind=str(Kind.DOCUMENT), limit=_MOST):
                theirs = views.list_deliveries(digest=one.envelope.digest, route=route, limit=2)
                if theirs:
                    found = theirs
                    break
        if not found:
            raise Refusal("EDX606", where=name[:150])
        if len(found) > 1:
            raise _several(letter_name(one.digest[:DIGITS_SHOWN], one.recipient) for one in found)
        return found[0]

    def of(self, digest: str, recipient: str = "") -> Original:
        """What an envelope that this node keeps says."""
        bones, root = self._parsed(digest)
        reading = reader.read(root, self.node.rules.limits, bones.contents_in(root))
        return Original(digest, reading.envelope, recipient)

    def _parsed(self, digest: str) -> tuple[Skeleton, Any]:
        body: Body | None = self.node.bodies.open([digest]).get(digest)
        if body is None:
            raise report_missing_body(self.node, digest)
        limits = self.node.rules.limits
        bones = skeleton.scan(body, limits, secrets.token_hex(16))
        return bones, safe_xml.parse(bones.text, limits)


def _unmarked(bones: Skeleton, text: str) -> bytes:
    """A base64 text with what the marks in it stand for."""
    if not bones.token or bones.token not in text:
        return text.encode()
    by_mark = {run.mark: run for run in bones.runs}
    pieces: list[bytes] = []
    for part in re.split(f"({re.escape(bones.token)}[0-9]+)", text):
        run = by_mark.get(part)
        pieces += list(bones.source.pieces(run.start, run.stop)) if run else [part.encode()]
    return b"".join(pieces)


def _several(names: Any) -> Refusal:
    return Refusal("EDX613", detail=", ".join(names))
