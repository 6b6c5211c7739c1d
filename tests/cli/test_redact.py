"""``redact``, as an operator types it."""

from __future__ import annotations

import pytest

from tests.cli.conftest import OneNode, call

WORDS = "sai người: ông Lê Văn Ví Dụ"
GROUND = "13/2023/NĐ-CP:16"


@pytest.fixture
def returned(node: OneNode) -> str:
    digest = node.send("1-VP", ["000.00.00.G22"])
    node.work()
    assert node.call("confirm", f"{digest}.G22", "--refuse", "--reason", WORDS).exit_code == 0
    node.work()
    return digest


def test_shown_asked_done_and_said_ever_after(node: OneNode, returned: str) -> None:
    shown = node.call("redact", "1-VP", "--dry-run")
    assert (shown.exit_code, WORDS in shown.output) == (0, True)
    [planned] = node.rows("redact", "1-VP", "--dry-run", "--recipient", "000.00.00.G22")
    assert [(one["digest"], one["characters"]) for one in planned["words"]] == [(returned, len(WORDS))]
    refused = node.call("redact", "1-VP", "--ground", "theo đơn")
    assert (refused.exit_code, "EDX687" in refused.output) == (2, True)
    assert call("--config", node.config, "redact", "1-VP", "--ground", GROUND, given=b"n\n").exit_code == 1
    assert WORDS in node.call("trace", "1-VP").output
    [done] = node.rows("redact", "1-VP", "--ground", GROUND, "--yes")
    assert (done["digest"], done["ground"], len(done["reasons_sha256"])) == (returned, GROUND, 1)
    node.work()
    traced = " ".join(node.call("trace", "1-VP").output.split())
    assert WORDS not in traced
    assert f"by ground {GROUND}" in traced
    verified = node.call("journal", "verify")
    assert (verified.exit_code, f"by ground {GROUND}" in verified.output) == (0, True)
    [told] = node.rows("journal", "verify")
    assert (told["redaction_count"], told["redactions"]) == (1, [done])
    again = node.call("redact", "1-VP", "--ground", GROUND, "--yes")
    assert (again.exit_code, "EDX675" in again.output) == (1, True)


def test_with_the_letter(node: OneNode, returned: str) -> None:
    assert node.call("inbox", "--notices", "--clear").exit_code == 0
    done = node.call("redact", returned[:12], "--letter", "--ground", GROUND, "--yes")
    assert (done.exit_code, "erased: 1 texts, 1 letters" in done.output) == (0, True)
    node.work()
    assert node.call("journal", "verify").exit_code == 0
    assert "by rule redaction" in " ".join(node.call("trace", "1-VP").output.split())


def test_held(node: OneNode, returned: str) -> None:
    assert node.call("retention", "hold", returned, "--reason", "khiếu nại").exit_code == 0
    assert "EDX676" in node.call("redact", "1-VP", "--dry-run").output
