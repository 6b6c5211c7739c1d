"""What tests read out of the shapes."""

from __future__ import annotations

from typing import Any


def code_of(row: Any) -> str | None:
    """The code of an object's problem, if it has one."""
    return row["problem"]["code"] if row["problem"] else None
