"""What was decided about a letter, as the journal tells it, and the letter itself.

    decided = decision_of(asked, "H53.31.22,2026/11/22,7/UBND-VP")
    body = letter_of(asked, decided)

Raises Refusal EDX606 for what is not here, EDX613 where several letters are meant, EDX659 where tables and journal
differ; EDX629 where no entry tells of the decision, EDX633 where the letter is not here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from edxml_router.core.body import Body, MemoryBody
from edxml_router.core.delivery.entries.facts import hops_of, recipient_facts
from edxml_router.core.delivery.journal import DELIVERY_QUEUED, ENVELOPE_ACCEPTED
from edxml_router.core.delivery.views import JournalLine, QuarantinedItem
from edxml_router.core.detail import Detail
from edxml_router.core.link.wire import Hop
from edxml_router.core.message.envelope import Kind
from edxml_router.core.problems import Refusal
from edxml_router.services import auditor
from edxml_router.services.auditor import DocumentHistory, EnvelopeStory
from edxml_router.stages.forwarding.bodiless import told_removal
from edxml_router.wiring.reading import ReadableDatabase

REFUSED: Final = ("envelope.refused", "input.defect")


@dataclass(frozen=True, slots=True)
class PastDecision:
    """The entry that tells of a decision, and what was decided: ``recipients`` with the route that each delivery was
    queued for; ``number``: in the quarantine, of what was refused."""

    digest: str
    document: str
    line: JournalLine
    accepted: bool
    channel: str
    recipients: Mapping[str, str] = field(default_factory=dict)
    hops: Sequence[Hop] = ()  # nodes passed before this one
    number: int = 0
    gone: Detail | None = None

    @property
    def at(self) -> datetime:
        return self.line.entry.at

    @property
    def outcome(self) -> str:
        return "accepted" if self.accepted else "refused"

    @property
    def facts(self) -> Mapping[str, Any]:
        return self.line.entry.facts

    @property
    def rules(self) -> Mapping[str, str]:
        """The digests of what it was decided by, as its entry has them; none in those of early versions."""
        named = self.facts.get("rules", {})
        return {str(name): str(digest) for name, digest in named.items()} if isinstance(named, dict) else {}


def decision_of(asked: ReadableDatabase, document: str) -> PastDecision:
    """The decision about a document; of several letters under its id that about the document itself, and where it was
    refused first and accepted later, the acceptance."""
    past = auditor.history(asked.views, document)
    if past.unfounded and not past.told:
        unfounded = past.unfounded[0]
        raise Refusal(unfounded.code, where=unfounded.where, detail=unfounded.detail)
    if past.told:
        return _accepted(_one_told(past, document))
    if past.refused:
        return _refused(asked, past.refused, document)
    raise Refusal("EDX633", where=document[:100], detail=Detail("only its digest is in the journal"))


def letter_of(asked: ReadableDatabase, decided: PastDecision) -> Body:
    """The bytes that were judged."""
    if decided.accepted:
        found = asked.open_bodies([decided.digest]).get(decided.digest)
        if found is not None:
            return found
        detail = decided.gone or Detail("body damaged or missing")
        raise Refusal("EDX633", where=decided.digest, detail=detail)
    one = asked.views.one_quarantined(decided.number)
    data = one[1] if one is not None else None
    if not data:
        raise Refusal("EDX633", where=decided.digest, detail=Detail("it was refused, and its bytes were not kept"))
    body = MemoryBody(data)
    if body.digest != decided.digest:
        raise Refusal("EDX633", where=decided.digest, detail=Detail("what is quarantined has another digest"))
    return body


def _one_told(past: DocumentHistory, document: str) -> EnvelopeStory:
    told = past.told
    if len(told) > 1:  # statuses and changes of a document have its id as well
        told = [one for one in told if one.trace.envelope.kind == Kind.DOCUMENT] or told
    if len(told) > 1:
        shown = ", ".join(one.trace.envelope.digest[:16] for one in told)
        raise Refusal("EDX613", where=document[:100], detail=shown)
    return told[0]


def _accepted(told: EnvelopeStory) -> PastDecision:
    envelope = told.trace.envelope
    accepted = [one for one in told.trace.lines if one.entry.event == ENVELOPE_ACCEPTED]
    if not accepted:
        detail = Detail("no entry tells of its acceptance")
        raise Refusal("EDX629", where=envelope.digest, detail=detail)
    line = accepted[0]
    queued: dict[str, str] = {}
    for one in told.trace.lines:
        if one.entry.event == DELIVERY_QUEUED:
            queued.setdefault(one.entry.recipient, str(one.entry.detail))
    listed = line.entry.facts.get("recipients")
    if isinstance(listed, list):
        recipients = {str(code): queued.get(str(code), "") for code in listed}
    else:  # more than an entry lists: those of the first deliveries, if these are they
        count = line.entry.facts.get("recipient_count", len(queued))
        recipients = dict(list(queued.items())[:count])
        if {**line.entry.facts, **recipient_facts(list(recipients))} != dict(line.entry.facts):
            recipients = queued
    return PastDecision(
        envelope.digest,
        envelope.document_id,
        line,
        accepted=True,
        channel=str(line.entry.facts.get("channel", envelope.channel)),
        recipients=recipients,
        hops=hops_of(line.entry.facts)[:-1],
        gone=told_removal(told.gone) if told.gone is not None else None,
    )


def _refused(asked: ReadableDatabase, items: Sequence[QuarantinedItem], document: str) -> PastDecision:
    if len({one.digest for one in items}) > 1:
        shown = ", ".join(one.digest[:16] for one in items)
        raise Refusal("EDX613", where=document[:100], detail=shown)
    item = items[-1]
    lines = [
        one for one in asked.views.lines(envelope=item.digest, limit=auditor.LONGEST) if one.entry.event in REFUSED
    ]
    if not lines:
        detail = Detail("the refusal was only counted, so no entry tells of it")
        raise Refusal("EDX629", where=item.digest, detail=detail)
    return PastDecision(
        item.digest, item.document_id, lines[-1], accepted=False, channel=item.channel, number=item.number
    )
