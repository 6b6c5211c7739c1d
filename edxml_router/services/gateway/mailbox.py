"""An office's inbox and its events, in pages with a cursor that misses nothing and may be kept for ever.

    page = inbox(node, "so", cursor="", limit=100)        # page.rows, page.cursor, page.head
    page = events(node, "vp", cursor, limit=100)
    news = look(node, after)                              # for whom there is something since

A cursor is a place in the journal's log (:mod:`edxml_router.store.journal.sequencer`) with the epoch that it belongs
to. Without one, the inbox is listed whole, from its beginning; what comes meanwhile is behind the place that was noted
when the listing began. A cursor of an epoch that is over begins anew: after a restored back-up an office hears of
letters again rather than not at all. Events begin now where no cursor is given. Raises Refusal EDX418 for a cursor that
is none.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Generic, TypeVar

from edxml_router.core.delivery.journal import DELIVERY_EVENTS, DELIVERY_QUEUED
from edxml_router.core.delivery.lifecycle import Event, State
from edxml_router.core.delivery.views import FeedHead, FeedLine, InboxItem
from edxml_router.core.detail import Detail
from edxml_router.core.link.route import Route
from edxml_router.core.problems import Refusal
from edxml_router.store.journal import sequencer
from edxml_router.wiring.stored import StoredNode

T = TypeVar("T")

OFFERED: Final = DELIVERY_EVENTS[Event.OFFER]
# What an office is told of its mail; that a worker takes a delivery in hand is nobody's news.
TOLD: Final = frozenset({DELIVERY_QUEUED, *DELIVERY_EVENTS.values()} - {DELIVERY_EVENTS[Event.CLAIM]})
SPAN: Final = 20_000  # places that one page looks through
_LOOKED: Final = 5_000  # places that one look goes through; more are for the next
_CURSOR: Final = re.compile(r"([0-9a-z]{0,64})-([0-9]{1,18})(?:-([0-9]{1,18}))?")


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """``cursor`` begins the next page; ``more``: there may be something on it now. ``head``: how far was looked."""

    rows: Sequence[T]
    cursor: str
    more: bool
    head: int


@dataclass(frozen=True, slots=True)
class News:
    """Up to ``head``, the offices for which something lies ready, and those whose mail something became of.
    ``more``: not all was looked through."""

    head: int
    mail: frozenset[str]
    events: frozenset[str]
    more: bool


def inbox(node: StoredNode, office: str, cursor: str, limit: int) -> Page[InboxItem]:
    """What lies ready for an office: all of it, or what came since the cursor."""
    head, place, number = _begin(node, cursor, whole=True)
    route, views = Route.office(office), node.ledger.views
    if number is not None:
        agencies = node.rules.peers[office].codes
        rows = views.ready_for(route, agencies, after=number, limit=limit + 1)
        more = len(rows) > limit
        last = f"-{rows[limit - 1].delivery.id}" if more else ""
        return Page(rows[:limit], f"{head.epoch}-{place}{last}", more, head.size)
    until = min(head.size, place + SPAN)
    found = views.offered_to(route, OFFERED, place, until, limit)
    following = found[-1][0] + 1 if len(found) == limit else until
    once = {item.delivery.id: item for _, item in found}  # offered twice, it lies there once
    return Page(list(once.values()), f"{head.epoch}-{following}", following < head.size, head.size)


def events(node: StoredNode, office: str, cursor: str, limit: int) -> Page[FeedLine]:
    """What became of the mail of an office since the cursor."""
    head, place, _ = _begin(node, cursor, whole=False)
    until = min(head.size, place + SPAN)
    rows = node.ledger.views.feed(place, until, office=Route.office(office), events=TOLD, limit=limit)
    following = rows[-1].position + 1 if len(rows) == limit else until
    return Page(rows, f"{head.epoch}-{following}", following < head.size, head.size)


def letter(node: StoredNode, office: str, name: str) -> InboxItem:
    """A letter that an office may fetch. Raises Refusal EDX606."""
    digest, _, recipient = name.partition(".")
    views, states = node.ledger.views, (State.AVAILABLE, State.CONFIRMED)
    found = views.list_deliveries(digest=digest, recipient=recipient, route=Route.office(office), states=states)
    if not found:
        raise Refusal("EDX606", where=name[:150])
    return InboxItem(found[0], views.find_envelopes(digest=digest, limit=1)[0].envelope)


def documents(node: StoredNode, digests: Collection[str]) -> Mapping[str, str]:
    """The DocumentId of each envelope."""
    return node.ledger.views.document_ids(digests)


def cursor_after(cursor: str, line: FeedLine) -> str:
    """The cursor that begins right behind an event of the page that ``cursor`` ends."""
    return f"{cursor.partition('-')[0]}-{line.position + 1}"


def look(node: StoredNode, after: int | None) -> News:
    """Let what is committed take its places, and tell for whom there is something from ``after`` on; None begins
    now. One look serves everybody who waits."""
    head = _numbered(node)
    if after is None or after > head.size:  # a back-up was restored: who waits is woken by what comes now
        return News(head.size, frozenset(), frozenset(), more=False)
    until = min(head.size, after + _LOOKED)
    lines = node.ledger.views.feed(after, until, events=TOLD, limit=_LOOKED)
    mail = {line.route.name for line in lines if line.route.is_office and line.entry.event == OFFERED}
    routes = {route for line in lines for route in (line.route, line.origin)}
    unnumbered = sequencer.waiting_since(node.ledger) is not None  # another process was at it
    return News(
        until, frozenset(mail), frozenset(one.name for one in routes if one.is_office), until < head.size or unnumbered
    )


def _numbered(node: StoredNode) -> FeedHead:
    """How far the journal is, with what is committed by now. To ask first keeps those who only read from writing."""
    if sequencer.waiting_since(node.ledger) is not None:
        sequencer.number_entries(node.ledger)
    return node.ledger.views.feed_head()


def _begin(node: StoredNode, cursor: str, *, whole: bool) -> tuple[FeedHead, int, int | None]:
    """How far the journal is, from which place to go on, and after which delivery's number where all is listed."""
    head = _numbered(node)
    if not cursor:
        return head, head.size, 0 if whole else None
    read = _CURSOR.fullmatch(cursor)
    if read is None:
        raise Refusal("EDX418", where="cursor", detail=Detail("not a cursor of this node"))
    epoch, place, number = read.groups()
    if epoch != head.epoch or int(place) > head.size:
        return head, head.size, 0 if whole else None
    return head, int(place), int(number) if number is not None else None
