"""Shapes as HTTP answers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fastapi.responses import Response

from edxml_router.observe.escape import json_line


def json_answer(
    shape: Mapping[str, Any],
    status: int = 200,
    *,
    media_type: str = "application/json",
    headers: Mapping[str, str] | None = None,
) -> Response:
    """A shape as the body; what a stranger wrote cannot drive the terminal of whoever looks at it."""
    made = dict(headers or {})
    return Response(json_line(shape), status, made, media_type)
