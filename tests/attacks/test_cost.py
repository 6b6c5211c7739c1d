"""No attack makes the gate take much memory: the growth is measured in a process of its own, see ``cost``."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from tests.attacks.corpus import ATTACKS

ROOT = Path(__file__).resolve().parents[2]
MOST = 64 * 1024 * 1024


def test_every_attack_costs_less_than_64_mib() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tests.attacks.cost", "--json"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    found = json.loads(done.stdout)
    assert set(found) == {str(attack) for attack in ATTACKS if not attack.before}
    assert {name: grown for name, (_, _, grown, _) in found.items() if grown >= MOST} == {}
