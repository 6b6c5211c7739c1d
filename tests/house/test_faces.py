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
PACKAGE = ROOT / "edxml_router"
CLI = PACKAGE / "cli"
MODULES = sorted(CLI.rglob("*.py"))
# Of the faces that are processes: what each may find by itself. It is about the call, the line or the file, not about
# mail: a request that cannot be read, credentials, what is too large or comes too slowly, a disk, the axis's silence.
FINDS = {
    "gateway": {"EDX102", "EDX407", "EDX415", "EDX417", "EDX418", "EDX419", "EDX420", "EDX421", "EDX422", "EDX425",
                "EDX626", "EDX627", "EDX699", "EDX918", "EDX919"},
    "console": {"EDX102", "EDX418", "EDX420", "EDX432", "EDX438", "EDX439", "EDX626", "EDX699"},
    "folders": {"EDX102", "EDX622"},
    "axis": {"EDX923"},
}  # fmt: skip
PROCESSES = [path for room in FINDS for path in sorted((PACKAGE / room).rglob("*.py"))]
OPENER = PACKAGE / "gateway" / "desk.py"  # it has the node, and asks it for the time and who is trusted
BELOW = re.compile(r"edxml_router\.(store|credentials|transport|disk|intake|stages|pipeline|ports|node)\b")
BELOW_FOLDERS = re.compile(r"edxml_router\.(store|credentials|transport|intake|stages|pipeline|ports|node)\b")
PASSED_ON = {"views", "ledger", "node"}  # opened for a service; a face has nothing to ask them
INSIDE = {"book", "bodies", "engine", "rules", "links", "transports"}  # of a node or a ledger
# Files that a person names, the configuration that is not there, and what went wrong where nobody was to answer.
OF_THE_FACE = {"files.py", "session.py", "commands.py"}


def _name(module: Path) -> str:
    return str(module.relative_to(PACKAGE))


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


@pytest.mark.parametrize("module", [*MODULES, *PROCESSES], ids=_name)
def test_no_room_below_is_imported_by_its_name(module: Path) -> None:
    below = BELOW_FOLDERS if module.is_relative_to(PACKAGE / "folders") else BELOW
    assert not [text for text in _spoken(_tree(module)) if below.search(text)]


@pytest.mark.parametrize("module", MODULES, ids=_name)
def test_what_is_opened_is_only_passed_on(module: Path) -> None:
    asked = []
    for node in ast.walk(_tree(module)):
        if isinstance(node, ast.Attribute):
            of = node.value.attr if isinstance(node.value, ast.Attribute) else getattr(node.value, "id", "")
            if (of in PASSED_ON and node.attr != "views") or (node.attr in INSIDE and of in (*PASSED_ON, "asked")):
                asked.append(ast.unparse(node))
    assert not asked


@pytest.mark.parametrize("module", [each for each in PROCESSES if each != OPENER], ids=_name)
def test_a_process_passes_on_what_it_has_opened(module: Path) -> None:
    """A service gets the node, its database or the views of that; a face asks them nothing but the time."""
    asked = []
    for node in ast.walk(_tree(module)):
        if not isinstance(node, ast.Attribute):
            continue
        of = node.value.attr if isinstance(node.value, ast.Attribute) else getattr(node.value, "id", "")
        settings = ast.unparse(node).endswith(("settings.node.name", "settings.node.data"))
        if of in PASSED_ON and node.attr not in ("ledger", "views", "now") and not settings:
            asked.append(ast.unparse(node))
    assert not asked


@pytest.mark.parametrize("module", PROCESSES, ids=_name)
def test_a_process_finds_problems_of_the_call_only(module: Path) -> None:
    """What is wrong with mail is found by acceptance and by services, for every face alike."""
    room = module.relative_to(PACKAGE).parts[0]
    calls = [node for node in ast.walk(_tree(module)) if isinstance(node, ast.Call) and node.args]
    made = [call for call in calls if ast.unparse(call.func) in ("Finding", "Refusal", "Setback", "Defect")]
    codes = {call.args[0].value for call in made if isinstance(call.args[0], ast.Constant)}
    assert codes <= FINDS[room]


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


@pytest.mark.parametrize("room", sorted({module.parent for module in [*MODULES, *PROCESSES]}), ids=_name)
def test_a_room_holds_at_most_a_dozen_files(room: Path) -> None:
    assert len([each for each in room.glob("*.py") if each.name != "__init__.py"]) <= 12
