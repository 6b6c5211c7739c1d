"""What the shapes are made of: types that say how a text is written, and the bytes of a message.

A shape is a TypedDict called ``…Shape`` with a function beside it that makes it from a value. It holds nothing but what
JSON has, so that every face writes the same: moments are texts in UTC, what is not known is null and never left out,
numbers of things are numbers. One name means one thing in all of them (:mod:`edxml_router.shapes.reference.glossary`);
:mod:`edxml_router.shapes.reference.schema` makes the JSON Schemas of docs/shapes.md from the types.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated


@dataclass(frozen=True, slots=True)
class TextForm:
    """How a text is written, in the words of JSON Schema."""

    pattern: str = ""
    format: str = ""


Digest = Annotated[str, TextForm(pattern="^[0-9a-f]{64}$")]
Instant = Annotated[str, TextForm(format="date-time")]
Day = Annotated[str, TextForm(format="date")]
Code = Annotated[str, TextForm(pattern="^EDX[0-9]{3}$")]
LetterName = Annotated[str, TextForm(pattern=r"^[0-9a-f]{64}\..+$")]


def encode(shape: Mapping[str, object]) -> bytes:
    """A shape as the whole body of a message: one JSON object in UTF-8."""
    return json.dumps(shape, ensure_ascii=False, separators=(",", ":")).encode()
