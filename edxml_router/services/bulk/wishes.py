"""What a person asked for on the page of what waits and has failed, as it stands in its address.

    wish = read_wish({"link": "tay-ninh", "code": "EDX702", "state": "held", "older": "2h"})
    choice = choice_of(wish, settings, views, now)
    wish.query                                   # "link=tay-ninh&code=EDX702…", which reads the same

Conditions are composed: all that are given must hold. Raises Refusal EDX606 for a link or a document that is not there,
EDX809 for anything that cannot be read.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final
from urllib.parse import urlencode

from edxml_router.config import Settings
from edxml_router.core.delivery.lifecycle import ENDS, State
from edxml_router.core.detail import Detail
from edxml_router.core.link.route import Route
from edxml_router.core.problems import PROBLEMS, Refusal
from edxml_router.ports.views import Views
from edxml_router.services import auditor
from edxml_router.services.selection import named_route
from edxml_router.store.bulk.choosing import Choice
from edxml_router.wiring.agencies import load_registry

FAILED_DAYS: Final = 7  # what failed longer ago is not told without being asked for
MOST_DAYS: Final = 3650
NO_PROBLEM: Final = "none"  # stands for the code of those that have none
OPEN: Final = tuple(state for state in State if state not in ENDS)
SHOWN: Final = (*OPEN, State.RETURNED, State.EXPIRED)  # what was cancelled was wanted so
FIELDS: Final = ("link", "code", "state", "recipient", "document", "older", "newer", "days")
_AGE: Final = re.compile(r"(\d{1,6})(m|h|d)")
_UNITS: Final = {"m": "minutes", "h": "hours", "d": "days"}
_LONGEST: Final = 200  # characters of one condition


@dataclass(frozen=True, slots=True)
class Wish:
    """The conditions as they were typed, an empty text for none; ``days``: what failed within so many."""

    link: str = ""
    code: str = ""
    state: str = ""
    recipient: str = ""
    document: str = ""
    older: str = ""
    newer: str = ""
    days: str = ""

    @property
    def query(self) -> str:
        """As the address of a page has it."""
        return urlencode({name: value for name in FIELDS if (value := getattr(self, name))})

    def __bool__(self) -> bool:
        return bool(self.query)

    def but(self, **changes: str) -> Wish:
        """The same with other conditions in some places."""
        return replace(self, **changes)


def read_wish(given: Mapping[str, str]) -> Wish:
    """What is not one of the conditions is left alone."""
    return Wish(**{name: given.get(name, "").strip()[:_LONGEST] for name in FIELDS})


def choice_of(wish: Wish, settings: Settings, views: Views, now: datetime) -> Choice:
    """The conditions as the database is asked."""
    recipient = wish.recipient
    if recipient:
        recipient = load_registry(settings).canonical_or_none(recipient) or recipient
    digests = None
    if wish.document:
        digests = tuple(found.envelope.digest for found in auditor.find(views, wish.document))
    return Choice(
        _states(wish.state),
        now - timedelta(days=_days(wish.days)),
        _route(wish.link, settings, views),
        _code(wish.code),
        recipient,
        now - _age(wish.older, "older") if wish.older else None,
        now - _age(wish.newer, "newer") if wish.newer else None,
        digests,
    )


def _states(typed: str) -> tuple[State, ...]:
    if not typed:
        return SHOWN
    if typed == "open":
        return OPEN
    try:
        return tuple(State(one) for one in typed.split(","))
    except ValueError:
        raise _unreadable("state", typed) from None


def _route(typed: str, settings: Settings, views: Views) -> Route | None:
    return named_route(views, settings, typed) if typed else None


def _code(typed: str) -> str | None:
    if not typed:
        return None
    if typed == NO_PROBLEM:
        return ""
    code = typed.upper()
    if code not in PROBLEMS:
        raise _unreadable("code", typed)
    return code


def _age(typed: str, name: str) -> timedelta:
    found = _AGE.fullmatch(typed)
    if found is None:
        raise _unreadable(name, typed)
    age = timedelta(**{_UNITS[found[2]]: int(found[1])})
    if age > timedelta(days=MOST_DAYS):
        raise _unreadable(name, typed)
    return age


def _days(typed: str) -> int:
    if not typed:
        return FAILED_DAYS
    if not (typed.isascii() and typed.isdecimal() and 0 < int(typed) <= MOST_DAYS):
        raise _unreadable("days", typed)
    return int(typed)


def _unreadable(name: str, typed: str) -> Refusal:
    return Refusal("EDX809", where=name, detail=Detail("not understood: {typed}", typed=typed[:50]))
