"""Answers to an auditor's questions that are not what was asked for itself."""

from __future__ import annotations

from typing import TypedDict


class CountShape(TypedDict):
    """How many there are: of one group, or in all."""

    group: str | None
    total: int


def count_shape(group: str, total: int) -> CountShape:
    return {"group": group or None, "total": total}
