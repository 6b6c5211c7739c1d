"""Imports run downwards, and each driver has one home (the contracts are in pyproject.toml)."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
LINT_IMPORTS = Path(sys.executable).parent / "lint-imports"


def lint(*options: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [LINT_IMPORTS, "--no-cache", *options],
        cwd=ROOT, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False,
    )  # fmt: skip


def test_the_contracts_hold() -> None:
    done = lint()
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_broken_layer_would_be_seen(tmp_path: Path) -> None:
    """The linter reads our contracts and not an empty file: with the layers turned round it must complain."""
    settings = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    ports, core = '    "ports",\n', '    "core",\n'
    assert ports + core in settings
    config = tmp_path / "pyproject.toml"
    config.write_text(settings.replace(ports + core, core + ports), encoding="utf-8")
    done = lint("--config", config)
    assert done.returncode != 0
    assert "BROKEN" in done.stdout
