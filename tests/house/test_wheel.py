"""What is installed from the wheel is whole: it needs nothing of the checkout."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A virtual environment with the wheel in it."""
    folder = tmp_path_factory.mktemp("installed")
    subprocess.run([ROOT / "scripts" / "wheel", folder], stdin=subprocess.DEVNULL, check=True, timeout=200)
    return folder / "bin"


def call(place: Path, *command: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command, cwd=place, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False, timeout=100
    )


def test_the_installation_is_not_the_checkout(installed: Path, tmp_path: Path) -> None:
    told = "import edxml_router.resources as it; print(it.__file__, *it.program())"
    module, *program = call(tmp_path, installed / "python", "-P", "-c", told).stdout.split()
    assert module.startswith(str(installed.parent))
    assert program == [str(installed / "edxml-router")]  # its own, whatever stands on the PATH


def test_the_schemas_and_the_agencies_are_in_it(installed: Path, tmp_path: Path) -> None:
    done = call(tmp_path, installed / "edxml-router", "check", ROOT / "docs" / "examples" / "letter.edxml")
    assert done.returncode == 0, done.stderr
    assert call(tmp_path, installed / "edxml-router", "init", "--name", "xa").returncode == 0
    assert "An Giang" in call(tmp_path, installed / "edxml-router", "agency", "show", "H01").stdout


def test_the_demonstration_is_in_it(installed: Path, tmp_path: Path) -> None:
    """It can be asked for; .ci/run lets it run."""
    done = call(tmp_path, installed / "edxml-router", "demo", "--help")
    assert done.returncode == 0, done.stderr
    assert "--once" in done.stdout
    assert not any(tmp_path.iterdir())


def test_the_script_of_the_checkout_calls_it(tmp_path: Path) -> None:
    done = call(tmp_path, ROOT / "scripts" / "demo", "--help")
    assert "edxml-router demo [OPTIONS] [DIR]" in done.stdout
