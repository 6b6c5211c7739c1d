"""Every problem is provoked by some test, and explained so that a stranger can act, in both languages."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

import pytest

import docs
from edxml_router.cli.main import cli
from edxml_router.core.problems import FAMILIES, PROBLEMS, Problem

ROOT = Path(__file__).resolve().parents[2]
KINDS = (".py", ".toml", ".json", ".csv", ".txt")
all_problems = pytest.mark.parametrize("problem", PROBLEMS.values(), ids=PROBLEMS)


@cache
def _text_of_the_tests() -> str:
    """Everything outside tests/house: codes stand in test modules and beside the data of attacks."""
    own = Path(__file__).parent
    texts = []
    for path in sorted((ROOT / "tests").rglob("*")):
        if path.is_file() and own not in path.parents and path.suffix in KINDS:
            texts.append(path.read_text(encoding="utf-8", errors="replace"))
    return "\n".join(texts)


@all_problems
def test_some_test_provokes_it(problem: Problem) -> None:
    assert problem.code in _text_of_the_tests()


@all_problems
def test_it_is_explained_in_both_languages(problem: Problem) -> None:
    assert problem.family in FAMILIES
    for texts in (problem.title, problem.remedy):
        assert set(texts) == {"en", "vi"}
        assert len(texts["en"]) >= 10
        assert not _has_diacritics(texts["en"])
        assert _has_diacritics(texts["vi"])


def _has_diacritics(text: str) -> bool:
    # QĐ is the mark of a decision, which an English text names as it is.
    return any(letter.isalpha() and not letter.isascii() for letter in text.replace("QĐ", ""))


@all_problems
def test_the_commands_in_its_remedies_exist(problem: Problem) -> None:
    known = {" ".join(path) for path, _ in docs.walk((), cli)}
    for text in problem.remedy.values():
        for command in docs.mentioned_commands(text, known):
            assert command in known


@all_problems
def test_the_settings_in_its_remedies_exist(problem: Problem) -> None:
    known = set(docs.setting_names())
    sections = {name.partition(".")[0] for name in known}
    for text in problem.remedy.values():
        for name in re.findall(r"\b([a-z]+(?:\.[a-z_]+)+)\b", text):
            if name.partition(".")[0] in sections and not name.endswith(".db"):  # journal.db is a file
                assert name in known


def test_slugs_are_unique() -> None:
    assert len({problem.slug for problem in PROBLEMS.values()}) == len(PROBLEMS)
