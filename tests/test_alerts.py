"""The alerts that come with the program: each fires and is silent when it should, and tells what to do."""

from __future__ import annotations

import json
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


def test_the_dashboard_asks_for_metrics_that_there_are_and_prometheus_can_read(tmp_path: Path) -> None:
    dashboard = json.loads((ROOT / "config" / "dashboards" / "edxml-router.json").read_text(encoding="utf-8"))
    queries = [target["expr"] for panel in dashboard["panels"] for target in panel.get("targets", ())]
    timed = {PREFIX + name for name, one in MEASURES.items() if one.buckets}
    known = {*shown_names(), *(f"{name}{end}" for name in timed for end in ("_bucket", "_sum", "_count"))}
    assert set(re.findall(rf"\b{PREFIX}\w+", " ".join(queries))) <= known
    assert len(queries) > 25
    shown = {panel["id"]: panel["gridPos"] for panel in dashboard["panels"]}
    assert len(shown) == len(dashboard["panels"])
    rules = [
        {"record": f"panel:query{number}", "expr": query.replace("$__rate_interval", "5m").replace("$job", ".*")}
        for number, query in enumerate(queries)
    ]
    file = tmp_path / "queries.yml"  # which JSON is, too
    file.write_text(json.dumps({"groups": [{"name": "dashboard", "rules": rules}]}), encoding="utf-8")
    done = subprocess.run(["promtool", "check", "rules", str(file)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
