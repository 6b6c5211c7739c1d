"""What is released: the closure of the lock, and the files of the Debian package that need no building.

Building and trying the packages out takes minutes: ``scripts/package --check``, which .ci/run --release calls.
"""

from __future__ import annotations

import re
import subprocess
import tomllib
from pathlib import Path

import pytest

from scripts.release import closure, debian

ROOT = Path(__file__).resolve().parents[2]
LOCK = closure.locked((ROOT / "scripts" / "requirements.lock").read_text(encoding="utf-8"))
WANTED = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def names(requirements: list[str]) -> set[str]:
    return {closure.canonical_name(re.split(r"[\[<>=~! ]", one)[0]) for one in requirements}


def test_the_closure_is_what_the_program_needs_and_nothing_of_its_tests() -> None:
    graph = closure.closure()
    assert next(iter(graph)) == closure.PROJECT
    assert names(WANTED["dependencies"]) <= set(graph)
    for extra in closure.EXTRAS:
        assert names(WANTED["optional-dependencies"][extra]) <= set(graph)
    assert not {"pytest", "hypothesis", "mypy", "ruff", "babel", "playwright"} & set(graph)
    assert {need for needs in graph.values() for need in needs} <= set(graph)
    assert set(graph) - {closure.PROJECT} <= set(LOCK)


def test_a_lock_has_a_hash_for_each_file_it_names() -> None:
    for lock in ("requirements.lock", "packaging.lock"):
        entries = closure.locked((ROOT / "scripts" / lock).read_text(encoding="utf-8"))
        assert entries
        assert [name for name, (_, lines) in entries.items() if "--hash=sha256:" not in lines] == []


def test_the_lines_of_one_package_are_not_those_of_the_next() -> None:
    text = "a-b==1.0 \\\n    --hash=sha256:1\n    # via c\nC.d==2 ; python_version < '3.12' \\\n    --hash=sha256:2\n"
    found = closure.locked(text)
    assert {name: version for name, (version, _) in found.items()} == {"a-b": "1.0", "c-d": "2"}
    assert ("sha256:1" in found["a-b"][1], "sha256:2" in found["a-b"][1]) == (True, False)


def test_the_package_has_the_unit_where_an_administrators_counts_before_it(tmp_path: Path) -> None:
    debian.service(tmp_path)
    unit = (tmp_path / "usr/lib/systemd/system/edxml-router.service").read_text(encoding="utf-8")
    assert "ExecStart=/usr/bin/edxml-router --config /etc/edxml-router/node.toml serve\n" in unit
    assert "ReadWritePaths=/var/lib/edxml-router\n" in unit
    assert sorted(str(one.relative_to(tmp_path)) for one in tmp_path.rglob("*.conf")) == [
        "usr/lib/sysusers.d/edxml-router.conf",
        "usr/lib/tmpfiles.d/edxml-router.conf",
    ]
    assert not (tmp_path / "etc").exists()


@pytest.mark.parametrize("script", debian.SCRIPTS)
def test_the_packages_scripts_are_scripts_and_remove_no_evidence(script: str) -> None:
    path = ROOT / "scripts" / "release" / "debian" / script
    subprocess.run(["sh", "-n", path], check=True)
    text = path.read_text(encoding="utf-8")
    assert "set -e\n" in text
    removed = [line for line in text.splitlines() if "rm -" in line]
    assert not [line for line in removed if "/var/lib" in line or "/etc/edxml-router" in line]
