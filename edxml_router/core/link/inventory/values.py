"""How far a link was compared, and the gaps that were found, as values.

A *gap* is a delivery that one end of a link lists and the other does not know, or of which each end believes that
something else became of it. Which problem it is follows from what the listing end says to have done with it; whose
database lacks it, tells whose turn it is.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from edxml_router.core.detail import Detail
from edxml_router.core.link.inventory.messages import OPEN, DeliveryStanding, Direction, Pass
from edxml_router.core.link.statement import NOT_PROVEN
from edxml_router.core.link.wire import ReceiptOutcome
from edxml_router.core.problems import Finding

UNTAKEN: Final = "EDX649"
UNSENT: Final = "EDX650"
EXCHANGED: Final = "EDX651"
UNANSWERED: Final = "EDX652"
DIFFERING: Final = "EDX637"
# A back-up that was restored may lack what went over the link so long before its last entry (it lay in a mailbox), and
# after its return (clocks differ).
LOST_BEFORE: Final = timedelta(days=1)
LOST_AFTER: Final = timedelta(hours=1)


class Lacking(StrEnum):
    """Whose database does not know the delivery."""

    HERE = "here"
    THERE = "there"
    NEITHER = "neither"  # both have it, and it ended otherwise


@dataclass(frozen=True, slots=True)
class InventoryRound:
    """How far one direction of a link was compared, for one reason: all before ``reached`` up to now, of what lies
    before ``goal``. ``question``: the SHA-256 of the page that is not answered yet; empty when none is.
    ``turned_at``: when the neighbour had gone through its own list, since it was invited."""

    peer: str
    direction: Direction
    reason: Pass
    begun_at: datetime
    since: datetime
    reached: datetime
    digest: str  # … and in the envelope at ``reached``, all up to this recipient
    recipient: str
    goal: datetime
    question: str = ""
    asked_at: datetime | None = None
    answered_at: datetime | None = None
    compared: int = 0
    missing: int = 0
    turned_at: datetime | None = None
    next_reached: datetime | None = None  # where it goes on when the question is answered
    next_digest: str = ""
    next_recipient: str = ""

    @property
    def over(self) -> bool:
        """Whether everything was compared, and the neighbour has answered at least once."""
        return self.reached >= self.goal and self.answered_at is not None and not self.question

    @property
    def place(self) -> tuple[datetime, str, str]:
        return self.reached, self.digest, self.recipient


@dataclass(frozen=True, slots=True)
class LinkGap:
    """A delivery that one end of a link lists and the other does not know. ``direction`` is that of the listing end;
    ``named``: sender, business kind and DocumentId; ``other``: under which digest the other end has the document;
    ``excused``: it went in a time that a restored back-up has forgotten; ``evidence``: the SHA-256 of the text in which
    the neighbour says so, by which its signed note is kept."""

    peer: str
    direction: Direction
    lacking: Lacking
    digest: str
    recipient: str
    named: str
    at: datetime
    found_at: datetime
    other: str = ""
    excused: bool = False
    evidence: str = ""
    ended_at: datetime | None = None
    outcome_here: str = ""  # where neither lacks it
    outcome_there: str = ""

    @property
    def code(self) -> str:
        if self.lacking is Lacking.NEITHER:
            return DIFFERING
        if self.other:
            return EXCHANGED
        return UNTAKEN if self.direction is Direction.HANDED else UNSENT

    @property
    def sender(self) -> str:
        return self.named.partition("|")[0]

    @property
    def document(self) -> str:
        return self.named.split("|", 2)[-1]

    @property
    def finding(self) -> Finding:
        """What is wrong, and whose turn it is."""
        fields = {"document": self.document, "sender": self.sender, "recipient": self.recipient}
        if self.lacking is Lacking.NEITHER:
            outcomes = {"here": self.outcome_here, "there": self.outcome_there}
            told = Detail("{document} of {sender} to {recipient}: {here} here, {there} there", **fields, **outcomes)
        elif self.lacking is Lacking.THERE:
            told = Detail("{document} of {sender} to {recipient}: not known there; their turn", **fields)
        else:
            told = Detail("{document} of {sender} to {recipient}: not known here; our turn", **fields)
        return Finding(self.code, self.peer, told)


def is_forgotten(at: datetime, lost: tuple[tuple[datetime, datetime], ...]) -> bool:
    """Whether a restored back-up may have forgotten what went at this time."""
    return any(since - LOST_BEFORE <= at <= until + LOST_AFTER for since, until in lost)


def outcomes_differ(
    direction: Direction, here: DeliveryStanding, there: DeliveryStanding, settled: datetime
) -> bool:
    """Whether the ends of a link believe that something else became of a delivery, and had until now from ``settled``
    to tell each other. ``direction`` is what it was here: handed over, or taken.

    Only the end that took it can know that the recipient has it, and tells so whatever was decided before. What is over
    by the time or an operator at the end that handed it over may go on at the other, and an end by the time comes at
    each by itself. A delivery that was sent again meanwhile is another one.
    """
    if here.outcome == there.outcome or here.generation != there.generation:
        return False
    if any(each.ended_at is not None and each.ended_at > settled for each in (here, there)):
        return False
    if here.outcome == OPEN and here.code in NOT_PROVEN:
        return False  # it is known what the other end says, and wants proof
    handed, taken = (here, there) if direction is Direction.HANDED else (there, here)
    if taken.outcome == ReceiptOutcome.CONFIRMED:
        return True
    if handed.outcome == OPEN:
        return taken.outcome != ReceiptOutcome.EXPIRED
    return handed.outcome not in (ReceiptOutcome.EXPIRED, ReceiptOutcome.CANCELLED)
