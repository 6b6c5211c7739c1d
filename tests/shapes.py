"""Holds what the program writes as JSON against docs/shapes.schema.json.

    hold_command(["queue", "list", "--quarantine", "--json"], output)
    hold_message("notice", body)
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator

from edxml_router.shapes.reference.catalogue import COMMANDS, MESSAGES
from edxml_router.shapes.reference.schema import shape_name

ROOT = Path(__file__).resolve().parents[1]

WITH_VALUE = ("--config", "--lang")
VARIANTS = ("--list", "--quarantine", "--notices", "--forks", "--count", "--dry-run", "--verify")


@cache
def validator(shape: type) -> Draft202012Validator:
    document = json.loads((ROOT / "docs/shapes.schema.json").read_text(encoding="utf-8"))
    wanted = document | {"$ref": f"#/$defs/{shape_name(shape)}"}
    return Draft202012Validator(wanted, format_checker=Draft202012Validator.FORMAT_CHECKER)


def faults(value: Any, shape: type) -> list[str]:
    """What keeps a value from being of this shape."""
    return [f"{error.json_path}: {error.message[:300]}" for error in validator(shape).iter_errors(value)]


def command_of(arguments: Sequence[str]) -> str:
    """The key in COMMANDS of what was typed."""
    words = [text for before, text in zip(("", *arguments), arguments, strict=False) if before not in WITH_VALUE]
    words = [text for text in words if text not in WITH_VALUE]
    for length in (2, 1):
        name = " ".join(words[:length])
        for variant in VARIANTS:
            if variant in words and f"{name} {variant}" in COMMANDS:
                return f"{name} {variant}"
        if name in COMMANDS:
            return name
    raise AssertionError(f"no shape is written down for {' '.join(arguments)}")


def hold_command(arguments: Sequence[str], output: str) -> None:
    """Each line that a command has printed with ``--json`` is of a shape of that command."""
    shapes = COMMANDS[command_of(arguments)]
    for line in output.splitlines():
        value = json.loads(line)
        wrong = [faults(value, shape) for shape in shapes]
        assert any(not each for each in wrong), f"{' '.join(arguments)}: {line[:500]}\n{wrong}"


def hold_message(kind: str, body: bytes) -> Any:
    """The body of a message to an office is one object of the shape of its kind; the object."""
    value = json.loads(body)
    assert faults(value, MESSAGES[kind]) == []
    return value


def code_of(row: Any) -> str | None:
    """The code of an object's problem, if it has one."""
    return row["problem"]["code"] if row["problem"] else None
