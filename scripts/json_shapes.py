"""docs/shapes.md and the JSON Schemas beside it: what the program writes as JSON, from the types of its shapes."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import Any

from edxml_router.shapes.reference.catalogue import ANSWERS, COMMANDS, MESSAGES
from edxml_router.shapes.reference.schema import schemas, shape_name

MET = [
    *(shape for shapes in (*COMMANDS.values(), *ANSWERS.values()) for shape in shapes),
    *MESSAGES.values(),
]


def schema_document() -> str:
    """The whole of docs/shapes.schema.json."""
    return json.dumps(schemas(MET), ensure_ascii=False, indent=1) + "\n"


def shapes() -> Iterator[str]:
    """The page."""
    yield "# The shapes of JSON"
    yield ""
    yield "One thing has one shape wherever it shows: in what a command prints with `--json` and in the messages to"
    yield "offices. Every field is always there; what is not known is null. Moments are in UTC. Titles and remedies are"
    yield "in both languages, whatever the locale; details are in English."
    yield ""
    yield "[shapes.schema.json](shapes.schema.json) has a JSON Schema of each, by its name under `$defs`."
    yield "The tests hold every output against it."
    yield ""
    yield "What travels between nodes has a form of its own: [protocol.md](protocol.md)."
    yield ""
    yield "## Commands"
    yield ""
    yield "One object on a line. Where there are two shapes, each line is of the one or the other."
    yield ""
    yield "| command | shape |"
    yield "|---|---|"
    for command, printed in COMMANDS.items():
        yield f"| `{command}` | {_links(printed)} |"
    yield ""
    yield "## Answers of the gateway"
    yield ""
    yield "What else it answers is a [Problem](#problem)."
    yield ""
    yield "| call | shape |"
    yield "|---|---|"
    for call, answered in ANSWERS.items():
        yield f"| `{call}` | {_links(answered)} |"
    yield ""
    yield "## Messages to an office"
    yield ""
    yield "| `type` | shape of the body |"
    yield "|---|---|"
    for kind, shape in MESSAGES.items():
        yield f"| `{kind}` | {_links([shape])} |"
    for name, schema in schemas(MET)["$defs"].items():
        yield ""
        yield f"## {name}"
        yield ""
        yield schema["description"]
        yield ""
        yield "| field | value | meaning |"
        yield "|---|---|---|"
        for field, value in schema["properties"].items():
            yield f"| `{field}` | {_value(value)} | {value['description']} |"


def _links(printed: Iterable[type]) -> str:
    return ", ".join(f"[{shape_name(shape)}](#{shape_name(shape).lower()})" for shape in printed)


def _value(schema: dict[str, Any]) -> str:
    if "anyOf" in schema:
        return " or ".join(_value(each) for each in schema["anyOf"])
    if "enum" in schema:
        return ", ".join(f"`{each}`" for each in schema["enum"])
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        return f"[{name}](#{name.lower()})"
    if schema.get("type") == "array":
        return f"list of {_value(schema['items'])}"
    if schema.get("type") == "object":
        return f"object of {_value(schema['additionalProperties'])}"
    return str(schema.get("format") or schema.get("type") or "any")
