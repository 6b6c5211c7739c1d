"""The page "Agencies"."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

TEXTS: Final[Mapping[str, str]] = {
    "agencies.title": "Agencies",
    "agencies.count": "{count} agencies are in this node's catalogue, closed ones too.",
    "agencies.find": "Name or code; diacritics do not matter",
    "agencies.find_do": "Find",
    "agencies.found": "{count} found",
    "agencies.more": "Only the first {count} are shown: type more of the name.",
    "agencies.none": "No agency is called so.",
    "agencies.code": "Code, in any form",
    "agencies.on": "On the day",
    "agencies.explain": "Explain",
    "agencies.wrong_day": "That is no day; today is shown.",
    "agencies.name": "Name",
    "agencies.state": "State",
    "agencies.until": "Until",
    "agencies.level": "Level",
    "agencies.above": "Below",
    "agencies.aliases": "Other codes",
    "agencies.children": "Agencies below it",
    "agencies.source": "Source",
    "agencies.successors": "Who took over",
    "agencies.no_successors": "Nobody is named.",
    "agencies.unverified": "not verified",
    "agencies.means": "What the code means on {day}",
    "agencies.meant": "{code} {name}",
    "agencies.route": "Where its mail goes from here now",
}
