"""Outcomes that rest on a neighbour's word alone.

for end in each_unproven(ledger.views, since, "quoc-gia"): …
sum_up_unproven(ledger.views, since)      # by neighbour and problem, a bounded number of them
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from itertools import islice
from typing import Final

from edxml_router.config import Settings
from edxml_router.core.delivery.views import UnprovenEnd
from edxml_router.core.detail import Detail
from edxml_router.core.problems import Refusal
from edxml_router.credentials.identities import neighbour_sections
from edxml_router.ports.views import Views

RECENT: Final = timedelta(days=30)  # what became known before that is no news to anybody
COUNTED: Final = 1000
_PAGE: Final = 200


def each_unproven(views: Views, since: datetime, peer: str = "", code: str = "") -> Iterator[UnprovenEnd]:
    """The newest first, read in pages."""
    before = 0
    while page := views.unproven_ends(since, peer=peer, code=code, before=before, limit=_PAGE):
        yield from page
        before = page[-1].number


def sum_up_unproven(views: Views, since: datetime) -> Mapping[tuple[str, str], Sequence[UnprovenEnd]]:
    """The newest, by neighbour and problem, :data:`COUNTED` of them together at most."""
    found: dict[tuple[str, str], list[UnprovenEnd]] = {}
    for end in islice(each_unproven(views, since), COUNTED):
        found.setdefault((end.told_by, end.finding.code), []).append(end)
    return found


def require_neighbour(settings: Settings, name: str) -> None:
    """Raises Refusal EDX606 for a name that is no neighbour's."""
    known = sorted(section.name for section in neighbour_sections(settings))
    if name not in known:
        names = ", ".join(known) or "-"
        raise Refusal("EDX606", where=name, detail=Detail("not a neighbour; there are {names}", names=names))
