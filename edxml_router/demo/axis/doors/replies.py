"""Answers that the door gives itself, and those that it holds whole."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any, Final

from edxml_router.core.problems import Finding
from edxml_router.shapes.problem import problem_shape

PROBLEM: Final = "application/problem+json"


@dataclass(frozen=True, slots=True)
class Reply:
    """Status, body and fields; the length is added when it is sent."""

    status: int
    data: bytes = b""
    fields: Sequence[tuple[str, str]] = field(default_factory=tuple)

    def encoded(self, method: str) -> bytes:
        kept = [f"{name}: {value}" for name, value in self.fields if name.lower() != "content-length"]
        phrase = HTTPStatus(self.status).phrase
        lines = [f"HTTP/1.1 {self.status} {phrase}", *kept, f"Content-Length: {len(self.data)}", "", ""]
        return "\r\n".join(lines).encode("latin-1") + (b"" if method == "HEAD" else self.data)


def json_reply(value: Any, status: int = 200) -> Reply:
    data = json.dumps(value, ensure_ascii=False).encode()
    return Reply(status, data, [("Content-Type", "application/json"), ("Cache-Control", "no-store")])


def problem_reply(finding: Finding, languages: str | None, fields: Sequence[tuple[str, str]] = ()) -> Reply:
    """As the gateway tells of problems (RFC 9457)."""
    shape: dict[str, Any] = dict(problem_shape(finding))
    if (languages or "").lower().startswith("vi"):
        shape |= {name: shape[f"{name}_vi"] for name in ("title", "detail", "remedy")}
    made = json_reply(shape, finding.problem.http_status)
    return Reply(made.status, made.data, [("Content-Type", PROBLEM), *fields])
