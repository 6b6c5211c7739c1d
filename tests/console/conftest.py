"""One gateway with a console for the tests of its pages, and a person of each role."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.console.browsing import Consoled


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Consoled]:
    with Consoled(Path(tmp_path_factory.mktemp("console")), "four_eyes = ['redrive']") as running:
        yield running
