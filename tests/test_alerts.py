"""The alerts that come with the program: each fires and is silent when it should, and tells what to do."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

from edxml_router.observe.measures import MEASURES
from edxml_router.services.metrics.gauges import PREFIX, shown_names

ROOT = Path(__file__).resolve().parents[1]
ALERTS = (ROOT / "config" / "alerts.yml").read_text(encoding="utf-8")
CASES = (ROOT / "config" / "alerts_test.yml").read_text(encoding="utf-8")
NAMES = re.findall(r"- alert: (\w+)", ALERTS)


def test_each_alert_has_a_case_in_which_it_fires_and_one_in_which_it_is_silent() -> None:
    assert len(set(NAMES)) > 20
    for name, severity in re.findall(r"- alert: (\w+).*?severity: (\w+)", ALERTS, re.DOTALL):
        for case in ("fires", "is silent"):
            assert f'name: "{name} ({severity}) {case}"' in CASES


def test_promtool_finds_that_they_do() -> None:
    command = ["promtool", "test", "rules", "alerts_test.yml"]
    done = subprocess.run(command, cwd=ROOT / "config", capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_they_ask_for_metrics_that_there_are() -> None:
    timed = {PREFIX + name for name, one in MEASURES.items() if one.buckets}
    known = {*shown_names(), *(f"{name}{end}" for name in timed for end in ("_bucket", "_sum", "_count"))}
    asked = set(re.findall(rf"\b{PREFIX}\w+", ALERTS))
    assert asked - known == set()
    assert len(asked) > 20


def test_each_has_its_place_in_the_runbook() -> None:
    anchors = re.findall(r'runbook: "docs/runbook\.md#(\w+)"', ALERTS)
    titles = re.findall(r"^## (\w+)$", (ROOT / "docs" / "runbook.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert anchors == [name.lower() for name in NAMES]
    assert titles == list(dict.fromkeys(NAMES))
