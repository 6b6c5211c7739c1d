"""The command ``comply``: each control is measured on a real node, and a change of the node changes the answer."""

from __future__ import annotations

import os
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import closing, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy

from edxml_router.config import load
from edxml_router.core.problems import Setback
from edxml_router.services import trial_authority
from edxml_router.services.compliance import assessing, keeping_measures, trust_measures
from edxml_router.services.compliance.rules import CONTROLS, controls_of
from edxml_router.services.compliance.situation import Measurement, opened_situation
from edxml_router.store import upkeep
from edxml_router.wiring import own_ledger
from tests.cli.conftest import OneNode, rows


def answers(node: OneNode, level: int = 4) -> dict[str, dict[str, Any]]:
    """What the command says of each control; the exit status fits."""
    result = node.call("comply", "--level", str(level), "--json")
    found = {row["control"]: row for row in rows(result)}
    gaps = [row for row in found.values() if row["compliance"] == "gap"]
    assert result.exit_code == (1 if gaps else 0), result.output
    assert all(row["problem"]["code"] == "EDX668" for row in gaps)
    return found


def change(node: OneNode, old: str, new: str) -> None:
    text = node.config.read_text("utf-8")
    assert old in text
    node.config.write_text(text.replace(old, new), "utf-8")


def measured(node: OneNode, name: str, level: int = 4) -> Measurement:
    [control] = [one for one in CONTROLS if one.name == name]
    with opened_situation(load(node.config), level) as situation:
        return control.measure(situation)


def test_a_new_node_is_measured_and_nothing_is_claimed_that_was_not(node: OneNode) -> None:
    found = answers(node)
    assert list(found) == [one.name for one in controls_of(4)]
    told = {name: row["compliance"] for name, row in found.items()}
    assert {name for name, state in told.items() if state == "met"} == {
        "level", "signed", "log-immutable", "digests-unchangeable", "journal-immutable", "keys-apart", "tls-outgoing",
        "alarm-before-full",
    }  # fmt: skip
    assert {"two-layers", "restore-quarter", "copies", "self-check", "log-apart"} <= {
        name for name, state in told.items() if state == "gap"
    }
    for row in found.values():
        assert row["text_verified"] is False  # nobody has compared them with the official texts
        assert row["source"] and row["source_vi"] != row["source"]
        assert row["requirement_vi"] != row["requirement"] and row["remedy_vi"] != row["remedy"]
        assert row["measured"]
    node.send("L1", ["G22"])
    node.work()
    assert node.call("journal", "query").exit_code == 0
    after = {name: row["compliance"] for name, row in answers(node).items()}
    assert {name for name, state in after.items() if state == "met" and told[name] == "not-measured"} == {
        "journal-kept", "journal-kept-year", "digest-at-arrival", "utc", "unique-stamps",
        "readers-noted",
    }  # fmt: skip


def test_levels_have_their_controls_and_a_node_with_others_below_it_is_of_level_3(node: OneNode) -> None:
    two, three = answers(node, 2), answers(node, 3)
    assert (two["level"]["compliance"], three["level"]["compliance"]) == ("gap", "met")
    assert set(three) - set(two) == {"signed"}
    assert "3 months" in three["journal-kept"]["in_effect"]
    assert node.call("comply").exit_code == 2
    assert node.call("comply", "--level", "5").exit_code == 2


def test_people_read_what_is_asked_what_was_seen_and_what_helps(node: OneNode) -> None:
    shown = node.call("comply", "--level", "3", "--lang", "vi")
    assert shown.exit_code == 1
    assert "QCVN 12:2026/BCA 3.16.2" in shown.output
    assert "text not verified" not in shown.output
    english = node.call("comply", "--level", "3").output
    assert "gap: Three copies on two kinds of media" in english
    assert "there is no back-up" in english
    assert "text not verified: a copy read from scans by a third party" in english


def test_a_trigger_that_was_taken_away_is_a_gap_of_each_control_that_rests_on_it(node: OneNode) -> None:
    node.send("L1", ["G22"])
    node.work()
    engine = sqlalchemy.create_engine(load(node.config).database_url)
    with engine.begin() as connection:
        connection.execute(sqlalchemy.text("DROP TRIGGER journal_kept"))
    found = answers(node)
    for name in ("log-immutable", "digests-unchangeable", "journal-immutable", "journal-kept", "journal-kept-year"):
        assert (found[name]["compliance"], "journal_kept" in found[name]["measured"]) == ("gap", True)
    with engine.begin() as connection:
        connection.execute(sqlalchemy.text("DROP TRIGGER journal_unchanged"))
        connection.execute(sqlalchemy.text("UPDATE journal SET stamp = (SELECT min(stamp) FROM journal)"))
        connection.execute(sqlalchemy.text("UPDATE bodies SET data = x'00'"))
        connection.execute(sqlalchemy.text("DELETE FROM journal WHERE position = 0"))
    engine.dispose()
    assert measured(node, "unique-stamps").compliance == "gap"
    assert measured(node, "digest-at-arrival").compliance == "gap"


def test_settings_that_weaken_a_control_are_seen(node: OneNode) -> None:
    change(node, 'name = "vpcp"', 'name = "vpcp"\nunsigned = { until = 2099-12-31, reason = "thử" }')
    wrong = measured(node, "signed")
    assert (wrong.compliance, "offices[2].unsigned" in wrong.evidence) == ("gap", True)
    key = node.folder / "log.key.pem"
    data = load(node.config).node.data
    assert measured(node, "keys-apart").compliance == "met"
    moved = data / "log.key.pem"
    key.rename(moved)
    change(node, 'key = "log.key.pem"', f'key = "{moved.relative_to(node.folder)}"')
    assert (measured(node, "keys-apart").compliance, measured(node, "log-apart").compliance) == ("gap", "gap")
    broker = '[parent]\nname = "quoc-gia"\n[parent.hub]\nkind = "rabbitmq"\nhost = "mq.example.vn"\n'
    with node.config.open("a", encoding="utf-8") as file:
        file.write(f'{broker}password_file = "hub.password"\n')
    (node.folder / "hub.password").write_text("x")
    (node.folder / "hub.password").chmod(0o600)
    assert "mq.example.vn" in measured(node, "tls-outgoing").evidence
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("shutil.disk_usage", lambda _: type("Usage", (), {"free": 1024})())
        assert measured(node, "alarm-before-full").compliance == "gap"


@pytest.mark.parametrize(
    ("name", "kept", "control"),
    [("drill", timedelta(days=90), "restore-quarter"), ("scrub", timedelta(days=30), "self-check")],
)
def test_upkeep_counts_while_it_is_young_and_sound(node: OneNode, name: str, kept: timedelta, control: str) -> None:
    now = datetime.now(UTC)
    for age, sound, told in [(kept, True, "met"), (kept, False, "gap"), (kept + timedelta(days=5), True, "gap")]:
        with closing(own_ledger.open_ledger(load(node.config))) as ledger, ledger.engine.begin() as connection:
            upkeep.note(connection, name, now - age, sound=sound)
        assert measured(node, control).compliance == told
    assert measured(node, "restore-half-year").compliance == ("met" if name == "drill" else "gap")


def test_a_back_up_is_seen_but_not_how_many_there_are(node: OneNode, tmp_path: Path) -> None:
    assert node.call("backup", tmp_path / "copy").exit_code == 0
    assert measured(node, "copies").compliance == "not-measured"


def test_what_cannot_be_measured_is_not_met(node: OneNode) -> None:
    change(node, 'anchors = "', 'anchors = "/nowhere')
    result = node.call("comply", "--level", "3", "--json")
    assert (result.exit_code, result.stdout) == (78, "")
    broken = OneNode(node.folder, node.pki)
    change(broken, 'anchors = "/nowhere', 'anchors = "')
    (load(broken.config).node.data / "journal.db").unlink()
    assert "EDX617" in broken.call("comply", "--level", "3").output


def test_a_measure_that_fails_is_not_measured_and_says_why(node: OneNode, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*_: object) -> object:
        raise Setback("EDX602", where="store.url")

    monkeypatch.setattr(keeping_measures.upkeep, "last", fails)
    found = {one.control.name: one.measurement for one in assessing.assess(load(node.config), 4)}
    assert found["copies"].compliance == "not-measured"
    assert found["copies"].evidence.startswith("EDX602")
    assert found["journal-immutable"].compliance == "met"


# --- the disk and the wire ---


def test_a_disk_is_encrypted_where_dm_crypt_lies_beneath_it(tmp_path: Path) -> None:
    number = tmp_path.stat().st_dev
    device = tmp_path / "sys" / "dev" / "block" / f"{os.major(number)}:{os.minor(number)}"
    assert keeping_measures.is_encrypted(tmp_path, tmp_path / "sys") is None
    (device / "dm").mkdir(parents=True)
    (device / "dm" / "uuid").write_text("LVM-abc")
    assert keeping_measures.is_encrypted(tmp_path, tmp_path / "sys") is False
    beneath = tmp_path / "sys" / "luks"
    (beneath / "dm").mkdir(parents=True)
    (beneath / "dm" / "uuid").write_text("CRYPT-LUKS2-abc")
    (device / "slaves").mkdir()
    (device / "slaves" / "dm-0").symlink_to(beneath)
    assert keeping_measures.is_encrypted(tmp_path, tmp_path / "sys") is True


@pytest.fixture
def server(tmp_path: Path) -> Iterator[tuple[ssl.SSLContext, int]]:
    """A server of TLS, which takes what its context takes."""
    now = datetime.now(UTC)
    trial_authority.init(tmp_path / "ca", now)
    trial_authority.issue(tmp_path / "ca", "localhost", now)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "ca" / "localhost.cert.pem", tmp_path / "ca" / "localhost.key.pem")
    listening = socket.create_server(("127.0.0.1", 0))

    def answer() -> None:
        while True:
            try:
                connection, _ = listening.accept()
            except OSError:
                return
            with connection, suppress(OSError):
                context.wrap_socket(connection, server_side=True).close()

    thread = threading.Thread(target=answer, daemon=True)
    thread.start()
    yield context, listening.getsockname()[1]
    listening.shutdown(socket.SHUT_RDWR)
    listening.close()
    thread.join(10)


def test_a_server_that_takes_tls_1_1_is_told_from_one_that_does_not(server: tuple[ssl.SSLContext, int]) -> None:
    context, port = server
    old, new = ssl.TLSVersion.TLSv1_1, ssl.TLSVersion.TLSv1_2
    assert [trust_measures.speaks("127.0.0.1", port, each) for each in (old, new)] == [False, True]
    with pytest.warns(DeprecationWarning):
        context.minimum_version = ssl.TLSVersion.TLSv1_1
    context.set_ciphers("ALL:@SECLEVEL=0")
    assert trust_measures.speaks("127.0.0.1", port, old) is True
