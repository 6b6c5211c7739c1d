"""The libraries that are installed: pinned with their hashes, and no older than the versions that carry known fixes."""

from __future__ import annotations

import re
import tomllib
from importlib.metadata import version
from pathlib import Path

import psycopg
import pytest
from cryptography.hazmat.backends.openssl import backend
from lxml import etree
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

ROOT = Path(__file__).resolve().parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
LOCK = (ROOT / "scripts" / "requirements.lock").read_text(encoding="utf-8")
PINS = {
    canonicalize_name(name): Version(pin) for name, pin in re.findall(r"^([A-Za-z0-9._-]+)==([^\s\\]+)", LOCK, re.M)
}

# The first versions with the fix, and of what; docs/decisions.md has the list for people.
FIXED = {
    "cryptography": "46.0.7",  # CVE-2026-34073 name constraints, CVE-2026-39892 buffers
    "lxml": "6.1.0",  # CVE-2026-41066; its wheels have libxml2 2.14.6
    "signxml": "4.0.4",  # CVE-2025-48994, CVE-2025-48995
    "psycopg": "3.3",  # its wheels have libpq 18
}


def required() -> list[Requirement]:
    project = PROJECT["project"]
    texts = [*project["dependencies"], *PROJECT["build-system"]["requires"]]
    for extra in project["optional-dependencies"].values():
        texts += extra
    return [Requirement(text) for text in texts]


def floor(name: str) -> Version:
    [found] = [one for one in required() if canonicalize_name(one.name) == name]
    [lowest] = [Version(each.version) for each in found.specifier if each.operator == ">="]
    return lowest


def test_every_package_is_pinned_with_hashes() -> None:
    entries = re.split(r"\n(?=[A-Za-z])", re.sub(r"^#.*\n", "", LOCK, flags=re.M).strip())
    assert len(entries) == len(PINS) > 40
    for entry in entries:
        assert re.fullmatch(r"[A-Za-z0-9._-]+==\S+( \\\n    --hash=sha256:[0-9a-f]{64})+", entry), entry[:60]


@pytest.mark.parametrize("requirement", required(), ids=str)
def test_the_lock_is_within_what_is_asked_for(requirement: Requirement) -> None:
    assert requirement.specifier.contains(PINS[canonicalize_name(requirement.name)])


@pytest.mark.parametrize("name", FIXED)
def test_nothing_may_fall_below_a_known_fix(name: str) -> None:
    assert PINS[canonicalize_name(name)] >= floor(name) >= Version(FIXED[name])


def test_what_is_installed_is_what_is_pinned() -> None:
    assert {name: version(name) for name in PINS} == {name: str(pin) for name, pin in PINS.items()}


def test_the_libraries_inside_the_wheels_have_their_fixes_too() -> None:
    assert etree.LIBXML_VERSION >= (2, 14, 6)  # CVE-2025-6021, -49794, -49796 and others before 2.14.5
    assert psycopg.pq.version() >= 180001  # CVE-2025-12818
    said = re.match(r"OpenSSL (\d+)\.(\d+)\.(\d+)", backend.openssl_version_text())
    assert said
    assert tuple(map(int, said.groups())) >= (3, 5, 6)
