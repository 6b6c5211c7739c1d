"""Every folder of tests/bad_configs holds a node.toml and, in ``expected``, what must be said about it.

A line of ``expected`` is ``CODE PLACE: DETAIL``; all mistakes are found in one go, in the order of the lines.
"""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from edxml_router.config import ConfigErrors, load

CASES = sorted((Path(__file__).parent / "bad_configs").iterdir())


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_bad_configuration(case: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(case, tmp_path / case.name)
    for key in folder.glob("*.pem"):
        key.chmod(0o644)  # a checkout under a strict umask would have made it private
    path = folder / "node.toml"
    with pytest.raises(ConfigErrors) as raised:
        load(path)
    said = "".join(
        f"{finding.code} {finding.where.removeprefix(f'{path}, ')}: {finding.detail}\n"
        for finding in raised.value.findings
    )
    said = said.replace(f"{folder}/", "").replace(f"{folder}:", ".:")
    assert said == (case / "expected").read_text(encoding="utf-8")
