"""Whether the bytes of an envelope may go, or what people wrote about it, and if not, why not: the one place where that
is decided.

    ruling = body_ruling(terms, kept, now)     # or words_ruling
    ruling.goes, ruling.rule.name, ruling.reasons

Whatever somebody may still ask for stays: the recipient who has not taken it, the sender who has not been told, whoever
holds it by law. So does what the proof of it does not cover yet: an entry without a place in the log is protected by no
root, and the body is then the only witness of what was accepted.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from edxml_router.core.delivery.entries.reasons import CommittedReason
from edxml_router.core.delivery.lifecycle import ENDS, State
from edxml_router.core.delivery.values import Delivery, EnvelopeRow
from edxml_router.core.retention.terms import RetentionTerms, Rule


class Reason(StrEnum):
    """Why something stays."""

    FOR_EVER = "for-ever"  # its rule has no term
    OPEN = "open"  # a delivery has not ended
    INBOX = "inbox"  # a recipient has not confirmed it
    UNTOLD = "untold"  # an outcome has not been handed over to the neighbour, or a failure to the office
    UNPROVEN = "unproven"  # an entry about it has no place in the log yet
    HELD = "held"  # somebody holds it: a legal hold
    NOT_YET = "not-yet"  # its term is not over


@dataclass(frozen=True, slots=True)
class KeptBody:
    """All that counts of an envelope whose body is here, or about which somebody's words are."""

    envelope: EnvelopeRow
    deliveries: Sequence[Delivery] = ()
    untold: int = 0  # outcomes of it that are not handed over, but for confirmations to offices
    unnumbered: int = 0  # entries about it that have no place in the log
    held: bool = False

    @property
    def subjects(self) -> frozenset[str]:
        """What a hold may name it by: itself, its document, and the documents that it speaks of."""
        return subjects_of(self.envelope)

    @property
    def ended_at(self) -> datetime:
        """When the last of its deliveries ended; of one without deliveries, when it was accepted."""
        ends = [one.ended_at or one.updated_at for one in self.deliveries]
        return max([self.envelope.accepted_at, *ends])


@dataclass(frozen=True, slots=True)
class KeptWords:
    """An envelope, and what people wrote about it, as far as it is kept and is what entries commit to."""

    about: KeptBody
    words: Sequence[CommittedReason]


@dataclass(frozen=True, slots=True)
class BodyRuling:
    """The decision: it goes when nothing speaks against it. ``due_at``: when its term ends, where it has one."""

    rule: Rule
    due_at: datetime | None
    reasons: tuple[Reason, ...]

    @property
    def goes(self) -> bool:
        return not self.reasons


def subjects_of(row: EnvelopeRow) -> frozenset[str]:
    """The names by which a hold finds an envelope: a status, a recall or an update is held with its document."""
    return frozenset(name for name in (row.digest, row.document_key, *row.refers_to) if name)


def body_ruling(terms: RetentionTerms, kept: KeptBody, now: datetime) -> BodyRuling:
    """Decide about one body, from the arguments alone."""
    rule = _rule(terms, kept)
    return _ruling(rule, rule.bodies, kept, now)


def words_ruling(terms: RetentionTerms, kept: KeptBody, now: datetime) -> BodyRuling:
    """Decide about the words that people wrote about one envelope."""
    rule = _rule(terms, kept)
    return _ruling(rule, rule.words, kept, now)


def _rule(terms: RetentionTerms, kept: KeptBody) -> Rule:
    return terms.rule_for(kept.envelope, {one.recipient for one in kept.deliveries})


def _ruling(rule: Rule, term: timedelta | None, kept: KeptBody, now: datetime) -> BodyRuling:
    open_ones = {one.state for one in kept.deliveries if one.state not in ENDS}
    against = {
        Reason.HELD: kept.held,
        Reason.FOR_EVER: term is None,
        Reason.OPEN: bool(open_ones - {State.AVAILABLE}),
        Reason.INBOX: State.AVAILABLE in open_ones,
        Reason.UNTOLD: kept.untold > 0,
        Reason.UNPROVEN: kept.unnumbered > 0,
    }
    due_at = None if term is None or open_ones else kept.ended_at + term
    against[Reason.NOT_YET] = due_at is not None and now < due_at
    return BodyRuling(rule, due_at, tuple(reason for reason, holds in against.items() if holds))
