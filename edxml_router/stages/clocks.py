"""Neighbours' clocks: a difference from ours is reported at both ends (EDX806), and nothing is refused because of it.

    alarms = dated(node, peer, at)       # what a neighbour has dated came now
    alarms = hear_word(node, peer, word)      # it tells what it sees of our clock
    judge = careful(node, judge, now)    # a refusal that only one of two clocks makes is put off

A lifetime never needs two clocks: see :func:`edxml_router.stages.acceptance.results.expiry_time`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import islice
from typing import Final

from edxml_router.core.delivery.journal import Entry
from edxml_router.core.detail import Detail
from edxml_router.core.link.route import Route
from edxml_router.core.link.skew import CODE, REMINDER_INTERVAL, TOLERANCE, ClockWord, encode_clock
from edxml_router.core.link.wire import Transfer
from edxml_router.core.problems import Finding, Setback
from edxml_router.ports.transport import Message, Parcel
from edxml_router.stages.acceptance.submission import Candidate, Submission
from edxml_router.stages.node import Node
from edxml_router.stages.rules import Rules

Alarms = Sequence[tuple[str, Finding | None]]
Judge = Callable[[Rules, str, Submission, datetime], Candidate]

# Refusals that depend on the date: certificates, their authorities and lists, exceptions, bindings, the catalogue, the
# sender's time stamp. Revoked and blocked are not among them: that does not change with the date.
_LISTS: Final = "EDX314"
CLOCKS_MAX: Final = 4  # neighbours' clocks by which a submission is judged again; each costs a judgement
_BY_DATE: Final = frozenset(
    ("EDX301", "EDX307", "EDX308", "EDX309", _LISTS, "EDX323", "EDX402", "EDX408", "EDX501", "EDX502")
)


def dated(node: Node, peer: str, at: datetime, *, by_itself: bool = True) -> Alarms:
    """Compare the date that a neighbour wrote with the moment of arrival. The neighbour and the operator (by the alarm)
    are told of a difference."""
    now = node.now()
    if not node.skews.dated(peer, at, now, by_itself=by_itself):
        return ()
    skew = node.skews.of(peer)
    _tell(node, peer, skew.ahead if skew else timedelta(), now)
    return _alarm(node, peer, now)


def transferred(node: Node, peer: str, transfer: Transfer) -> Alarms:
    """The same for a transfer. One without hops is refused elsewhere."""
    return dated(node, peer, transfer.dated_at) if transfer.hops else ()


def hear_word(node: Node, peer: str, word: ClockWord) -> Alarms:
    """A neighbour says by how much our clock is ahead of its, and what the time is there."""
    now = node.now()
    if word.ahead > TOLERANCE and abs(word.sent_at - now) <= TOLERANCE:
        show_time(node, peer)  # it reports a past difference; equal times now show that it is over
    elif node.skews.said(peer, word.ahead, now):
        return _alarm(node, peer, now)
    return dated(node, peer, word.sent_at)


def show_time(node: Node, peer: str) -> None:
    """Send our time to a neighbour whose mail is put off because of it: only it can see that our clock is ahead."""
    now, skew = node.now(), node.skews.of(peer)
    if node.skews.may_ask(peer, now):
        _tell(node, peer, skew.ahead if skew else timedelta(), now)


def keep_asking(node: Node) -> None:
    """Send our time to neighbours whose clock differs: on a quiet link nothing else would show that the difference is
    gone."""
    for peer in node.skews.all():
        show_time(node, peer)


def _tell(node: Node, peer: str, ahead: timedelta, now: datetime) -> None:
    link = node.links.get(Route.link(peer))
    if link is not None:  # if it cannot be sent now, it is sent again later
        name = f"{node.name}.clock.{now:%Y%m%dT%H%M%S%f}"
        # An old time is of no use, and these must not pile up while a neighbour is away.
        message = Message("clock", name, encode_clock(ClockWord(ahead, now)), lifetime=REMINDER_INTERVAL)
        link.transport.publish([Parcel(link.mailbox, message)])


def _alarm(node: Node, peer: str, now: datetime) -> Alarms:
    skew = node.skews.of(peer)
    finding = skew.finding(peer) if skew else None
    entry = Entry(now, "clock.agrees", actor=peer)
    if finding is not None:
        entry = Entry(now, "clock.differs", actor=peer, code=finding.code, detail=finding.detail)
    with node.ledger.book() as book:  # bounded, like everything a neighbour provokes
        book.journal.note_odd([entry], node.rules.limits.noted_hourly, node.rules.peers.keys())
    return ((peer, finding),)


def careful(node: Node, judge: Judge, now: datetime) -> Callable[[Submission], Candidate]:
    """``judge`` at this moment. A refusal for the date is put off if it would not happen by a neighbour's clock: for a
    transfer that of its sender, else any that is known to differ. Nothing is ever *accepted* by another's clock."""
    rules = node.rules

    def by_each(submission: Submission) -> Candidate:
        item = judge(rules, node.name, submission, now)
        if item.trouble is not None and item.trouble.code in _BY_DATE:
            for peer, at in _other_times(node, item, now):
                other = judge(rules, node.name, submission, at)
                if other.trouble is None or other.trouble.code not in _BY_DATE:
                    why = Detail(
                        "{code} by this node's clock, not by that of {peer}", code=item.trouble.code, peer=peer
                    )
                    off = Setback(
                        CODE, where=peer, detail=Detail("{why}; {detail}", why=why, detail=item.trouble.finding.detail)
                    )
                    return replace(item, trouble=off)
        return item

    return by_each


def _other_times(node: Node, item: Candidate, now: datetime) -> Iterator[tuple[str, datetime]]:
    transfer, peer = item.submission.transfer, item.submission.peer
    if transfer is None:
        for each, skew in islice(node.skews.all().items(), CLOCKS_MAX):
            yield each, now + skew.ahead
    elif transfer.hops and abs(transfer.dated_at - now) > TOLERANCE and _doubtful(node, item):
        # It may only have waited on the way. Then it is sent again with a new date, and refused for the right reason.
        yield peer, transfer.dated_at


def _doubtful(node: Node, item: Candidate) -> bool:
    """Old lists do not count: a machine that was off for a week has old lists."""
    assert item.trouble is not None  # noqa: S101  # it was refused or put off
    return item.trouble.code != _LISTS or node.skews.of(item.submission.peer) is not None


def puts_off(answer_code: str) -> bool:
    """Whether a clock may be the cause of being put off with this code."""
    return answer_code in (CODE, _LISTS)
