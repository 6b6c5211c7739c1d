from __future__ import annotations

from pathlib import Path

import pytest

from tests.folders.offices import FolderNode, make_pki


@pytest.fixture(scope="package")
def pki(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_pki(tmp_path_factory.mktemp("pki"))


@pytest.fixture
def offices(pki: Path, tmp_path: Path) -> FolderNode:
    return FolderNode(tmp_path, pki)
