"""The documents say what is true: pages written from the code, commands, the map of the house, links."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import click
import pytest

import docs
from edxml_router.cli.main import cli

ROOT = Path(__file__).resolve().parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
COMMANDS = {" ".join(path): command for path, command in docs.walk((), cli)}
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


def test_the_picture_of_the_house_shows_the_layers_that_are_enforced() -> None:
    """docs/architecture.md draws the layers of pyproject.toml, top to bottom, and they are all there is."""
    text = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    drawn = next(block for block in re.findall(r"```text\n(.*?)```", text, re.DOTALL) if "edxml_router/\n" in block)
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    contracts = settings["tool"]["importlinter"]["contracts"]
    for container, indent in (("edxml_router", 2), ("edxml_router.core", 4)):
        lines = [line for line in drawn.splitlines()[1:] if re.match(rf" {{{indent}}}\S", line)]
        rows = [set(re.findall(r"\w+/|\w+\.py", line)) for line in lines]
        folder = ROOT.joinpath(*container.split("."))
        modules = {path.stem: path.name for path in folder.glob("*.py") if path.name != "__init__.py"}
        names = modules | {path.parent.name: f"{path.parent.name}/" for path in folder.glob("*/__init__.py")}
        layers = next(each["layers"] for each in contracts if each.get("containers") == [container])
        enforced = [{names[part.strip()] for part in layer.split("|")} for layer in layers]
        assert rows == enforced
        assert set().union(*rows) == set(names.values())
