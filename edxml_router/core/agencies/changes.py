"""On which days something changed about an agency: it opened, closed, got or lost a code, passed its duties on, or its
row was imported here.

    changes = AgencyChanges(registry)             # made once for a registry
    changes.between(first, last)                  # codes, each once, in their order

A day that is still to come counts from that day on. Days are inclusive, Vietnam's.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from datetime import date, timedelta

from edxml_router.core.agencies.registry import Registry

_DAY = timedelta(days=1)


class AgencyChanges:
    """See the module."""

    def __init__(self, registry: Registry) -> None:
        self.registry = registry
        self._days = sorted({(day, code) for day, code in _changes(registry) if code in registry})

    def between(self, first: date, last: date) -> Sequence[str]:
        """The agencies of which something changed on one of these days."""
        start = bisect_left(self._days, (first, ""))
        stop = bisect_right(self._days, (last, "\U0010ffff"))
        return sorted({code for _, code in self._days[start:stop]})


def _changes(registry: Registry) -> Iterator[tuple[date, str]]:
    for agency in registry:
        yield from _dated(agency.code, agency.valid_from, agency.valid_to)
        yield from ((step.since, step.code) for step in registry.successions(agency.code) if step.since)
    for alias in registry.every_alias():
        yield from _dated(alias.canonical, alias.valid_from, alias.valid_to)
    yield from ((day, code) for code, day in registry.imported.items())


def _dated(code: str, first: date | None, last: date | None) -> Iterator[tuple[date, str]]:
    if first is not None:
        yield first, code
    if last is not None and last < date.max:
        yield last + _DAY, code  # the first day on which it is not any more
