"""Every recipe of docs/contributing.md works: followed to the letter in a copy of the tree.

A recipe says what to write where in a few fixed forms, and then in ``console`` blocks what must succeed:
"In `FILE`, below `TEXT`:" (or above) and a block, "In `FILE`, `OLD` becomes `NEW`.", "New, **FILE**:" and a block.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
TEXT = (ROOT / "docs" / "contributing.md").read_text(encoding="utf-8")
STEP = re.compile(
    r"In `(?P<file>[^`]+)`, (?P<where>below|above) `(?P<anchor>[^`]+)`:\n\n```\w+\n(?P<block>.*?)^```"
    r"|In `(?P<changed>[^`]+)`, `(?P<old>[^`]+)` becomes `(?P<new>[^`]+)`\."
    r"|New, \*\*(?P<made>[^*]+)\*\*:\n\n```\w+\n(?P<content>.*?)^```"
    r"|^```console\n(?P<commands>.*?)^```",
    re.MULTILINE | re.DOTALL,
)
SECTIONS = re.findall(r"^## (.+?)\n(.*?)(?=^## |\Z)", TEXT, re.MULTILINE | re.DOTALL)
RECIPES = {name: text for name, text in SECTIONS if STEP.search(text)}  # others only tell
COPIED = ("edxml_router", "scripts", "tests", "docs", "config", "schemas", "agency_codes", "pyproject.toml")


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """The tree as it is; with the environment of the original, whose commands find the copy first."""
    tree = tmp_path / "copy"
    tree.mkdir()
    for name in COPIED:
        given = ROOT / name
        if given.is_dir():
            shutil.copytree(given, tree / name)
        else:
            shutil.copy(given, tree)
    (tree / ".venv").symlink_to(ROOT / ".venv")
    return tree


def numbers(tree: Path) -> Mapping[str, str]:
    """What the placeholders stand for."""
    steps = sorted(path.name[1:5] for path in (tree / "edxml_router/store/migrations/versions").glob("v*.py"))
    return {"NNNN": f"{int(steps[-1]) + 1:04d}", "MMMM": steps[-1]}


def insert(path: Path, where: str, anchor: str, block: str) -> None:
    lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
    [place] = [number for number, line in enumerate(lines) if anchor in line]
    lines.insert(place + (where == "below"), block)
    path.write_text("".join(lines), encoding="utf-8")


def follow(step: re.Match[str], tree: Path) -> None:
    if step["file"]:
        insert(tree / step["file"], step["where"], step["anchor"], step["block"])
    elif step["changed"]:
        path = tree / step["changed"]
        text = path.read_text(encoding="utf-8")
        assert text.count(step["old"]) == 1
        path.write_text(text.replace(step["old"], step["new"]), encoding="utf-8")
    elif step["made"]:
        path = tree / step["made"]
        assert not path.exists()
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(step["content"], encoding="utf-8")
    for line in (step["commands"] or "").splitlines():
        environment = os.environ | {"PYTHONPATH": str(tree), "LC_ALL": "C.UTF-8"}
        done = subprocess.run(
            ["bash", "-c", line.removeprefix("$ ")],
            cwd=tree,
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=200,
            check=False,
        )
        assert done.returncode == 0, f"{line}\n{done.stdout[-3000:]}{done.stderr[-3000:]}"


@pytest.mark.parametrize("name", RECIPES)
def test_the_recipe_works(name: str, copy: Path) -> None:
    text = RECIPES[name]
    for placeholder, number in numbers(copy).items():
        text = text.replace(placeholder, number)
    steps = list(STEP.finditer(text))
    assert len(re.findall(r"^```\w", text, re.MULTILINE)) == sum(step["changed"] is None for step in steps)
    assert steps[-1]["commands"]
    for step in steps:
        follow(step, copy)
    changed = [step["file"] or step["changed"] or step["made"] for step in steps if not step["commands"]]
    style = [ROOT / ".venv/bin/ruff", "check", "--quiet", *(name for name in changed if name.endswith(".py"))]
    done = subprocess.run(style, cwd=copy, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


def test_what_is_added_most_often_has_a_recipe() -> None:
    wanted = {"A setting", "A problem", "A command", "A message kind", "A column", "A page"}
    assert RECIPES.keys() == wanted | {"A message in two languages"}
