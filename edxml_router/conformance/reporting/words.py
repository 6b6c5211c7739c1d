"""The words around a report, in both languages."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from types import MappingProxyType
from typing import Final

from edxml_router.core.detail import Detail
from edxml_router.language.catalogues import shown_value, told
from edxml_router.shapes.office.conformance import ConformanceShape

WORDS: Final[Mapping[str, Detail]] = MappingProxyType(
    {
        "acts": Detail("Please do this in the system under test, in any order:"),
        "agency": Detail("agency under test"),
        "counterpart": Detail("agency of the kit"),
        "ended_at": Detail("ended at"),
        "expectation": Detail("expected"),
        "held": Detail("held"),
        "instruction": Detail("to do"),
        "messages": Detail("sent"),
        "node": Detail("node or gateway"),
        "not-held": Detail("not held"),
        "not-tried": Detail("not tried"),
        "receives": Detail("What the system does with what it receives"),
        "remedy": Detail("remedy"),
        "rule": Detail("rule"),
        "seen": Detail("seen"),
        "sends": Detail("What the system sends"),
        "started_at": Detail("begun at"),
        "title": Detail("Conformance report"),
        "working": Detail("trying"),
    }
)


def word(language: str, key: str) -> str:
    return told(language, WORDS[key])


def told_moment(language: str, at: str | None) -> str:
    """A moment of a report as this language writes it, in this machine's time zone; empty for none."""
    return shown_value(language, datetime.fromisoformat(at)) if at is not None else ""


def counts(language: str, shape: ConformanceShape) -> str:
    """How many of the chosen cases had which verdict."""
    return told(
        language,
        Detail(
            "{held} held, {not_held} not held, {not_tried} not tried, of {chosen}",
            held=shape["held"],
            not_held=shape["not_held"],
            not_tried=shape["not_tried"],
            chosen=shape["chosen"],
        ),
    )
