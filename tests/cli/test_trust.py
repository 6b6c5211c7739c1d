"""``edxml-router trust``, and that a running worker follows it."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from edxml_router import pipeline, wiring
from edxml_router.config import load
from edxml_router.core.certificate import spki_sha256
from edxml_router.core.problems import Refusal
from edxml_router.node.worker import Worker
from edxml_router.records import Submission
from edxml_router.store.keys import load_certificates
from tests.cli.conftest import OneNode, signed
from tests.fixtures import document


@pytest.fixture
def table(node: OneNode) -> Path:
    """The node has an empty table of bindings."""
    path = node.folder / "bindings.csv"
    path.write_text("# ghi chú\n", encoding="utf-8")
    text = node.config.read_text(encoding="utf-8")
    named = '[trust]\nbindings = "bindings.csv"\n'
    node.config.write_text(text.replace("[trust]\n", named, 1), encoding="utf-8")
    assert load(node.config).trust.bindings == path
    return path


def done(node: OneNode, *arguments: str | Path) -> None:
    result = node.call("trust", *arguments)
    assert result.exit_code == 0, result.output


def key_of(node: OneNode, agency: str) -> str:
    return spki_sha256(load_certificates(node.pki / f"{agency}.cert.pem")[0])


def test_the_table_is_listed(node: OneNode, table: Path) -> None:
    certificate = node.pki / "H53.01.cert.pem"
    done(node, "bind", certificate, "H53", "--until", "2030-12-31", "--reason", "Quyết định 12")
    done(node, "delegate", "H53", "000.00.01.H53", "--since", "2099-01-01", "--reason", "ủy quyền")
    done(node, "block", "ab" * 32, "--until", "2099-01-01", "--reason", "lộ khóa")
    bound, delegated, blocked = node.rows("trust", "list")
    assert (bound["act"], bound["subject"], bound["agency"]) == ("bind", key_of(node, "H53.01"), "H53")
    assert (bound["until"], bound["in_force"]) == ("2031-01-01T00:00:00+07:00", True)
    assert (delegated["subject"], delegated["agency"], delegated["in_force"]) == ("H53", "H53.01", False)
    assert (blocked["subject"], blocked["agency"], blocked["reason"]) == ("ab" * 32, None, "lộ khóa")
    shown = node.call("trust", "list").output
    assert "in force" in shown
    assert "later" in shown
    assert table.read_text(encoding="utf-8").startswith("# ghi chú\n")


def test_what_was_written_is_ended(node: OneNode, table: Path) -> None:
    certificate = node.pki / "H53.01.cert.pem"
    done(node, "bind", certificate, "H53", "--since", "2026-01-01", "--reason", "x")
    done(node, "delegate", "H53", "H53.01", "--since", "2026-01-01", "--reason", "x")
    done(node, "block", "H53", "--since", "2099-01-01", "--reason", "x")
    done(node, "unbind", key_of(node, "H53.01").upper(), "H53")
    done(node, "undelegate", "H53", "H53.01")
    done(node, "unblock", "H53")
    bound, delegated = node.rows("trust", "list")  # a block that would only have begun is gone
    for row in (bound, delegated):
        assert not row["in_force"]
        assert datetime.fromisoformat(row["until"]) <= datetime.now(UTC)
    again = node.call("trust", "unbind", certificate, "H53")
    assert again.exit_code == 66
    assert "EDX606" in again.output


@pytest.mark.parametrize(
    ("arguments", "status"),
    [
        (["bind", "ab" * 32, "H53"], 2),
        (["bind", "ab" * 32, "H53", "--since", "02/03/2026", "--reason", "x"], 2),
        (["bind", "ab" * 32, "H53", "--since", "2026-03-02", "--until", "2026-03-01", "--reason", "x"], 2),
        (["bind", "none.pem", "H53", "--reason", "x"], 78),
        (["bind", "ab" * 32, "H53/01", "--reason", "x"], 1),
    ],
)
def test_mistakes_write_nothing(node: OneNode, table: Path, arguments: list[str], status: int) -> None:
    before = table.read_bytes()
    assert node.call("trust", *arguments).exit_code == status
    assert table.read_bytes() == before


def test_a_table_must_be_named(node: OneNode) -> None:
    result = node.call("trust", "block", "H53", "--reason", "x")
    assert result.exit_code == 78
    assert "EDX901" in result.output


def test_a_wrong_table_is_not_written_over(node: OneNode, table: Path) -> None:
    table.write_text("allow,H53,,,,\n", encoding="utf-8")
    result = node.call("trust", "block", "H53", "--reason", "x")
    assert "EDX901" in result.output
    assert table.read_text(encoding="utf-8") == "allow,H53,,,,\n"


@pytest.mark.parametrize("subject", ["H53", "certificate"])
def test_a_block_reaches_a_running_worker(node: OneNode, table: Path, subject: str) -> None:
    """Without a signal or a restart: at the next look at the clock, twice a second."""

    def outcome(opened: wiring.Opened, number: int) -> str:
        data = signed(node.pki, document(sender="H53", to=["G22"], document_id=f"{subject}-{number}"))
        [answer] = pipeline.accept(opened.node, [Submission(data, "vp", "cli")])
        return answer.finding.code if answer.finding else "accepted"

    worker = Worker(node.config)
    with wiring.open_worker(load(node.config)) as opened:
        worker._turn(opened)
        assert not worker._reloading
        assert outcome(opened, 1) == "accepted"
        done(node, "block", node.pki / "H53.cert.pem" if subject == "certificate" else subject, "--reason", "mất khóa")
        worker._upkeep_at = 0.0
        worker._turn(opened)
        assert worker._reloading
        worker._load_rules(opened)
        assert outcome(opened, 2) == "EDX409"
        done(node, "unblock", node.pki / "H53.cert.pem" if subject == "certificate" else subject)
        assert opened.trust_changed()
        assert not opened.trust_changed()


def test_a_broken_table_keeps_the_old_rules(node: OneNode, table: Path) -> None:
    worker = Worker(node.config)
    with wiring.open_worker(load(node.config)) as opened:
        rules = opened.node.rules
        table.write_text("nonsense\n", encoding="utf-8")
        assert opened.trust_changed()
        worker._load_rules(opened)
        assert opened.node.rules is rules
        with pytest.raises(Refusal):
            opened.node.rules.bindings.from_csv(table.read_bytes())
