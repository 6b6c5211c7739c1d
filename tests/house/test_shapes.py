"""One JSON shape for each thing: every command that prints JSON has one, every field is explained, names are of one
meaning, and nothing writes JSON past them."""

from __future__ import annotations

import ast
import json
from collections import defaultdict
from pathlib import Path

import click
import pytest
from jsonschema import Draft202012Validator

import docs
from edxml_router.cli.main import cli
from edxml_router.shapes.reference.catalogue import ANSWERS, COMMANDS, MESSAGES
from edxml_router.shapes.reference.glossary import FIELDS, entry
from edxml_router.shapes.reference.schema import fields_of, schemas, shape_name, shapes_within
from tests.shapes import faults, hold_command

ROOT = Path(__file__).resolve().parents[2]
MET = [
    *(shape for shapes in (*COMMANDS.values(), *ANSWERS.values()) for shape in shapes),
    *MESSAGES.values(),
]
SHAPES = sorted({each for shape in MET for each in shapes_within(shape)}, key=shape_name)


def test_every_command_that_prints_json_has_a_shape() -> None:
    printing = {
        " ".join(path)
        for path, command in docs.walk((), cli)
        if any(isinstance(one, click.Option) and "--json" in one.opts for one in command.params)
    }
    assert {command.partition(" --")[0] for command in COMMANDS} == printing


def test_every_message_to_an_office_has_a_shape_but_the_envelope_itself() -> None:
    assert set(MESSAGES) == {"verdict", "answer", "notice", "withdrawn"}


def test_the_schemas_are_schemas_and_the_names_are_of_one_shape() -> None:
    Draft202012Validator.check_schema(schemas(MET))
    assert len({shape_name(shape) for shape in SHAPES}) == len(SHAPES)


def test_every_field_is_explained_and_nothing_else() -> None:
    used = {entry(shape_name(shape), field) for shape in SHAPES for field in fields_of(shape)}
    assert used == set(FIELDS)


def test_a_field_is_written_in_one_way_wherever_it_stands() -> None:
    """A digest is a digest: one name has one type, but for null where it may be missing."""
    kinds: dict[str, set[str]] = defaultdict(set)
    for shape in schemas(MET)["$defs"].values():
        for field, value in shape["properties"].items():
            each = [one for one in value.get("anyOf", [value]) if one.get("type") != "null"]
            if f"{shape['title']}.{field}" not in FIELDS:
                kinds[field] |= {json.dumps(one.get("$ref") or one.get("type") or "enum") for one in each}
    assert {field: found for field, found in kinds.items() if len(found) > 1} == {}


@pytest.mark.parametrize("folder", ["cli", "intake"])
def test_nothing_is_written_past_the_shapes(folder: str) -> None:
    """A face hands a shape to ``session.json`` or ``encode``; it never makes an object of its own in the call."""
    past = [
        f"{path.name}:{call.lineno}"
        for path in (ROOT / "edxml_router" / folder).rglob("*.py")
        for call in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(call, ast.Call)
        and (getattr(call.func, "attr", "") == "json" or getattr(call.func, "id", "") == "encode")
        and any(isinstance(each, ast.Dict) for each in call.args)
    ]
    assert past == []


def test_what_is_not_of_its_shape_would_be_seen() -> None:
    good = {"party": "office:vp", "since": "2026-11-22T01:02:03.456Z", "epoch": "e1"}
    hold_command(["recovery", "show", "--json"], json.dumps(good))
    for bad in ({**good, "since": 5}, {**good, "more": 1}, {"party": "office:vp"}):
        with pytest.raises(AssertionError):
            hold_command(["--config", "x", "recovery", "show", "--json"], json.dumps(bad))
    [shape] = COMMANDS["recovery show"]
    assert faults(good, shape) == []
