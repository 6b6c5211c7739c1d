"""Checks of seals against the offices and against each other."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from edxml_router.config.mistake import Mistake
from edxml_router.config.positions import Place, dotted
from edxml_router.config.settings import Sections
from edxml_router.core.agencies.code import AgencyCode
from edxml_router.core.detail import Detail
from edxml_router.core.problems import Refusal

UNFIT: Final = "EDX925"


def check_seals(sections: Sections) -> Iterator[Mistake]:
    """Each is of one agency that an office here sends for: nobody else could use it."""
    first: dict[str, Place] = {}
    served = {_known_as(code) for office in sections.offices for code in office.agencies}
    for number, seal in enumerate(sections.seals):
        place: Place = ("seals", number, "agency")
        code = _known_as(seal.agency)
        if code in first:
            detail = Detail("{place}: {agency} has a seal in {first}", place=dotted(place), agency=seal.agency,
                            first=dotted(first[code]))  # fmt: skip
            yield Mistake(UNFIT, place, detail, (first[code],))
        elif code not in served:
            detail = Detail("{place}: no office sends for {agency}", place=dotted(place), agency=seal.agency)
            yield Mistake(UNFIT, place, detail, (("offices",),))
        first.setdefault(code, place)


def _known_as(text: str) -> str:
    """The code as routing sees it; one that only the catalogue knows stands for itself."""
    try:
        return AgencyCode.parse(text).known_as()
    except Refusal:
        return text
