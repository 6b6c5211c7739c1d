"""The documents say what is true: pages written from the code, commands, the map of the house, links."""

from __future__ import annotations

import re
from pathlib import Path

import click
import pytest
from edxml_router.cli.main import main as command_line

import docs

ROOT = Path(__file__).resolve().parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
COMMANDS = {" ".join(path): command for path, command in docs.walk((), command_line)}
all_pages = pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)


def test_the_generated_pages_are_up_to_date() -> None:
    assert docs.stale() == []


@pytest.mark.parametrize("name", sorted(COMMANDS), ids=lambda name: name or "edxml-router")
def test_every_command_and_option_is_explained(name: str) -> None:
    command = COMMANDS[name]
    assert (command.help or "").strip()
    for parameter in command.params:
        if isinstance(parameter, click.Option) and not parameter.hidden:
            assert (parameter.help or "").strip(), parameter.name


@all_pages
def test_commands_in_the_documents_exist(page: Path) -> None:
    for command in docs.mentioned_commands(page.read_text(encoding="utf-8"), set(COMMANDS)):
        assert command in COMMANDS


@all_pages
def test_links_between_documents_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#\s]+)", page.read_text(encoding="utf-8")):
        if not target.startswith(("http://", "https://", "mailto:")):
            assert (page.parent / target).exists(), target


@all_pages
def test_files_named_in_the_documents_exist(page: Path) -> None:
    named = r"`((?:docs|scripts|schemas|tests|edxml_router)/[\w./-]+)`"
    for name in re.findall(named, page.read_text(encoding="utf-8")):
        assert (ROOT / name).exists(), name


def test_the_map_of_the_house_is_true() -> None:
    """docs/architecture.md lists every module and no other: two spaces of indentation per level."""
    text = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    blocks = re.findall(r"```text\n(.*?)```", text, re.DOTALL)
    block = next(block for block in blocks if block.startswith("edxml_router/"))
    drawn: set[str] = set()
    folders: list[str] = []
    for line in block.splitlines():
        name = line.split()[0]
        depth = (len(line) - len(line.lstrip())) // 2
        folders[depth:] = [name] if name.endswith("/") else []
        if not name.endswith("/"):
            drawn.add("".join(folders) + name)
    modules = {
        str(path.relative_to(ROOT))
        for path in (ROOT / "edxml_router").rglob("*.py")
        if path.name != "__init__.py" and "versions" not in path.parts
    }
    assert drawn == modules
