"""The rows of an envelope and its deliveries, made again from the journal's entries alone.

    story = ToldEnvelope(digest)
    for entry in entries: story.add(entry)       # all of one envelope, in the order in which they were written
    story.envelope                               # the row that follows, except for what was not told
    story.deliveries["H53.31"].state

What an entry of an earlier version did not tell is None here: it is unknown, and nothing is compared with it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from edxml_router.core.delivery.entries.facts import hops_of
from edxml_router.core.delivery.entries.reasons import FACT as REASON
from edxml_router.core.delivery.journal import (
    DELIVERY_EVENTS,
    DELIVERY_QUEUED,
    DELIVERY_REROUTED,
    ENVELOPE_ACCEPTED,
    OUTCOME_SIGNED,
    WORDS_REDACTED,
    Entry,
)
from edxml_router.core.delivery.lifecycle import ENDS, Event, State
from edxml_router.core.delivery.values import Delivery, EnvelopeRow, identity
from edxml_router.core.link.wire import Hop
from edxml_router.core.message.document_id import comparable

_EVENTS: Final = {name: event for event, name in DELIVERY_EVENTS.items()}
# A worker writes the reason of a wait into the row in these states, without a change of state.
WAITED_FOR: Final = frozenset({State.FORWARDED, State.AVAILABLE})


@dataclass(frozen=True, slots=True)
class ToldEnd:
    """One of the ends that a delivery came to: it may be corrected, or opened again."""

    state: State
    ended_at: datetime | None
    code: str
    statement: str = ""  # SHA-256 of the signed statement that it rests on


@dataclass(slots=True)
class ToldDelivery:
    """A delivery as the journal tells it. ``code`` and ``detail`` are those of the last move; where that commits to
    somebody's words (``reason``), ``detail`` is None until :meth:`say` has them."""

    recipient: str
    id: int | None = None
    state: State | None = None
    route: str | None = None
    origin: str | None = None
    generation: int | None = None
    urgent: bool | None = None
    expires_at: datetime | None = None
    far_accepted: bool | None = None
    code: str | None = None
    detail: str | None = None
    updated_at: datetime | None = None
    version: int | None = None
    ended_at: datetime | None = None
    hops: tuple[Hop, ...] = ()  # the longest trail that a receipt brought
    ends: list[ToldEnd] = field(default_factory=list)
    reason: str = ""
    reasons: set[str] = field(default_factory=set)  # all that its entries commit to
    signed: set[str] = field(default_factory=set)  # SHA-256 of what this node has signed about its ends
    whole: bool = False  # its beginning is told with all facts

    def say(self, words: Mapping[str, str]) -> None:
        """Put in the words that the last move commits to, as far as they are kept: none where they were erased."""
        if self.reason:
            self.detail = words.get(self.reason, "")

    def differing(self, row: Delivery) -> Iterable[tuple[str, Any, Any]]:
        """The columns of its row that do not follow: name, what the row says, what the journal says."""
        for name in ("id", "state", "generation", "urgent", "far_accepted", "updated_at", "version"):
            told, found = getattr(self, name), getattr(row, name)
            if told is not None and told != found:
                yield name, found, told
        if self.state is not None and self.whole and self.ended_at != row.ended_at:
            yield "ended_at", row.ended_at, self.ended_at
        if self.state is not None and self.state not in WAITED_FOR:
            for name in ("code", "detail"):
                told, found = getattr(self, name), getattr(row, name)
                if told is not None and told != found:
                    yield name, found, told


@dataclass(slots=True)
class ToldEnvelope:
    """What the entries of one envelope tell."""

    digest: str
    accepted: Entry | None = None
    deliveries: dict[str, ToldDelivery] = field(default_factory=dict)
    redacted: set[str] = field(default_factory=set)  # commitments whose words were erased on purpose
    covered: bool = True  # False where an entry of an earlier version told only a part

    def add(self, entry: Entry) -> None:
        """The next entry. Raises ValueError, KeyError, TypeError for facts that no version has written."""
        if entry.event == ENVELOPE_ACCEPTED:
            self.accepted = entry
            self.covered &= bool(entry.facts)
        elif entry.event == DELIVERY_QUEUED:
            self.deliveries[entry.recipient] = _begun(entry)
            self.covered &= bool(entry.facts)
        elif entry.event in _EVENTS:
            one = self.deliveries.setdefault(entry.recipient, ToldDelivery(entry.recipient))
            _moved(one, entry, _EVENTS[entry.event])
        elif entry.event == DELIVERY_REROUTED and entry.recipient in self.deliveries:
            self.deliveries[entry.recipient].route = entry.facts["route"]
        elif entry.event == OUTCOME_SIGNED and entry.recipient in self.deliveries:
            self.deliveries[entry.recipient].signed.add(entry.evidence)
        elif entry.event == WORDS_REDACTED:
            self.redacted.update(entry.facts.get("reasons_sha256", ()))

    @property
    def envelope(self) -> EnvelopeRow | None:
        """The row of the envelope; None where it was not accepted, or its entry does not tell. Raises ValueError,
        KeyError, TypeError."""
        entry = self.accepted
        if entry is None or not entry.facts:
            return None
        facts = entry.facts
        key = comparable(facts.get("document", ""))
        indication, _, reason = entry.detail.partition(": ")
        return EnvelopeRow(
            digest=self.digest,
            identity=identity(facts["sender"], facts["kind"], facts.get("business", 0), self.digest, key),
            kind=facts["kind"],
            business=facts.get("business", 0),
            sender=facts["sender"],
            document_id=facts.get("document", ""),
            refers_to=tuple(facts.get("refers_to", ())),
            status_code=facts.get("status_code", ""),
            size=facts.get("size", 0),
            attachments=facts.get("attachments", 0),
            urgent=facts.get("urgent", False),
            accepted_at=entry.at,
            expires_at=datetime.fromisoformat(facts["expires_at"]),
            peer=entry.actor,
            channel=facts.get("channel", ""),
            indication=indication,
            reason=reason,
            signer=facts.get("signer", ""),
            remarks=tuple(facts.get("remarks", ())),
            hops=hops_of(facts),
            document_key=key,
            chains=tuple(facts.get("chains", ())),
        )


def _begun(entry: Entry) -> ToldDelivery:
    facts = entry.facts
    one = ToldDelivery(entry.recipient, state=State.QUEUED, route=entry.detail, origin=entry.actor, version=1)
    one.updated_at, one.code, one.detail = entry.at, "", ""
    if facts:
        one.id, one.generation = facts["delivery"], facts.get("generation", 0)
        one.urgent, one.far_accepted = facts.get("urgent", False), False
        one.expires_at, one.whole = datetime.fromisoformat(facts["expires_at"]), True
    return one


def _moved(one: ToldDelivery, entry: Entry, event: Event) -> None:
    facts = entry.facts
    one.state = State(entry.after)
    one.version = None if one.version is None else one.version + 1
    one.updated_at = entry.at
    if event is not Event.CLAIM:
        one.code = entry.code
        one.detail = "" if entry.detail == facts.get("route", one.route) else entry.detail  # told for people
        one.reason = facts.get(REASON, "")
        if one.reason:
            one.detail = None
            one.reasons.add(one.reason)
    if not facts:
        one.updated_at = None
        return
    one.id, one.generation = facts["delivery"], facts.get("generation", 0)
    one.route, one.origin = facts.get("route", one.route), facts.get("origin", one.origin)
    one.far_accepted = facts.get("far_accepted", one.far_accepted)
    if "expires_at" in facts:
        one.expires_at = datetime.fromisoformat(facts["expires_at"])
    if event is not Event.CLAIM:
        one.ended_at = datetime.fromisoformat(facts["ended_at"]) if one.state in ENDS else None
    if one.state in ENDS:
        one.ends.append(ToldEnd(one.state, one.ended_at, entry.code, entry.evidence))
    hops = hops_of(facts)
    if len(hops) >= len(one.hops):
        one.hops = hops or one.hops
