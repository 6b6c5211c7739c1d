"""What of a node's needs is news to somebody who was told before. Pure.

    tidings = choose_tidings(known, overview, before, now, remind)
    if tidings.any: …                        # send, and then
    known = tidings.known

A need that comes and goes within two looks is not told, and one that is told is over only when two looks have not seen
it. What a look could not examine (the database was away) is not over.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from edxml_router.services.alerts.values import AlertKey, Known, ToldAlert
from edxml_router.services.health.checks import WITHOUT_DATABASE
from edxml_router.services.overview.values import Need, Overview

OWN_CHECK: Final = "alerts"  # of what cannot be told, nobody can be told
ENDING_CHECKS: Final = frozenset({"config", "packages"})  # where these fail, no other is made
MOST_KNOWN: Final = 500


@dataclass(frozen=True, slots=True)
class Tidings:
    """What is to be told now, and what is known once it has been. ``standing`` was told before and has not changed."""

    new: Sequence[Need]
    over: Sequence[tuple[AlertKey, datetime]]
    standing: Sequence[Need]
    known: Known
    due: bool  # something that is broken has not been told for long

    @property
    def any(self) -> bool:
        return bool(self.new or self.over or self.due)


def keyed_needs(overview: Overview) -> Mapping[AlertKey, Need]:
    """What may be told of, the gravest first."""
    needs = {key_of(need): need for need in overview.needs if need.check != OWN_CHECK}
    return dict(list(needs.items())[:MOST_KNOWN])


def key_of(need: Need) -> AlertKey:
    return AlertKey(need.check, need.finding.code, need.finding.where)


def choose_tidings(known: Known, overview: Overview, before: Overview, now: datetime, remind: timedelta) -> Tidings:
    """``known``: what this receiver was told; ``before``: the look before this one."""
    needs, earlier = keyed_needs(overview), keyed_needs(before)
    new = {key: need for key, need in needs.items() if key not in known and key in earlier}
    standing = {key: need for key, need in needs.items() if key in known}
    over = [
        (key, told.since)
        for key, told in known.items()
        if key not in needs and key not in earlier and _examined(key, overview) and _examined(key, before)
    ]
    due = any(now - known[key].at >= remind for key, need in standing.items() if need.result == "failed")
    told = {key: ToldAlert(need.since, now) for key, need in {**standing, **new}.items()}
    unseen = {key: one for key, one in known.items() if key not in told and key not in dict(over)}
    return Tidings([*new.values()], sorted(over), [*standing.values()], {**unseen, **told}, due)


def _examined(key: AlertKey, overview: Overview) -> bool:
    if any(one.check in ENDING_CHECKS and one.result == "failed" for one in overview.checks):
        return key.check in ENDING_CHECKS
    return overview.unread is None or key.check not in WITHOUT_DATABASE
