"""What was sent and what was seen in one run: all that cases are judged by.

record.sent["nfd"].state                   # how the letter stands with the tested system
record.statuses_about("nfd")               # what the tested agency said of it
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Final, NamedTuple

from edxml_router.conformance.letters.stationery import KitMessage
from edxml_router.conformance.lines.line import HandedIn, MailEvent, RefusedInput, WaitingMail
from edxml_router.core.delivery.lifecycle import State
from edxml_router.core.detail import Detail
from edxml_router.core.message.document_id import comparable
from edxml_router.core.message.envelope import Business, Envelope, Kind
from edxml_router.core.normal_forms import normal
from edxml_router.core.problems import Actor, Finding

RETURN_WORDS: Final = "trả lại"  # in the subject of a letter that the kit is to send back


class CaseVerdict(StrEnum):
    """Whether the tested system held to a rule; what was not done is never taken for held."""

    HELD = "held"
    NOT_HELD = "not-held"
    NOT_TRIED = "not-tried"


class Fact(NamedTuple):
    """Something that was seen, and when."""

    at: datetime | None
    text: Detail


class Judgement(NamedTuple):
    """The verdict on a case by what is known now. ``settled``: waiting longer would not change it for the better.
    ``actor``: whose turn it is, where it is not who the case names."""

    verdict: CaseVerdict
    facts: Sequence[Fact] = ()
    settled: bool = True
    actor: Actor | None = None


@dataclass(slots=True)
class SentMessage:
    """A message of the kit, and how it stands with the tested system."""

    message: KitMessage
    at: datetime
    handed: HandedIn
    state: str = ""
    reason: str = ""
    facts: list[Fact] = field(default_factory=list)

    @property
    def is_taken(self) -> bool:
        return self.state == State.CONFIRMED

    @property
    def has_ended(self) -> bool:
        return not self.handed.accepted or self.state in (State.CONFIRMED, *_FAILED)

    def note(self, event: MailEvent) -> None:
        self.state = event.state
        if event.state == State.AVAILABLE:
            self.facts.append(Fact(event.at, Detail("{number} lies ready for the tested system", number=self.name)))
        elif event.state == State.CONFIRMED:
            self.facts.append(Fact(event.at, Detail("{number} was confirmed", number=self.name)))
        elif event.state == State.RETURNED:
            self.reason = event.reason
            told = Detail("{number} was returned: {reason}", number=self.name, reason=event.reason or "-")
            self.facts.append(Fact(event.at, told))
        elif event.state in _FAILED:
            self.facts.append(Fact(event.at, Detail("{number} ended as {state}", number=self.name, state=event.state)))

    def note_fetched(self, at: datetime) -> None:
        self.facts.append(Fact(at, Detail("{number} was fetched", number=self.name)))
        self.facts.sort(key=lambda fact: fact.at or at)

    @property
    def name(self) -> str | Detail:
        """By what people know it."""
        status = self.message.envelope.status_code
        return Detail("status {code}", code=status) if status else self.message.number


_FAILED: Final = (State.RETURNED, State.EXPIRED, State.CANCELLED)


@dataclass(frozen=True, slots=True)
class TheirMessage:
    """A message of the tested agency, as it came to the kit. ``finding``: why it is refused by what the kit checks;
    ``envelope`` is then None where it could not be read."""

    mail: WaitingMail
    envelope: Envelope | None
    finding: Finding | None
    remarks: Sequence[Finding]

    @property
    def at(self) -> datetime:
        return self.mail.at

    @property
    def business(self) -> Business | None:
        """Of a document; None of a status."""
        if self.envelope is None or self.envelope.kind is Kind.STATUS:
            return None
        return self.envelope.business

    @property
    def status_code(self) -> str:
        return (self.envelope.status_code if self.envelope else "") or ""


@dataclass(slots=True)
class Record:
    """One run. ``refused``: what the node refused to the tested system, None where the kit cannot know; ``stopped``:
    why the run went no further; ``cut``: a person ended the waiting."""

    sent: dict[str, SentMessage] = field(default_factory=dict)
    theirs: list[TheirMessage] = field(default_factory=list)
    refused: Sequence[RefusedInput] | None = None
    sent_back: list[TheirMessage] = field(default_factory=list)
    stopped: Detail | None = None
    cut: bool = False

    def number(self, purpose: str) -> str:
        """The number of a letter of the kit, for people; a dash while it was not sent."""
        one = self.sent.get(purpose)
        return one.message.number if one is not None else "-"

    def documents(self, business: Business = Business.NEW) -> list[TheirMessage]:
        return [one for one in self.theirs if one.business is business]

    def statuses(self) -> list[TheirMessage]:
        return [one for one in self.theirs if one.status_code]

    def statuses_about(self, *purposes: str) -> list[TheirMessage]:
        """The statuses of the tested agency about these letters of the kit, in the order in which they came."""
        keys = {comparable(self.sent[one].message.document_id) for one in purposes if one in self.sent}
        return [one for one in self.statuses() if comparable(_id(one)) in keys]

    def letter_of(self, status: TheirMessage) -> SentMessage | None:
        """The letter of the kit that a status is about, by its DocumentId."""
        key = comparable(_id(status))
        letters = (one for one in self.sent.values() if one.message.envelope.kind is Kind.DOCUMENT)
        return next((one for one in letters if comparable(one.message.document_id) == key), None)

    def damaged_about(self, purpose: str) -> list[TheirMessage]:
        """Statuses that mean this letter, by its number, and have its DocumentId otherwise than it is."""
        one = self.sent.get(purpose)
        if one is None:
            return []
        number = one.message.number
        return [each for each in self.statuses() if self.letter_of(each) is None and number in _named(each)]

    def own_ids(self) -> Iterator[str]:
        """The DocumentIds of the tested agency's letters, in the form in which they are compared."""
        return (
            comparable(one.envelope.document_id) for one in self.theirs if one.business is not None and one.envelope
        )


def subject_of(one: TheirMessage) -> str:
    """The subject of a document, in one normal form; empty of anything else."""
    document = one.envelope.document if one.envelope else None
    return normal("NFC", (document.subject or "") if document else "")


def _id(one: TheirMessage) -> str:
    return one.envelope.document_id if one.envelope else ""


def _named(one: TheirMessage) -> str:
    status = one.envelope.status if one.envelope else None
    return f"{status.response_for.document_id} {status.response_for.code}" if status else ""
