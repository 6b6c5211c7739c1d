"""Checks of the retention classes against each other."""

from __future__ import annotations

from collections.abc import Iterator

from edxml_router.config.mistake import WRONG, Mistake
from edxml_router.config.positions import Place, dotted
from edxml_router.config.settings import Sections
from edxml_router.core.detail import Detail
from edxml_router.core.retention.terms import GENERAL


def check_retention(sections: Sections) -> Iterator[Mistake]:
    """Names are told in plans and entries, so each is of one rule; a class without a condition would hide others."""
    first: dict[str, Place] = {}
    for number, one in enumerate(sections.retention.classes):
        place: Place = ("retention", "classes", number)
        if one.name in first or one.name == GENERAL:
            at = dotted(first.get(one.name, ("retention", "bodies")))
            detail = Detail(
                "{place}: {name} is already taken by {first}", place=dotted((*place, "name")), name=one.name, first=at
            )
            yield Mistake(WRONG, (*place, "name"), detail)
        first.setdefault(one.name, (*place, "name"))
        if not one.conditional:
            detail = Detail("{place}: it has no condition; the term for all is retention.bodies", place=dotted(place))
            yield Mistake(WRONG, (*place, "name"), detail)
