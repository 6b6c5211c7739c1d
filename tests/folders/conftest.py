from __future__ import annotations

from pathlib import Path

import pytest

from tests.clocks import wait_past_midnight
from tests.folders.offices import FolderNode, make_pki


@pytest.fixture(scope="module", autouse=True)
def _within_a_month() -> None:
    """Folders have the name of a month: no other one begins while the tests of a file look into them."""
    wait_past_midnight()


@pytest.fixture(scope="package")
def pki(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_pki(tmp_path_factory.mktemp("pki"))


@pytest.fixture
def offices(pki: Path, tmp_path: Path) -> FolderNode:
    return FolderNode(tmp_path, pki)
