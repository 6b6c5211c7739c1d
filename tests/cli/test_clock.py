"""What an operator sees of a clock that has jumped, and says about it."""

from __future__ import annotations

import json
import time
from dataclasses import asdict

from edxml_router.store.clocks.steady_clock import FILE, Machine, Mark
from tests.cli.conftest import OneNode, rows


def test_an_operator_sees_the_doubt_and_ends_it(node: OneNode) -> None:
    count = time.clock_gettime(time.CLOCK_BOOTTIME)
    mark = Mark(Machine().boot, time.time() - count - 6 * 86400.0, doubted=count)
    [folder] = {path.parent for path in node.folder.rglob("journal.db")}
    (folder / FILE).write_text(json.dumps(asdict(mark)))
    assert node.call("doctor").exit_code == 75
    found = {row["check"]: row for row in rows(node.call("doctor", "--json"))}
    assert (found["clock"]["result"], found["clock"]["problem"]["code"]) == ("failed", "EDX805")
    assert "6 days, 0:00:00 ahead" in found["clock"]["problem"]["detail"]
    assert node.call("clock", "accept").exit_code == 0
    assert {row["check"]: row["result"] for row in node.rows("doctor")}["clock"] == "ok"
    [said] = node.rows("journal", "query", "--event", "clock.")
    assert (said["event"], said["actor"].partition(":")[0]) == ("clock.believed", "operator")
