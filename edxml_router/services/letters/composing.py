"""From a draft to messages that can be handed in, or that wait for the office's signature.

    for one in compose(node, seals, unsigned, "vp", Order("status", data)):
        one.data          # hand this in as any other envelope; None while it waits
        one.waiting       # what the office has to sign

The same draft again is recognised: where an envelope of the same sender, kind and DocumentId was accepted from this
office and says the same, that envelope is given, and handing it in again is answered as a repeat.
Raises :class:`~edxml_router.services.letters.drafts.DraftRefused` with all mistakes of the draft; what writing, sealing
and keeping raise.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Final

from edxml_router.core.message import writer
from edxml_router.core.message.attachments import plain_id
from edxml_router.core.message.envelope import Attachment, Envelope, Kind
from edxml_router.core.problems import Finding, Refusal
from edxml_router.core.signature.form import Coverage
from edxml_router.services.letters import drafts, writing
from edxml_router.services.letters.drafts import DraftRefused, SignatureDraft, SignedDraft
from edxml_router.services.letters.header import VIETNAM
from edxml_router.services.letters.originals import Originals
from edxml_router.services.letters.scribe import Scribe, Unsealed
from edxml_router.services.letters.seals import Seals
from edxml_router.services.letters.unsigned import UnsignedLetter, UnsignedLetters
from edxml_router.services.letters.values import DraftContext
from edxml_router.stages.forwarding.bodiless import REMOVED
from edxml_router.stages.node import Node

# Where the marking of a state secret was found, as a member of the draft.
_MEMBERS: Final[Mapping[str, str]] = {
    "Subject": "/subject",
    "Content": "/content",
    "CodeNotation": "/notation",
    "TypeName": "/type",
    "SphereOfPromulgation": "/circulation",
    "Appendix": "/appendixes",
    "BussinessDocReason": "/reason",
    "AttachmentName": "/attachments",
    "Attachment/Description": "/attachments",
    "Description": "/description",
}


@dataclass(frozen=True, slots=True)
class Order:
    """What an office wants written: the kind of draft (:data:`~edxml_router.services.letters.drafts.KINDS`), the draft
    in JSON, and its files by name."""

    kind: str
    data: bytes
    files: Mapping[str, bytes] = field(default_factory=dict)

    def key(self, office: str) -> str:
        """The order's own digest, hex."""
        digest = hashlib.sha256(f"{office}\n{self.kind}\n".encode() + self.data)
        for name, content in self.files.items():
            digest.update(f"\n{name}\n".encode() + hashlib.sha256(content).digest())
        return digest.hexdigest()


@dataclass(frozen=True, slots=True)
class Composed:
    """A message as it was written. ``data``: the envelope to be handed in; None while it waits for a signature."""

    envelope: Envelope
    data: bytes | None
    waiting: UnsignedLetter | None = None


def compose(node: Node, seals: Seals, unsigned: UnsignedLetters, office: str, order: Order) -> list[Composed]:
    """The messages of an order, in the order of their addressees."""
    rules, now = node.rules, node.now()
    registry, agencies = rules.registry, rules.peers[office].codes
    letters = Originals(node, office)
    reading = DraftContext(
        registry, now.astimezone(VIETNAM).date(), agencies, frozenset(order.files), letters, rules.limits
    )
    draft = drafts.read(drafts.KINDS[order.kind], order.data, reading)
    only = next(iter(agencies)) if len(agencies) == 1 else ""
    scribe = Scribe(registry, letters, now, order.key(office), only)
    composed = []
    for message in writing.write(scribe, draft, order.files):
        _refuse_marked(node, message.envelope)
        composed.append(_finished(node, seals, unsigned, office, draft, message, letters))
    return composed


def _finished(
    node: Node,
    seals: Seals,
    unsigned: UnsignedLetters,
    office: str,
    draft: SignedDraft,
    message: Unsealed,
    letters: Originals,
) -> Composed:
    if (accepted := _accepted_before(node, office, message, letters)) is not None:
        return Composed(message.envelope, accepted)
    data = writer.write(message.envelope, message.contents)
    wish = draft.signature
    if wish is None:
        wish = SignatureDraft(by="seal" if seals.holds(node, message.sender) else "office")
    coverage = Coverage(wish.coverage)
    if wish.by == "nobody":
        return Composed(message.envelope, data)
    if wish.by == "seal":
        return Composed(message.envelope, seals.seal(node, office, message.sender, data, coverage))
    waiting = unsigned.keep(office, data, wish.algorithm, coverage, node.now(), node.rules.limits)
    return Composed(message.envelope, None, waiting)


def _refuse_marked(node: Node, envelope: Envelope) -> None:
    """State secrets do not travel here (QĐ 28/2018, article 1.2): said of the draft, before anything is signed."""
    if marked := node.rules.markings.found_in(envelope):
        raise DraftRefused([Finding("EDX405", _MEMBERS.get(marked, ""), marked)])


def _accepted_before(node: Node, office: str, message: Unsealed, letters: Originals) -> bytes | None:
    """The envelope that says the same and was accepted from this office. Statuses have no id by which to know."""
    envelope = message.envelope
    if envelope.kind is Kind.STATUS:
        return None
    found = node.ledger.views.find_envelopes(
        office=office, sender=message.sender, document_id=envelope.document_id, kind=str(Kind.DOCUMENT), limit=10
    )
    for one in found:
        if one.envelope.business != envelope.business:
            continue
        try:
            before = letters.of(one.envelope.digest)
        except Refusal as refusal:
            if refusal.code == REMOVED:  # on purpose, so nobody can tell; the acceptance knows it by its digest
                continue
            raise
        if _said(before.envelope) == _said(_measured(message)):
            body = node.bodies.open([one.envelope.digest]).get(one.envelope.digest)
            return body.whole() if body is not None else None
    return None


def _said(envelope: Envelope) -> Envelope:
    """What a message says, whenever it was written."""
    return replace(envelope, traces=tuple(replace(one, timestamp=None) for one in envelope.traces))


def _measured(message: Unsealed) -> Envelope:
    def measured(one: Attachment) -> Attachment:
        content = message.contents[plain_id(one.content_id)]
        return replace(one, size=len(content), sha256=hashlib.sha256(content).hexdigest())

    return replace(message.envelope, attachments=tuple(measured(one) for one in message.envelope.attachments))
