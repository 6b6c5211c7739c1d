"""``retention``: the plan, the act, and what is held, as an operator types them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from edxml_router.wiring import own_ledger
from tests.cli.conftest import OneNode, call
from tests.clocks import Given


class Ahead(Given):
    """So many days after today."""

    days = 0

    def now(self) -> datetime:
        return datetime.now(UTC) + timedelta(days=self.days)


@pytest.fixture
def ahead(monkeypatch: pytest.MonkeyPatch) -> type[Ahead]:
    monkeypatch.setattr(Ahead, "days", 0)
    monkeypatch.setattr(own_ledger, "SteadyClock", lambda _: Ahead())
    return Ahead


def confirmed(node: OneNode, document_id: str) -> str:
    digest = node.send(document_id, ["000.00.00.G22"])
    node.work()
    assert node.call("confirm", f"{digest}.G22").exit_code == 0
    assert node.call("inbox", "--notices", "--clear").exit_code == 0
    return digest


def keep(node: OneNode, *lines: str) -> None:
    node.config.write_text("\n".join((node.config.read_text("utf-8"), "[retention]", *lines)), "utf-8")


def test_nothing_is_set_and_nothing_goes(node: OneNode, ahead: type[Ahead]) -> None:
    confirmed(node, "1-VP")
    ahead.days = 4000
    plan = node.call("retention", "plan")
    assert plan.exit_code == 0
    assert "no rule lets anything go: see retention.bodies" in plan.output
    refused = node.call("retention", "run", "--yes")
    assert (refused.exit_code, "EDX672" in refused.output) == (1, True)
    [told] = node.rows("retention", "plan")
    assert (told["going"], told["staying"], told["kept"]["count"]) == ([], [], 1)


def test_plan_act_and_what_is_said_afterwards(node: OneNode, ahead: type[Ahead]) -> None:
    first, second = confirmed(node, "1-VP"), confirmed(node, "2-VP")
    keep(node, 'bodies = "30d"')
    held = node.call("retention", "hold", "2-VP", "--reason", "khiếu nại")
    assert (held.exit_code, held.output) == (0, "2-VP is held; envelopes here: 1\n")
    assert "EDX671" in node.call("retention", "hold", second[:12], "--reason", "again").output
    assert [one["subject"] for one in node.rows("retention", "holds")] == ["2-VP"]
    ahead.days = 40
    [told] = node.rows("retention", "plan")
    assert [(one["rule"], one["count"]) for one in told["going"]] == [("retention", 1)]
    assert [(one["reason"], one["count"]) for one in told["staying"]] == [("held", 1)]
    listed = {one["document_id"]: one["reasons"] for one in node.rows("retention", "plan", "--list")}
    assert listed == {"1-VP": [], "2-VP": ["held"]}
    asked = call("--config", node.config, "retention", "run", given=b"n\n")
    assert asked.exit_code == 1
    [told] = node.rows("retention", "plan")
    assert told["removed"]["count"] == 0
    done = node.call("retention", "run", "--yes")
    assert done.exit_code == 0, done.output
    assert "1 bodies of" in done.output.splitlines()[-1]
    verified = node.call("journal", "verify")
    assert verified.exit_code == 0, verified.output
    trace = node.call("trace", first)
    assert "body removed on" in trace.output.replace("\n", " ")
    [history] = node.rows("trace", first)
    assert history["removed_body"]["rule"] == "retention"
    [entry] = node.rows("journal", "query", "--event", "bodies.removed")
    assert {key: history["removed_body"][key] for key in ("number", "position")}.items() <= entry.items()
    assert entry["actor"].startswith("operator:")
    fetched = node.call("fetch", f"{first}.G22", "-o", node.folder / "again.edxml")
    assert (fetched.exit_code, "EDX670" in fetched.output) == (66, True)
    assert node.call("retention", "release", "2-VP", "--reason", "xong").exit_code == 0
    assert node.rows("retention", "holds") == []
    assert node.call("retention", "holds").output == "nothing is held\n"
    assert "EDX606" in node.call("retention", "release", "2-VP", "--reason", "xong").output
    events = [one["event"] for one in node.rows("journal", "query", "--document", "2-VP")]
    assert [one for one in events if one.startswith("document.")] == ["document.held", "document.released"]
    [removal] = node.rows("retention", "run", "--yes")
    assert (removal["rule"], removal["count"]) == ("retention", 1)
    nothing = node.call("retention", "run")
    assert (nothing.exit_code, "removed on purpose so far" in nothing.output) == (0, True)


def test_a_class_has_its_own_term(node: OneNode, ahead: type[Ahead]) -> None:
    confirmed(node, "1-VP")
    keep(node, 'bodies = "30d"', "[[retention.classes]]", 'name = "tinh"', 'senders = ["H53"]')
    ahead.days = 4000
    [told] = node.rows("retention", "plan")
    assert told["going"] == []
    assert [(one["reason"], one["count"]) for one in told["staying"]] == [("for-ever", 1)]


def test_words_and_the_next_day_are_in_the_plan(node: OneNode, ahead: type[Ahead]) -> None:
    digest = node.send("1-VP", ["000.00.00.G22"])
    node.work()
    assert node.call("confirm", f"{digest}.G22", "--refuse", "--reason", "sai nơi nhận").exit_code == 0
    node.work()
    assert node.call("inbox", "--notices", "--clear").exit_code == 0
    keep(node, 'words = "20d"', "[[retention.classes]]", 'name = "khac"', 'levels = ["commune"]', 'bodies = "5d"')
    plan = node.call("retention", "plan")
    assert "Nothing would go: no term is over; next on" in plan.output
    [told] = node.rows("retention", "plan")
    assert (datetime.fromisoformat(told["next_at"]) - datetime.now(UTC)).days in (19, 20)
    assert [one["reason"] for one in told["texts"]["staying"]] == ["not-yet"]
    ahead.days = 21
    [told] = node.rows("retention", "plan")
    assert (told["next_at"], [(one["rule"], one["count"]) for one in told["texts"]["going"]]) == (
        None, [("retention", 1)],
    )  # fmt: skip
    assert "words go" in node.call("retention", "plan").output
    [done] = node.rows("retention", "run", "--yes")
    assert (done["digest"], done["ground"], done["actor"].split(":")[0]) == (
        digest, "retention:retention", "operator",
    )  # fmt: skip
    verified = node.call("journal", "verify")
    assert (verified.exit_code, "by ground retention:retention" in verified.output) == (0, True)
    assert "Nothing would go, and no term ends by itself" in node.call("retention", "plan").output


def test_a_level_that_the_catalogue_lacks_is_named(node: OneNode) -> None:
    keep(node, "[[retention.classes]]", 'name = "khac"', 'levels = ["xa"]', 'bodies = "5d"')
    refused = node.call("retention", "plan")
    assert (refused.exit_code, "EDX901" in refused.output) == (78, True)
    assert "xa is no level of the catalogue of agencies: national, province" in " ".join(refused.output.split())


def test_it_fits_a_terminal(node: OneNode, ahead: type[Ahead], monkeypatch: pytest.MonkeyPatch) -> None:
    confirmed(node, "1-VP")
    keep(node, 'bodies = "30d"')
    ahead.days = 40
    monkeypatch.setattr("edxml_router.cli.session.WIDE", 80)
    for command in (("plan",), ("plan", "--list"), ("holds",)):
        lines = node.call("retention", *command).output.splitlines()
        assert lines
        assert max(map(len, lines)) <= 80
