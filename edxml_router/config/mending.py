"""Find further mistakes in a configuration in which some values are wrong.

    sections, touched = mended(table, errors, validate)
    mistakes = [mistake for mistake in check(sections, today) if is_certain(mistake, touched)]

Wrong values are taken out, which leaves the default, or the example where a value is required. The checks across
settings can then run; what they say about a touched setting, or about one that depends on it, is uncertain and left
out. So a person learns of all mistakes at once, and of no false ones.
"""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Iterable, Mapping
from copy import deepcopy
from dataclasses import MISSING, fields
from difflib import get_close_matches
from typing import Any, Final, get_args, get_type_hints

from pydantic import ValidationError

from edxml_router.config.mistake import Mistake
from edxml_router.config.positions import Place
from edxml_router.config.settings import Sections
from edxml_router.config.values import About, SettingsTable

_ROUNDS: Final = 5  # an example may itself stand in a place where something else is wrong


def mended(
    table: Mapping[str, Any], error: ValidationError, validate: Callable[[Any], Sections]
) -> tuple[Sections | None, frozenset[Place]]:
    """The sections without what is wrong, and the places that were touched. None if that does not suffice."""
    rest, touched = deepcopy(dict(table)), set[Place]()
    for _ in range(_ROUNDS):
        for item in error.errors(include_url=False):
            touched |= _mend(rest, item["loc"])
        try:
            return validate(rest), frozenset(touched)
        except ValidationError as another:
            error = another
    return None, frozenset(touched)


def is_certain(mistake: Mistake, touched: Iterable[Place]) -> bool:
    """Whether a mistake would be there too if what was touched were right."""
    return not any(
        _within(mistake.place, place) or any(_within(each, place) or _within(place, each) for each in mistake.also)
        for place in touched
    )


def nearest(place: Place) -> str | None:
    """The setting that an unknown name probably means."""
    section = _section(place[:-1])
    near = get_close_matches(str(place[-1]), [field.name for field in fields(section)] if section else [], n=1)
    return near[0] if near else None


def _within(inner: Place, outer: Place) -> bool:
    return inner[: len(outer)] == outer


def _mend(table: dict[str, Any], place: Place) -> set[Place]:
    """Take the value at ``place`` out of the table, or put the example there; the places that this touches."""
    holder: Any = table
    for depth, step in enumerate(place[:-1], 1):
        try:
            holder = holder[step]
        except (LookupError, TypeError):  # taken out already, with something beside it
            return {place}
        if not isinstance(holder, dict | list):  # pydantic's places go on inside some values
            return _mend(table, place[:depth])
    if isinstance(holder, list):  # not one element alone: the others would change their places
        return _mend(table, place[:-1])
    key = place[-1]
    example = _example(place)
    if example is not None:
        holder[key] = example
    else:
        holder.pop(key, None)
    meant = None if _known(place) else nearest(place)
    return {place} | ({(*place[:-1], meant)} if meant else set())


def _known(place: Place) -> bool:
    section = _section(place[:-1])
    return section is not None and place[-1] in {field.name for field in fields(section)}


def _example(place: Place) -> Any:
    """What may stand at ``place`` where something must; None where nothing needs to."""
    section = _section(place[:-1])
    for field in fields(section) if section else ():
        if field.name == place[-1] and field.default is MISSING:
            hint = get_type_hints(section, include_extras=True)[field.name]
            about = next(each for each in hint.__metadata__ if isinstance(each, About))
            return tomllib.loads(f"example = {about.example}")["example"]
    return None


def _section(place: Place) -> Any:
    """The kind of section at ``place``; None where there is none."""
    section: Any = Sections
    for step in place:
        if isinstance(step, str):
            section = get_type_hints(section).get(step)
        kinds = [kind for kind in (section, *get_args(section)) if isinstance(kind, type)]
        section = next((kind for kind in kinds if issubclass(kind, SettingsTable)), None)
        if section is None:
            return None
    return section
