"""The list of the longest files of tests names what is there, and puts it first."""

from __future__ import annotations

from itertools import groupby
from pathlib import Path

import pytest

from tests.longest import LONGEST, ROOT, longest_first


def test_every_file_of_the_list_is_there() -> None:
    assert [name for name in LONGEST if not (ROOT / name).is_file()] == []
    assert len(set(LONGEST)) == len(LONGEST)


def test_the_longest_come_first_and_a_file_stays_together(request: pytest.FixtureRequest) -> None:
    def tests(file: Path, *names: str) -> list[pytest.Item]:
        module = pytest.Module.from_parent(request.session, path=file)
        return [pytest.Function.from_parent(module, name=name, callobj=lambda: None) for name in names]

    few, many = tests(ROOT / "test_a.py", "a"), tests(ROOT / "test_b.py", "b", "a", "c")
    long, longer = tests(ROOT / LONGEST[1], "a"), tests(ROOT / LONGEST[0], "b", "a")
    items = [*few, *many, *long, *longer]
    longest_first(items)
    assert items == [*longer, *long, *many, *few]
    assert len(list(groupby(items, key=lambda item: item.path))) == 4
