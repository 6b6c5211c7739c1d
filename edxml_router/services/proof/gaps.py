"""What the two ends of each link believe to have gone over it, and where they differ.

asked = begin_comparison(settings, ledger, "", since)   # the running node then asks its neighbours
wait_for(settings, ledger.views, asked, patience, told)
for each in comparisons(settings, ledger.views, now): …
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from edxml_router.config import Settings
from edxml_router.core.detail import Detail
from edxml_router.core.link.inventory.messages import Direction, Pass
from edxml_router.core.link.inventory.values import UNANSWERED, InventoryRound, LinkGap
from edxml_router.core.problems import Finding, Refusal
from edxml_router.credentials.identities import log_keys, neighbour_sections
from edxml_router.ports.ledger import Ledger
from edxml_router.ports.views import Views
from edxml_router.stages.inventory.comparing import PATIENCE, new_round

SILENCE: Final = timedelta(hours=3)  # without an answer to a page, until a neighbour is named
_PAUSE: Final = 0.1  # seconds between looks
_PAGE: Final = 200


@dataclass(frozen=True, slots=True)
class LinkComparison:
    """How it stands with one neighbour. ``asked``: the comparison that an operator wanted, by direction; ``reached``:
    before which the node itself has compared everything that it handed over or took, as far as it is; ``finding``: why
    nothing is compared, or not to the end."""

    peer: str
    asked: Sequence[InventoryRound]
    reached: datetime | None
    finding: Finding | None

    @property
    def over(self) -> bool:
        return bool(self.asked) and all(each.over and each.turned_at for each in self.asked)

    @property
    def compared(self) -> int:
        return sum(each.compared for each in self.asked)


def begin_comparison(settings: Settings, ledger: Ledger, name: str, since: datetime, now: datetime) -> Sequence[str]:
    """Have the node compare everything since then with one neighbour, or all (``name`` empty), as soon as it looks;
    and the neighbour its own with it. Returns those that are asked: of others it is not known that they know how.
    Raises Refusal EDX606 for a name that is no neighbour's."""
    known = {section.name for section in neighbour_sections(settings)}
    if name and name not in known:
        raise Refusal("EDX606", where=name, detail=Detail("not a neighbour; there are {names}", names=_joined(known)))
    able = _able(settings, ledger.views)
    asked = [each for each in sorted(known) if each in able and name in ("", each)]
    rounds = [new_round(peer, direction, Pass.ASKED, since, now) for peer in asked for direction in Direction]
    with ledger.book() as book:
        book.inventories.begin(rounds, anew=True)
    return asked


def wait_for(
    settings: Settings, views: Views, peers: Sequence[str], patience: timedelta, told: Callable[[int], None]
) -> None:
    """Wait until the comparisons of these neighbours are over, so long at most. ``told`` gets how many deliveries were
    compared since it was last called."""
    until, before = time.monotonic() + patience.total_seconds(), 0
    while time.monotonic() < until:
        found = list(comparisons(settings, views, datetime.now(UTC), peers))
        compared = sum(each.compared for each in found)
        told(max(compared - before, 0))
        before = compared
        if all(each.over for each in found):
            return
        time.sleep(_PAUSE)


def comparisons(
    settings: Settings, views: Views, now: datetime, peers: Sequence[str] | None = None
) -> Iterator[LinkComparison]:
    """Of these neighbours, or of all."""
    rounds = views.inventory_rounds()
    able = _able(settings, views)
    for section in sorted(neighbour_sections(settings), key=lambda one: one.name):
        if peers is not None and section.name not in peers:
            continue
        theirs = [each for each in rounds if each.peer == section.name]
        own = [each for each in theirs if each.reason is Pass.SOON]
        asked = [each for each in theirs if each.reason is Pass.ASKED]
        reached = min((each.reached for each in own), default=None)
        finding = None
        if section.name not in able:
            why = Detail("no verifier key of it is configured (log_keys), or this journal has none (journal.key)")
            if settings.journal.key is not None and log_keys(section):
                why = Detail("it has not said that it compares: a node of an older version, or one that is away")
            finding = Finding(UNANSWERED, section.name, why)
        elif silent := [each for each in own if _is_silent(each, now)]:
            told = Detail("a page of {at:%Y-%m-%d %H:%M} is not answered", at=silent[0].reached)
            finding = Finding(UNANSWERED, section.name, told)
        yield LinkComparison(section.name, asked, reached, finding)


def unanswered(each: LinkComparison) -> Finding | None:
    """What is missing of a comparison that was asked for and waited for."""
    if each.finding is not None or each.over:
        return each.finding
    if all(one.over for one in each.asked):
        told = Detail("it has answered, but has not shown its own list")
    else:
        told = Detail("it has not answered about everything; is the node running here, and there?")
    return Finding(UNANSWERED, each.peer, told)


def each_gap(views: Views, peer: str = "", *, ended: bool = False) -> Iterator[LinkGap]:
    """All gaps that are kept of one neighbour, or of all."""
    return (gap for _, gap in numbered_gaps(views, peer, ended=ended))


def numbered_gaps(views: Views, peer: str = "", *, ended: bool = False) -> Iterator[tuple[int, LinkGap]]:
    """The same with their numbers, by which pages go on; read in pages."""
    after = ("", 0)
    while page := views.link_gaps(peer, ended=ended, after=after, limit=_PAGE):
        yield from page
        after = page[-1][1].peer, page[-1][0]


@dataclass(frozen=True, slots=True)
class GapPage:
    """Some of a neighbour's gaps: ``every`` one there is, those of this page, and the number behind which the next one
    begins; None where there is none."""

    every: Sequence[LinkGap]
    shown: Sequence[LinkGap]
    following: int | None


def gap_page(views: Views, peer: str, after: int, limit: int) -> GapPage:
    """The gaps of a neighbour behind this number; of a neighbour only so many are kept that all can be looked at."""
    numbered = list(numbered_gaps(views, peer))
    later = [each for each in numbered if each[0] > after]
    page = later[:limit]
    following = page[-1][0] if len(later) > limit else None
    return GapPage([gap for _, gap in numbered], [gap for _, gap in page], following)


def gap_evidence(views: Views, gap: LinkGap) -> str:
    """The note that the neighbour signed, in which it says so."""
    note = views.gap_evidence(gap.evidence)
    return note.decode() if note else ""


def _able(settings: Settings, views: Views) -> set[str]:
    if settings.journal.key is None:
        return set()
    with_key = {section.name for section in neighbour_sections(settings) if log_keys(section)}
    return with_key & {each.peer for each in views.inventory_rounds() if each.reason is Pass.SOON}


def _is_silent(each: InventoryRound, now: datetime) -> bool:
    """Of a page that was asked about: whether nothing was answered for so long. When it was asked first is not kept;
    what is asked again and again has an old answer."""
    if not each.question or each.asked_at is None or now > each.asked_at + SILENCE + PATIENCE:
        return False
    return (each.answered_at or each.begun_at) < now - SILENCE


def _joined(names: set[str]) -> str:
    return ", ".join(sorted(names)) or "-"
