"""Legal hold: a document that is held stays, whatever the rules say, until it is released.

A hold is on the document: on whatever was accepted under its id, and on statuses, recalls and updates that speak of it,
also when they come later. Each act names its operator and reason and is journalled. Raises Refusal EDX606, EDX671.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from edxml_router.core.delivery.views import FoundEnvelope
from edxml_router.core.detail import Detail
from edxml_router.core.problems import Refusal
from edxml_router.core.retention.values import DOCUMENT_HELD, DOCUMENT_RELEASED, Hold, hold_entry
from edxml_router.ports.views import Views
from edxml_router.services import auditor
from edxml_router.stages.node import Node

_PAGE = 500
_REASON_LENGTH_MAX = 500


@dataclass(frozen=True, slots=True)
class HeldDocument:
    """What a hold, or its end, concerns now; ``gone`` are envelopes whose bodies were removed before."""

    subject: str
    envelopes: Sequence[str]
    gone: Sequence[str] = ()


def hold_document(node: Node, document: str, operator: str, reason: str) -> HeldDocument:
    """Hold a document: a DocumentId, or the beginning of a digest."""
    found = auditor.find(node.ledger.views, document)
    subject, envelopes, now = _subject(found), [one.envelope.digest for one in found], node.now()
    actor, why = f"operator:{operator}", reason[:_REASON_LENGTH_MAX]
    with node.ledger.book() as book:
        book.retention.alone()  # what is being removed now is removed before, or stays
        if not book.retention.hold(Hold(subject, now, actor, why)):
            raise Refusal("EDX671", where=subject)
        book.journal.note([hold_entry(DOCUMENT_HELD, now, subject, one, actor, why) for one in envelopes])
        gone = book.retention.removed(envelopes)
    return HeldDocument(subject, envelopes, sorted(gone))


def release_document(node: Node, document: str, operator: str, reason: str) -> HeldDocument:
    """Hold it no more."""
    found = auditor.find(node.ledger.views, document)
    subject, envelopes, now = _subject(found), [one.envelope.digest for one in found], node.now()
    actor, why = f"operator:{operator}", reason[:_REASON_LENGTH_MAX]
    with node.ledger.book() as book:
        book.retention.alone()
        if not book.retention.release(subject):
            raise Refusal("EDX606", where=subject, detail=Detail("it is not held"))
        book.journal.note([hold_entry(DOCUMENT_RELEASED, now, subject, one, actor, why) for one in envelopes])
    return HeldDocument(subject, envelopes)


def held_documents(views: Views) -> Iterator[Hold]:
    """All that is held, by subject."""
    after = ""
    while page := views.holds(after, _PAGE):
        yield from page
        after = page[-1].subject


def _subject(found: Sequence[FoundEnvelope]) -> str:
    """What the hold is on: the document's id, by which all that belongs to it is found; else the one envelope."""
    first = found[0].envelope
    return first.document_key or first.digest
