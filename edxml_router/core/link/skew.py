"""How far a neighbour's clock is from ours, as far as that can be known.

    if skews.dated("xa", at, now): …      # what the neighbour dates with its own clock has come now
    if skews.said("xa", ahead, now): …    # it says by how much our clock is ahead of its
    skews.of("xa")

What is dated in our future proves that the neighbour's clock is ahead of ours: no message comes before it was sent. A
date in our past proves nothing: the message may have waited in a mailbox for days. So each end of a link sees one half,
and tells the other (a message ``clock``). Which of the two clocks is wrong cannot be known here, so people are told.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from edxml_router.core.detail import Detail
from edxml_router.core.link import manifest
from edxml_router.core.link.manifest import instant
from edxml_router.core.problems import Finding

CODE: Final = "EDX806"
TOLERANCE: Final = timedelta(minutes=5)  # clocks that are this close are as good as right
REMINDER_INTERVAL: Final = timedelta(
    hours=1
)  # as long as it lasts the neighbour is told again, and a smaller difference counts
ASKING_INTERVAL: Final = timedelta(minutes=10)
_LARGEST: Final = timedelta(days=36500)  # more is as wrong, and no calendar holds what is reckoned with it


@dataclass(frozen=True, slots=True)
class Skew:
    """By so much at least the neighbour's clock is ahead of ours; below zero, ours of its. Seen at ``at``."""

    ahead: timedelta
    at: datetime

    def finding(self, peer: str) -> Finding:
        """Both clocks are named: whose is wrong is for people to see."""
        step = timedelta(seconds=round(abs(self.ahead).total_seconds()))
        if self.ahead > timedelta():
            return Finding(
                CODE, peer, Detail("the clock of {peer} is {step} ahead of this node's", peer=peer, step=step)
            )
        return Finding(CODE, peer, Detail("this node's clock is {step} ahead of that of {peer}", step=step, peer=peer))


class Skews:
    """What is known of neighbours' clocks, in memory; what must outlive a process is in ``store.clocks``."""

    def __init__(self) -> None:
        self._known: dict[str, Skew] = {}
        self._asked: dict[str, datetime] = {}

    def may_ask(self, peer: str, now: datetime) -> bool:
        """Whether to show ``peer`` our time now, so that it sees how it differs; once in a while."""
        last = self._asked.get(peer)
        if last is not None and last <= now < last + ASKING_INTERVAL:
            return False
        self._asked[peer] = now
        return True

    def all(self) -> Mapping[str, Skew]:
        """The neighbours whose clock is not ours."""
        self.refresh()
        return dict(self._known)

    def of(self, peer: str) -> Skew | None:
        """None where the clocks agree, or nothing is known."""
        self.refresh()
        return self._known.get(peer)

    def dated(self, peer: str, at: datetime, now: datetime, *, by_itself: bool = True) -> bool:
        """``peer`` has dated something; whether the neighbour and our operator are to be told of a difference, or of
        its end. ``by_itself``: it was dated by its own clock when it was sent, and may show that all is well."""
        ahead = min(at - now, _LARGEST)
        if ahead > TOLERANCE:
            return self._learn(peer, Skew(ahead, now))
        return by_itself and ahead >= -TOLERANCE and self._forget(peer)

    def said(self, peer: str, ahead: timedelta, now: datetime) -> bool:
        """``peer`` says that our clock is ahead of its by so much; whether our operator is to be told."""
        if ahead > TOLERANCE:
            return self._learn(peer, Skew(-min(ahead, _LARGEST), now))
        known = self.of(peer)
        return known is not None and known.ahead < timedelta() and self._forget(peer)

    def refresh(self) -> None:
        """Read what other processes have learnt."""

    def alone(self) -> AbstractContextManager[None]:
        """While what is known changes; what was learnt stays when this ends."""
        return _nothing()

    def _learn(self, peer: str, skew: Skew) -> bool:
        if not _is_news(self._known.get(peer), skew):
            return False
        with self.alone():
            if not _is_news(self._known.get(peer), skew):
                return False  # another process was quicker
            self._known[peer] = skew
        return True

    def _forget(self, peer: str) -> bool:
        if peer not in self._known:
            return False
        with self.alone():
            return self._known.pop(peer, None) is not None


def _is_news(known: Skew | None, skew: Skew) -> bool:
    """What came late shows less than there is, so for a while only more is news."""
    if known is None or (known.ahead > timedelta()) != (skew.ahead > timedelta()):
        return True
    return abs(skew.ahead) > abs(known.ahead) + TOLERANCE or not known.at <= skew.at < known.at + REMINDER_INTERVAL


@contextmanager
def _nothing() -> Iterator[None]:
    yield


@dataclass(frozen=True, slots=True)
class ClockWord:
    """What a node tells a neighbour: the neighbour's clock is ahead of its own by so much at least (nothing, where it
    has not seen that, or no longer sees it), and its own time when it said so."""

    ahead: timedelta
    sent_at: datetime


def encode_clock(word: ClockWord) -> bytes:
    seconds = max(0, round(word.ahead.total_seconds()))
    return manifest.line({"v": manifest.VERSION, "ahead": seconds, "sent": instant(word.sent_at)})


def decode_clock(data: bytes) -> ClockWord:
    """Raises Refusal EDX704."""
    fields, _ = manifest.split(data)
    most = round(_LARGEST.total_seconds())

    def read() -> ClockWord:
        return ClockWord(
            timedelta(seconds=manifest.read_number(fields["ahead"], most)), manifest.read_moment(fields["sent"])
        )

    return manifest.read_fields(read)
