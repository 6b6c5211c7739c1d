"""Names that people type, and the answer when nothing has that name.

with naming(typed): registry.resolve(typed, day) # a refusal without a place gets what was typed raise unknown(typed,
["hold", "release"]) # EDX606 with the nearest name and the choices problem("302"), problem("edx302"),
problem("signature-broken")
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from difflib import get_close_matches
from typing import Final

from edxml_router.core.agencies.code import AgencyCode
from edxml_router.core.detail import Detail, joined
from edxml_router.core.problems import PROBLEMS, Problem, Refusal

_SHOWN: Final = 100  # characters of what was typed


@contextmanager
def naming(typed: str) -> Iterator[None]:
    """Give a refusal that has no place what was typed as its place."""
    try:
        yield
    except Refusal as refusal:
        if refusal.finding.where:
            raise
        raise Refusal(refusal.code, where=typed[:_SHOWN], detail=refusal.finding.detail) from refusal


def agency_code(typed: str) -> AgencyCode:
    """An agency's code and its form. Raises Refusal EDX503."""
    with naming(typed):
        return AgencyCode.parse(typed)


def unknown(typed: str, there: Collection[str], *, listed: bool = True) -> Refusal:
    """Nothing has that name: EDX606 with the nearest name and, with ``listed``, all names."""
    near = get_close_matches(typed.lower(), there, n=1)
    said = [Detail("did you mean {near}?", near=near[0])] if near else []
    said += [Detail("there is: {there}", there=", ".join(there))] if listed and there else []
    return Refusal("EDX606", where=typed[:_SHOWN], detail=joined("; ", said) if said else "")


def problem_named(typed: str) -> Problem:
    """The problem of a code, its number, or its name (slug). Raises Refusal EDX606."""
    wanted = typed.strip().upper()
    wanted = f"EDX{wanted}" if wanted.isdigit() else wanted
    for one in PROBLEMS.values():
        if wanted in (one.code, one.slug.upper()):
            return one
    raise unknown(typed, [one.slug for one in PROBLEMS.values()], listed=False)
