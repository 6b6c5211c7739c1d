"""What the gateway refuses, as an exception."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, cast

if TYPE_CHECKING:
    from edxml_router.shapes.problem import ProblemShape

_PASSING = frozenset({408, 425, 429, 500, 502, 503, 504})  # statuses of who did not get as far as the node


class ProblemError(Exception):
    """The node does not do it. ``code`` is of docs/problems.md, or empty where a proxy answered; ``passing``: it may
    well be done later. ``document`` is the whole answer."""

    def __init__(self, status: int, document: ProblemShape | dict[str, Any], retry_after: float | None = None) -> None:
        self.status = status
        self.document = document
        self.retry_after = retry_after  # seconds
        self.code = str(document.get("code", ""))
        self.title = str(document.get("title", ""))
        self.remedy = str(document.get("remedy", ""))
        what = " ".join(filter(None, (self.code, self.title))) or f"HTTP {status}"
        detail, where = str(document.get("detail") or ""), str(document.get("where") or "")
        super().__init__(": ".join(filter(None, (what, detail))) + (f" ({where})" if where else ""))

    @property
    def passing(self) -> bool:
        weight = self.document.get("weight")
        return weight == "transient" if weight else self.status in _PASSING

    @classmethod
    def of(cls, status: int, body: bytes, retry_after: str | None) -> ProblemError:
        """What was answered; a body that is no problem counts as an empty one."""
        try:
            document = json.loads(body)
        except ValueError:
            document = {}
        seconds = float(retry_after) if retry_after and retry_after.isdigit() else None
        return cls(status, cast("dict[str, Any]", document if isinstance(document, dict) else {}), seconds)
