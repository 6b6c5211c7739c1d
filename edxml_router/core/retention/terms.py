"""For how long a node keeps what: by default for ever."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from edxml_router.core.agencies.code import is_under
from edxml_router.core.delivery.values import EnvelopeRow

GENERAL = "retention"  # the name of the rule where no class says otherwise


@dataclass(frozen=True, slots=True, kw_only=True)
class RetentionClass:
    """Envelopes that have terms of their own: those that meet every condition that is given."""

    name: str
    kind: str | None = None  # "document" or "status"
    urgent: bool | None = None
    senders: Sequence[str] = ()  # codes of agencies, each with all that are under it
    bodies: timedelta | None = None  # None: for ever

    def fits(self, row: EnvelopeRow) -> bool:
        """Whether an envelope is of this class."""
        return (
            self.kind in (None, row.kind)
            and self.urgent in (None, row.urgent)
            and (not self.senders or any(is_under(row.sender, code) for code in self.senders))
        )


@dataclass(frozen=True, slots=True)
class Rule:
    """What holds for one envelope: the name of the class, or :data:`GENERAL`, and the term; None means for ever."""

    name: str
    bodies: timedelta | None


@dataclass(frozen=True, slots=True, kw_only=True)
class RetentionTerms:
    """The terms of a node. ``bodies``: how long after the last recipient's delivery has ended the bytes of an envelope
    are kept. The first class that fits stands in the place of the general term."""

    bodies: timedelta | None = None
    classes: Sequence[RetentionClass] = ()

    @property
    def shortest(self) -> timedelta | None:
        """The shortest term of any rule; None where everything is kept for ever."""
        return min((term for term in (self.bodies, *(one.bodies for one in self.classes)) if term is not None),
                   default=None)  # fmt: skip

    def rule_for(self, row: EnvelopeRow) -> Rule:
        """The rule that an envelope comes under."""
        for one in self.classes:
            if one.fits(row):
                return Rule(one.name, one.bodies)
        return Rule(GENERAL, self.bodies)
