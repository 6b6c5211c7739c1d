"""Every text of ours is in both languages, with the same values, and compiled as it is written."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import catalogues
import pytest

from edxml_router.core.detail import FIELD
from edxml_router.language.texts import TEXTS
from edxml_router.services.health.checks import CHECKS

PACKAGE = Path(__file__).resolve().parents[2] / "edxml_router"
PLACEHOLDER = re.compile(r"\{(\w+)[^{}]*\}|%\((\w+)\)")  # ours, and the two kinds of the library of commands
NAMED = ("Finding", "Mistake", "Remark")  # whose third value is a detail
CODE = sorted(path for path in PACKAGE.rglob("*.py") if "demo" not in path.relative_to(PACKAGE).parts)

every_language = pytest.mark.parametrize("language", catalogues.TRANSLATED)


@every_language
def test_the_catalogue_is_what_the_code_says_and_is_compiled(language: str) -> None:
    catalog = catalogues.merged(language)
    for kind, data in (("po", catalogues.po(catalog)), ("mo", catalogues.mo(catalog))):
        stale = catalogues.place(language, kind).read_bytes() != data
        assert not stale, f"edxml-router.{kind} is stale: run .venv/bin/python scripts/catalogues.py"


def test_the_list_of_commands_is_what_they_say_of_themselves() -> None:
    stale = catalogues.HELPS.read_bytes() != catalogues.listed()
    assert not stale, "helps.json is stale: run .venv/bin/python scripts/catalogues.py"


@every_language
def test_every_text_is_translated_and_none_is_a_guess(language: str) -> None:
    catalog = catalogues.written(language)
    assert len(catalog) > 700
    assert [message.id for message in catalog if catalogues.is_missing(message)] == []
    assert [message.id for message in catalog if message.id and message.fuzzy] == []


@every_language
def test_a_translation_puts_in_what_the_english_has(language: str) -> None:
    for message in catalogues.written(language):
        if message.id:
            english = message.id if isinstance(message.id, str) else message.id[-1]
            text = message.string if isinstance(message.string, str) else message.string[0]
            assert set(PLACEHOLDER.findall(english)) == set(PLACEHOLDER.findall(text)), english


def test_a_day_is_written_in_vietnamese_as_people_write_it() -> None:
    """22/11/2026; a time in the form of a message stays as it is."""
    texts = [message.string for message in catalogues.written("vi") if isinstance(message.string, str)]
    assert [text for text in texts if "%Y-%m-%d" in text.replace("%Y-%m-%dT", "")] == []
    assert any("%H:%M %d/%m/%Y" in text for text in texts)


def test_what_stands_in_braces_is_a_field() -> None:
    """A brace that is none would be shown as it stands, in every language."""
    for message in catalogues.written("vi"):
        for text in (message.id, message.string):
            if isinstance(text, str) and "!r}" not in text:
                assert "{" not in FIELD.sub("", text), text


@pytest.mark.parametrize("path", CODE, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_a_detail_is_a_template_and_values(path: Path) -> None:
    """Not a text that is put together: nobody could tell it in another language."""
    wrong = [
        f"line {node.lineno}: {ast.unparse(node)}"
        for tree in [ast.parse(path.read_text(encoding="utf-8"))]
        for given in details(tree)
        for node in texts(given)
    ]
    assert wrong == []


def details(tree: ast.AST) -> list[ast.expr]:
    """What is given as the detail of a finding or its like."""
    given: list[ast.expr] = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            name = ast.unparse(node.func)
            given += [each.value for each in node.keywords if each.arg == "detail"]
            given += node.args[2:3] if name in NAMED else node.args[:1] if name == "Defect" else []
        elif isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "detail":
            given.append(node.value)
    return given


def texts(node: ast.expr) -> list[ast.expr]:
    """Literals among what an expression may be; of one word it is a name or a mark, which is the same everywhere."""
    if isinstance(node, ast.IfExp):
        return [*texts(node.body), *texts(node.orelse)]
    if isinstance(node, ast.BoolOp):
        return [text for value in node.values for text in texts(value)]
    if isinstance(node, ast.JoinedStr) or (isinstance(node, ast.BinOp) and texts(node.left)):
        return [node]
    return [node] if isinstance(node, ast.Constant) and isinstance(node.value, str) and " " in node.value else []


def test_a_text_that_is_put_together_would_be_seen() -> None:
    for source in ('Refusal("E", detail=f"{n} byte")', 'detail = "too large" if n else ""', 'Finding("E", "", f"{n}")'):
        [given] = details(ast.parse(source))
        assert texts(given), source
    [given] = details(ast.parse('Refusal("EDX102", detail=Detail("{n} bytes", n=n))'))
    assert texts(given) == []


def test_every_check_of_doctor_has_a_name_for_people() -> None:
    assert {f"doctor.{check}" for check in CHECKS} <= TEXTS.keys()
