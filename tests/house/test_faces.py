"""A face parses, calls a service and shows: it decides nothing, and asks no table, file or journal by itself.

The import contract (pyproject.toml) keeps the rooms below out of it. Here is what imports do not show: a room that is
imported by its name, a method of what a face passes on to a service, a problem that a face would find.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
CLI = ROOT / "edxml_router" / "cli"
MODULES = sorted(CLI.rglob("*.py"))
BELOW = re.compile(r"edxml_router\.(store|credentials|transport|disk|intake|stages|pipeline|ports|node)\b")
PASSED_ON = {"views", "ledger", "node"}  # opened for a service; a face has nothing to ask them
INSIDE = {"book", "bodies", "engine", "rules", "links", "transports"}  # of a node or a ledger
# Files that a person names, the configuration that is not there, and what went wrong where nobody was to answer.
OF_THE_FACE = {"files.py", "session.py", "commands.py"}


def _name(module: Path) -> str:
    return str(module.relative_to(CLI))


def _tree(module: Path) -> ast.Module:
    return ast.parse(module.read_text(encoding="utf-8"))


def _spoken(tree: ast.Module) -> Iterator[str]:
    """The strings that a program acts on: no docstrings."""
    said = {
        id(node.body[0].value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Module | ast.FunctionDef | ast.ClassDef)
        if node.body and isinstance(node.body[0], ast.Expr)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in said:
            yield node.value


@pytest.mark.parametrize("module", MODULES, ids=_name)
def test_no_room_below_is_imported_by_its_name(module: Path) -> None:
    assert not [text for text in _spoken(_tree(module)) if BELOW.search(text)]


@pytest.mark.parametrize("module", MODULES, ids=_name)
def test_what_is_opened_is_only_passed_on(module: Path) -> None:
    asked = []
    for node in ast.walk(_tree(module)):
        if isinstance(node, ast.Attribute):
            of = node.value.attr if isinstance(node.value, ast.Attribute) else getattr(node.value, "id", "")
            if (of in PASSED_ON and node.attr != "views") or (node.attr in INSIDE and of in (*PASSED_ON, "asked")):
                asked.append(ast.unparse(node))
    assert not asked


@pytest.mark.parametrize("module", [each for each in MODULES if each.name not in OF_THE_FACE], ids=_name)
def test_no_command_finds_a_problem(module: Path) -> None:
    """It shows what a service found, or one that was found before; a code of its own would be a decision."""
    tree = _tree(module)
    raised = [node.exc for node in ast.walk(tree) if isinstance(node, ast.Raise) and isinstance(node.exc, ast.Call)]
    names = {ast.unparse(each.func) for each in raised}
    assert names <= {"click.UsageError"}
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call)]
    made = [call for call in calls if ast.unparse(call.func) in ("Finding", "Refusal", "Setback", "Defect")]
    assert not [call for call in made if isinstance(call.args[0], ast.Constant)]


@pytest.mark.parametrize("room", sorted({module.parent for module in MODULES}), ids=_name)
def test_a_room_holds_at_most_a_dozen_files(room: Path) -> None:
    assert len([each for each in room.glob("*.py") if each.name != "__init__.py"]) <= 12
