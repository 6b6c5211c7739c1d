"""What an installation of edxml-router consists of: the locked packages that it depends on, and no others.

    .venv/bin/python scripts/release/closure.py LOCK JSON

Reads scripts/requirements.lock, which holds the tests' packages too, and what the installed packages say of themselves.
Writes LOCK, a requirements file with the hashes of the closure, and JSON, the same with licences and who needs whom.
Ends with 1 where the environment is not what the lock says.
"""

from __future__ import annotations

import json
import re
import sys
from importlib.metadata import Distribution, distribution
from pathlib import Path
from typing import Any

from packaging.requirements import Requirement

ROOT = Path(__file__).resolve().parents[2]
PROJECT = "edxml-router"
EXTRAS = ("postgresql", "pkcs11")  # of one package serves every node; what it does not use does nothing
HEAD = "# What edxml-router {version} needs, each file by its hash:\n#   pip install --require-hashes -r {name}\n"


def canonical_name(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def locked(text: str) -> dict[str, tuple[str, str]]:
    """By name: the version, and the lines of it."""
    entries = re.findall(r"^([A-Za-z0-9._-]+)==([^\s;\\]+)(.*?)(?=^\S|\Z)", text, re.MULTILINE | re.DOTALL)
    return {canonical_name(name): (version, f"{name}=={version}{rest}") for name, version, rest in entries}


def needed(package: Distribution, extras: frozenset[str]) -> dict[str, frozenset[str]]:
    """What a package needs here, by name, and with which extras of it."""
    found: dict[str, frozenset[str]] = {}
    for text in package.requires or ():
        one = Requirement(text)
        if one.marker is None or any(one.marker.evaluate({"extra": extra}) for extra in ("", *extras)):
            name = canonical_name(one.name)
            found[name] = found.get(name, frozenset()) | frozenset(one.extras)
    return found


def closure() -> dict[str, list[str]]:
    """By name, the project first: the names of what each needs."""
    graph: dict[str, set[str]] = {}
    waiting: list[tuple[str, frozenset[str]]] = [(PROJECT, frozenset(EXTRAS))]
    seen: set[tuple[str, frozenset[str]]] = set()
    while waiting:
        one = waiting.pop()
        if one in seen:
            continue
        seen.add(one)
        needs = needed(distribution(one[0]), one[1])
        graph.setdefault(one[0], set()).update(needs)
        waiting += needs.items()
    return {name: sorted(graph[name]) for name in [PROJECT, *sorted(graph.keys() - {PROJECT})]}


def described(name: str, needs: list[str]) -> dict[str, Any]:
    package = distribution(name)
    short = package.metadata.get("License", "").strip()
    classifiers = [one for one in package.metadata.get_all("Classifier") or () if one.startswith("License ::")]
    return {
        "name": name,
        "version": package.version,
        "about": package.metadata.get("Summary", ""),
        "expression": package.metadata.get("License-Expression", ""),
        "licences": [one.rpartition(" :: ")[2] for one in classifiers] or ([short] if 0 < len(short) < 80 else []),
        "needs": needs,
    }


def main() -> int:
    lock_file, json_file = map(Path, sys.argv[1:])
    entries = locked((ROOT / "scripts" / "requirements.lock").read_text(encoding="utf-8"))
    graph = closure()
    wrong = [
        name
        for name in graph
        if name != PROJECT and entries.get(name, ("", ""))[0] != distribution(name).version
    ]  # fmt: skip
    if wrong:
        print(f"Not as scripts/requirements.lock has them: {', '.join(wrong)}", file=sys.stderr)
        return 1
    lines = [entries[name][1].rstrip() for name in graph if name != PROJECT]
    head = HEAD.format(version=distribution(PROJECT).version, name=lock_file.name)
    lock_file.write_text("\n".join([head.rstrip(), *lines]) + "\n", encoding="utf-8")
    told = [described(name, needs) for name, needs in graph.items()]
    json_file.write_text(json.dumps(told, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
