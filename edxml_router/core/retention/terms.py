"""For how long a node keeps what: by default for ever."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta

from edxml_router.core.agencies.code import is_under
from edxml_router.core.delivery.values import EnvelopeRow

GENERAL = "retention"  # the name of the rule where no class says otherwise


def _no_level(_: str) -> str:
    return ""


def _all_of(levels: Collection[str], seen: Iterable[str]) -> bool:
    found = set(seen)
    return bool(found) and found <= set(levels)


@dataclass(frozen=True, slots=True, kw_only=True)
class RetentionClass:
    """Envelopes that have terms of their own: those that meet every condition that is given.

    Levels are those of the catalogue of agencies ("commune"). ``recipient_levels``: each recipient here is of one of
    these, and there is one."""

    name: str
    kind: str | None = None  # "document" or "status"
    urgent: bool | None = None
    senders: Sequence[str] = ()  # codes of agencies, each with all that are under it
    levels: Sequence[str] = ()  # of the sender
    recipient_levels: Sequence[str] = ()
    bodies: timedelta | None = None  # None: for ever
    words: timedelta | None = None  # None: for ever

    @property
    def conditional(self) -> bool:
        """Whether it has any condition."""
        given = self.kind is not None or self.urgent is not None
        return given or bool(self.senders or self.levels or self.recipient_levels)

    def fits(self, row: EnvelopeRow, recipients: Collection[str], level_of: Callable[[str], str]) -> bool:
        """Whether an envelope to these is of this class."""
        return (
            self.kind in (None, row.kind)
            and self.urgent in (None, row.urgent)
            and (not self.senders or any(is_under(row.sender, code) for code in self.senders))
            and (not self.levels or level_of(row.sender) in self.levels)
            and (not self.recipient_levels or _all_of(self.recipient_levels, map(level_of, recipients)))
        )


@dataclass(frozen=True, slots=True)
class Rule:
    """What holds for one envelope: the name of the class, or :data:`GENERAL`, and the terms; None means for ever."""

    name: str
    bodies: timedelta | None
    words: timedelta | None


@dataclass(frozen=True, slots=True, kw_only=True)
class RetentionTerms:
    """The terms of a node. ``bodies``: how long after the last recipient's delivery has ended the bytes of an envelope
    are kept; ``words``: what people wrote about it (:mod:`edxml_router.core.delivery.entries.reasons`). The first class
    that fits stands in the place of the general terms. ``level_of`` tells an agency's level by its canonical code,
    empty where nobody knows it."""

    bodies: timedelta | None = None
    words: timedelta | None = None
    classes: Sequence[RetentionClass] = ()
    level_of: Callable[[str], str] = _no_level

    @property
    def shortest(self) -> timedelta | None:
        """The shortest term of any rule for bodies; None where all of them are kept for ever."""
        return min((term for term in (self.bodies, *(one.bodies for one in self.classes)) if term is not None),
                   default=None)  # fmt: skip

    @property
    def empty(self) -> bool:
        """Whether everything is kept for ever."""
        return self.shortest is None and not self.erasing

    @property
    def erasing(self) -> bool:
        """Whether words go by any rule."""
        return any(term is not None for term in (self.words, *(one.words for one in self.classes)))

    def rule_for(self, row: EnvelopeRow, recipients: Collection[str] = ()) -> Rule:
        """The rule that an envelope to these comes under."""
        for one in self.classes:
            if one.fits(row, recipients, self.level_of):
                return Rule(one.name, one.bodies, one.words)
        return Rule(GENERAL, self.bodies, self.words)
