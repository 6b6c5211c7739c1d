"""In which order processes that share the tests take the files: the longest first.

A file stays in one process. Those with the fewest tests are often those that take the longest (a test of three running
nodes, or of a whole guide); begun last, they would keep one process busy while the others have nothing left to do.
"""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Final

import pytest

ROOT: Final = Path(__file__).resolve().parent

# More than half a minute of processor time each. Where this is out of date, the tests only take longer.
LONGEST: Final = (
    "scenarios/test_tree.py",
    "conformance/test_conformance.py",
    "house/test_guides.py",
    "scenarios/test_restore.py",
    "test_proof.py",
    "house/test_recipes.py",
    "crash/test_port_calls.py",
    "scenarios/test_rogue_child.py",
    "cli/test_node.py",
    "scenarios/test_trial_axis.py",
    "gateway/test_serve.py",
    "house/test_wheel.py",
    "gateway/test_client.py",
    "test_retention.py",
    "gateway/test_uploads.py",
    "cli/test_serve.py",
)


def longest_first(items: list[pytest.Item]) -> None:
    """Sort what was collected by file: :data:`LONGEST`, then those with the most tests. Within a file nothing moves."""
    places = {ROOT / name: number for number, name in enumerate(LONGEST)}
    tests = Counter(item.path for item in items)
    order = {path: (places.get(path, len(places)), -count, path) for path, count in tests.items()}
    items.sort(key=lambda item: order[item.path])
