"""Modules stay small enough to be read in one go, and each says what it is."""

from __future__ import annotations

import ast
import re
from pathlib import Path
from statistics import median

import pytest

ROOT = Path(__file__).resolve().parents[2]
CAP = 400
MEDIAN = 180
ROOM = 12  # modules beside the __init__.py; the steps of the schema are a list, not a room
PACKAGE = sorted((ROOT / "edxml_router").rglob("*.py"))
CODE = [*PACKAGE, *sorted((ROOT / "scripts").glob("*.py"))]


def _lines(module: Path) -> int:
    return len(module.read_text(encoding="utf-8").splitlines())


def _name(module: Path) -> str:
    return str(module.relative_to(ROOT))


def test_the_package_is_found() -> None:
    assert ROOT / "edxml_router" / "pipeline.py" in PACKAGE


@pytest.mark.parametrize("module", CODE, ids=_name)
def test_no_module_is_longer_than_the_cap(module: Path) -> None:
    assert _lines(module) <= CAP


def test_the_median_module_is_short() -> None:
    counted = [
        _lines(module)
        for module in PACKAGE
        if "migrations" not in module.parts
        and module.parent.name != "problem_tables"  # data
        and _lines(module) > 5  # not the __init__.py that hold a line of documentation
    ]
    assert median(counted) <= MEDIAN


@pytest.mark.parametrize("module", [module for module in CODE if _lines(module) > 1], ids=_name)
def test_every_module_says_what_it_is(module: Path) -> None:
    assert ast.get_docstring(ast.parse(module.read_text(encoding="utf-8")))


def test_no_module_is_a_drawer() -> None:
    drawers = {"utils", "util", "helpers", "common", "misc", "base", "manager"}
    assert not [_name(module) for module in PACKAGE if module.stem in drawers]


def test_no_two_locks_of_postgresql_have_one_number() -> None:
    """Who shares a number waits for work that has nothing to do with its own, or for itself."""
    texts = [module.read_text(encoding="utf-8") for module in PACKAGE]
    found = [number for text in texts for number in re.findall(r"0x6564786D_\w+", text)]
    assert len(found) > 5
    assert sorted(found) == sorted(set(found))


def test_no_room_holds_more_than_a_dozen_modules() -> None:
    rooms: dict[Path, int] = {}
    for module in PACKAGE:
        if module.name != "__init__.py" and "versions" not in module.parts:
            rooms[module.parent] = rooms.get(module.parent, 0) + 1
    assert {_name(room): count for room, count in rooms.items() if count > ROOM} == {}


def test_no_two_classes_have_one_name() -> None:
    homes: dict[str, list[str]] = {}
    for module in PACKAGE:
        for node in ast.parse(module.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                homes.setdefault(node.name, []).append(_name(module))
    assert {name: where for name, where in homes.items() if len(where) > 1} == {}


def _is_command(node: ast.FunctionDef) -> bool:
    return any("command" in ast.unparse(each) or "click." in ast.unparse(each) for each in node.decorator_list)


def test_a_function_whose_name_several_modules_have_is_called_through_its_module() -> None:
    """``office.fetch`` and ``inbox.fetch`` say which; ``fetch`` would not. What only one module has may go alone.
    Commands are called by their group, and the steps of the schema by their number."""
    homes: dict[str, set[str]] = {}
    imported: list[tuple[str, str, str]] = []
    for module in PACKAGE:
        tree = ast.parse(module.read_text(encoding="utf-8"))
        own = ".".join(module.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
        for node in tree.body:
            if isinstance(node, ast.FunctionDef) and not _is_command(node) and "versions" not in module.parts:
                homes.setdefault(node.name, set()).add(own)
        for each in ast.walk(tree):
            if isinstance(each, ast.ImportFrom):
                imported += [(_name(module), each.module or "", one.name) for one in each.names]
    several = {(where, name) for name, places in homes.items() if len(places) > 1 for where in places}
    assert [(module, name) for module, where, name in imported if (where, name) in several] == []


def test_the_steps_of_the_schema_are_one_line() -> None:
    """Two steps of one number would leave every database where it is; each of two changes has its own at first."""
    steps = {}
    for file in sorted((ROOT / "edxml_router" / "store" / "migrations" / "versions").glob("v*.py")):
        values = dict(re.findall(r'^(revision|down_revision)\b[^=]*= (?:"(\w*)"|None)', file.read_text(), re.MULTILINE))
        assert file.name.startswith(f"v{values['revision']}_")
        assert values["revision"] not in steps, file.name
        steps[values["revision"]] = values["down_revision"]
    numbers = sorted(steps)
    assert [steps[number] for number in numbers] == ["", *numbers[:-1]]
