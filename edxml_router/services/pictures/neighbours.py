"""The picture of a node among its neighbours: a line for each link and office, as thick as much goes over it, with what
waits there as a number.

    neighbour_picture("h53", [NeighbourLine("tw", "parent", flow=120, waiting=3, level="some")], "vi")
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import log2
from typing import Final, Literal

from edxml_router.core.detail import Detail, joined
from edxml_router.language.catalogues import told
from edxml_router.services.pictures.svg import box, curve, drawn_text, picture, shortened

Level = Literal["calm", "some", "much", "silent"]
Role = Literal["parent", "child", "office"]

MOST_LINES: Final = 20  # then the calm ones are summed up
WIDTH: Final = 480
_ROW: Final = 34
_TOP: Final = 6
_OWN: Final = 104  # width of this node's box
_LEFT: Final = 190  # of the boxes of the others
_BOX: Final = 160
_NAME: Final = 18  # letters
_THICKEST: Final = 12.0
_WORDS: Final = {
    "calm": Detail("nothing waits too long"),
    "some": Detail("some of it waits longer than usual"),
    "much": Detail("it piles up"),
    "silent": Detail("no answer"),
}
_ROLES: Final = {"parent": Detail("parent"), "child": Detail("child"), "office": Detail("office")}
_MARKS: Final = {"calm": "", "some": " !", "much": " !!", "silent": " ✕"}
_ORDER: Final = {"silent": 0, "much": 1, "some": 2, "calm": 3}


@dataclass(frozen=True, slots=True)
class NeighbourLine:
    """A link or an office: deliveries that took this way lately, and how many wait for it now."""

    name: str
    role: Role
    flow: int
    waiting: int
    level: Level


def neighbour_picture(node: str, lines: Sequence[NeighbourLine], language: str) -> str:
    """The picture, in which the ways that need somebody are never summed up before those that do not."""
    shown, others = _chosen(lines)
    rows = len(shown) + bool(others)
    height = _TOP * 2 + _ROW * max(rows, 2)
    middle = height / 2
    most = max((one.flow for one in lines), default=0)
    parts: list[str] = []
    for place, one in enumerate(shown):
        y = _TOP + _ROW * place + _ROW / 2
        parts.append(curve((_OWN, middle), (_LEFT, y), thickness(one.flow, most), f"pic-way pic-{one.level}"))
    parts += [box(2, middle - 16, _OWN, 32, "pic-own"), drawn_text(2 + _OWN / 2, middle + 5, shortened(node, 13), "pic-name", "middle")]  # fmt: skip  # noqa: E501
    for place, one in enumerate(shown):
        y = _TOP + _ROW * place
        role = told(language, _ROLES[one.role])
        parts += [
            box(_LEFT, y + 3, _BOX, _ROW - 6, f"pic-box pic-{one.level}"),
            drawn_text(_LEFT + 8, y + 21, shortened(one.name, _NAME), "pic-name"),
            drawn_text(_LEFT + _BOX + 10, y + 15, f"{one.waiting}{_MARKS[one.level]}", f"pic-number pic-{one.level}"),
            drawn_text(_LEFT + _BOX + 10, y + 28, role, "pic-small"),
        ]
    if others:
        y = _TOP + _ROW * len(shown)
        words = Detail("and {count} more, where {waiting} wait", count=len(others), waiting=sum(one.waiting for one in others))  # fmt: skip  # noqa: E501
        parts.append(drawn_text(_LEFT + 8, y + 21, told(language, words), "pic-small"))
    title = told(language, Detail("{node} and its neighbours", node=node))
    return picture("neighbours", (WIDTH, int(height)), title, _in_words(shown, len(others), language), parts)


def thickness(flow: int, most: int) -> float:
    """Of a line: by the logarithm, since a province sends a hundred times as much as a commune."""
    if not flow or not most:
        return 1.0
    return 1.0 + (_THICKEST - 1.0) * log2(1 + flow) / log2(1 + most)


def _chosen(lines: Sequence[NeighbourLine]) -> tuple[list[NeighbourLine], list[NeighbourLine]]:
    if len(lines) <= MOST_LINES:
        return list(lines), []
    kept = set(sorted(lines, key=lambda one: (_ORDER[one.level], -one.waiting, -one.flow, one.name))[:MOST_LINES])
    return [one for one in lines if one in kept], [one for one in lines if one not in kept]


def _in_words(shown: Sequence[NeighbourLine], others: int, language: str) -> str:
    said = [
        Detail(
            "{name} ({role}): {waiting} wait, {flow} went there lately, {level}",
            name=one.name,
            role=_ROLES[one.role],
            waiting=one.waiting,
            flow=one.flow,
            level=_WORDS[one.level],
        )
        for one in shown
    ]
    if others:
        said.append(Detail("{count} others are not drawn", count=others))
    return told(language, joined("; ", said)) if said else told(language, Detail("no neighbours and no offices"))
