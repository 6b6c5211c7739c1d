"""``edxml-router trust``, and that a running worker follows it without a signal."""

from __future__ import annotations

import os
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding

from edxml_router import pipeline
from edxml_router.cli.acting import account
from edxml_router.config import load
from edxml_router.core.body import MemoryBody
from edxml_router.core.trust.bindings import Act, BindingRow
from edxml_router.core.trust.certificate import spki_sha256
from edxml_router.credentials import trust_files
from edxml_router.credentials.keys import load_certificates
from edxml_router.node.worker import Worker
from edxml_router.observe.orders import Orders
from edxml_router.services import trial_authority
from edxml_router.stages.acceptance.submission import Submission
from edxml_router.wiring import composition
from tests.cli.conftest import OneNode, call, rows, signed
from tests.clocks import wait_past_midnight
from tests.fixtures import document
from tests.shapes import code_of

WHY = ("--reason", "theo phiếu 7")


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
    assert (bound["until"], bound["in_force"]) == ("2030-12-31T17:00:00.000Z", True)
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
    done(node, "unbind", key_of(node, "H53.01").upper(), "H53", *WHY)
    done(node, "undelegate", "H53", "H53.01", *WHY)
    done(node, "unblock", "H53", *WHY)
    bound, delegated = node.rows("trust", "list")  # a block that would only have begun is gone
    for row in (bound, delegated):
        assert not row["in_force"]
        assert datetime.fromisoformat(row["until"]) <= datetime.now(UTC)
    again = node.call("trust", "unbind", certificate, "H53", *WHY)
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


# --- what KEY and CODE may be -------------------------------------------------------------------------


def subjects(table: Path) -> list[str]:
    return [row.subject for row in trust_files.legible(table)]


def test_what_status_shows_of_a_signer_can_be_blocked(node: OneNode, table: Path) -> None:
    node.send("H53-1", ["G22"])
    key = key_of(node, "H53")
    [signer] = [row for row in node.rows("trust", "status") if row["kind"] == "signer"]
    assert signer["key"] == key
    assert key in node.call("trust", "status").stdout
    [blocked] = node.rows("trust", "revoke", key[:16], "--reason", "lộ khóa")
    assert (blocked["subject"], blocked["written"], blocked["remarks"]) == (key, True, [])
    [answer] = rows(node.call("send", node.letter("H53-2", ["G22"]), "--as", "vp", "--json"))
    assert answer["problem"]["code"] == "EDX409"
    done(node, "unblock", key[:12].upper(), *WHY)
    [answer] = node.rows("send", node.letter("H53-2", ["G22"]), "--as", "vp")
    assert answer["accepted"]


def test_a_beginning_is_that_of_a_key_or_of_a_certificate(node: OneNode, table: Path) -> None:
    [root] = load_certificates(node.pki / "anchors.pem")
    fingerprint = root.fingerprint(SHA256()).hex()
    done(node, "block", fingerprint[:20], *WHY)
    assert subjects(table) == [fingerprint]
    assert "EDX606" in node.call("trust", "bind", "0123abcd", "H53", *WHY).stderr
    table.write_text("", encoding="utf-8")
    done(node, "bind", "ab" * 32, "H53", "--since", "2026-01-01", *WHY)
    done(node, "bind", "abababab", "H53.01", *WHY)  # known from the table
    done(node, "unbind", "abababab", "H53", *WHY)
    bound = [(row["agency"], row["in_force"]) for row in node.rows("trust", "list")]
    assert bound == [("H53", False), ("H53.01", True)]


def test_digits_that_are_no_known_key_or_several_block_nothing(node: OneNode, table: Path) -> None:
    before = table.read_bytes()
    nobody = node.call("trust", "block", "332cb4c95d3943e8", *WHY)
    assert (nobody.exit_code, nobody.stderr[:6]) == (66, "EDX606")
    assert "where   332cb4c95d3943e8\n" in nobody.stderr
    assert "trust status" in nobody.stderr
    assert table.read_bytes() == before
    done(node, "block", "ab" * 32, *WHY)
    done(node, "block", "ab" * 31 + "cd", *WHY)
    several = node.call("trust", "block", "abababab", *WHY)
    assert (several.exit_code, several.stderr[:6]) == (1, "EDX613")
    assert "ab" * 32 in several.stderr
    assert len(subjects(table)) == 2


@pytest.mark.parametrize(("text", "code"), [("nokey", "EDX501"), ("no key!", "EDX503"), ("H53.31.", "EDX503")])
def test_what_is_neither_key_nor_code_is_refused_as_it_was_typed(
    node: OneNode, table: Path, text: str, code: str
) -> None:
    for arguments in (["block", text], ["bind", "ab" * 32, text], ["delegate", "H53", text]):
        result = node.call("trust", *arguments, *WHY)
        assert (result.exit_code, result.stderr[:6]) == (1, code)
        assert result.stderr.splitlines()[1] == f"  where   {text}"
    assert subjects(table) == []


def test_a_code_that_no_catalogue_has_is_written_with_a_warning(node: OneNode, table: Path) -> None:
    told = node.call("trust", "block", "H53.31.2Z", *WHY)
    assert (told.exit_code, told.stderr[:6]) == (0, "EDX911")
    assert "above it is H53" in told.stderr
    assert subjects(table) == ["H53.31.2Z"]
    [row] = node.rows("trust", "delegate", "H53", "H53.99.9Z", *WHY)
    assert [(one["code"], one["where"]) for one in row["remarks"]] == [("EDX911", "H53.99.9Z")]
    assert node.call("trust", "block", "H53", *WHY).stderr == ""


def test_the_same_block_is_written_once(node: OneNode, table: Path) -> None:
    done(node, "block", "H53", "--since", "2026-01-01", "--until", "2090-01-01", *WHY)
    done(node, "block", "H53", "--since", "2026-01-01", *WHY)  # longer
    again = node.call("trust", "block", "000.00.00.H53", "--reason", "lần nữa")
    assert (again.exit_code, "it is there already" in again.stdout) == (0, True)
    [row] = node.rows("trust", "block", "H53", *WHY)
    assert (row["written"], row["until"]) == (False, None)
    assert subjects(table) == ["H53", "H53"]
    done(node, "unblock", "H53", *WHY)
    done(node, "block", "H53", *WHY)  # again in force
    assert [one["in_force"] for one in node.rows("trust", "list")] == [False, False, True]


def test_unblocking_what_is_not_blocked_points_to_the_list(node: OneNode, table: Path) -> None:
    result = node.call("trust", "unblock", "H53", *WHY)
    assert (result.exit_code, result.stderr[:6]) == (66, "EDX606")
    assert "edxml-router trust list" in result.stderr


def test_what_an_older_table_has_can_be_ended_as_it_stands(node: OneNode, table: Path) -> None:
    table.write_text("block,332cb4c95d3943e8,,,,x\nblock,nokey,,,,x\n", encoding="utf-8")
    done(node, "unblock", "332cb4c95d3943e8", *WHY)
    done(node, "unblock", "nokey", *WHY)
    assert [row["in_force"] for row in node.rows("trust", "list")] == [False, False]


def test_without_a_name_the_table_is_in_the_data_folder(node: OneNode) -> None:
    assert node.rows("trust", "list") == []
    done(node, "block", "H53", "--reason", "x")
    assert load(node.config).bindings == node.folder / "data" / "bindings.csv"
    assert [row["subject"] for row in node.rows("trust", "list")] == ["H53"]
    [answer] = rows(node.call("send", node.letter("H53-1", ["G22"]), "--as", "vp", "--json"))
    assert answer["problem"]["code"] == "EDX409"


def test_acts_are_journalled_with_operator_and_reason(node: OneNode, table: Path) -> None:
    done(node, "revoke", "H53", "--reason", "mất khóa")  # another word for block
    done(node, "unblock", "H53", *WHY)
    node.work()
    entries = node.rows("journal", "query", "--event", "trust.")
    assert [(row["event"], row["detail"]) for row in entries] == [
        ("trust.block", "H53: mất khóa"),
        ("trust.unblock", "H53: theo phiếu 7"),
    ]
    assert {row["actor"] for row in entries} == {f"operator:{account()}"}


def test_a_wrong_table_is_not_written_over_but_takes_a_block(node: OneNode, table: Path) -> None:
    table.write_text("allow,H53,,,,\n", encoding="utf-8")
    result = node.call("trust", "bind", "ab" * 32, "H53", "--reason", "x")
    assert "EDX901" in result.output
    assert table.read_text(encoding="utf-8") == "allow,H53,,,,\n"
    result = node.call("trust", "block", "H53", "--reason", "x")
    assert (result.exit_code, "EDX901" in result.output) == (78, True)  # written, and the mistake told
    assert [row.subject for row in trust_files.blocks(table)] == ["H53"]


def test_a_block_is_written_when_the_database_is_away(node: OneNode, table: Path) -> None:
    (node.folder / "data" / "journal.db").unlink()
    result = node.call("trust", "block", "H53", "--reason", "x")
    assert (result.exit_code, "EDX617" in result.output) == (78, True)
    assert [row.subject for row in trust_files.blocks(table)] == ["H53"]


def test_root_leaves_the_file_to_its_owner(table: Path) -> None:
    table.chmod(0o640)
    if os.geteuid() == 0:
        os.chown(table, 65534, 65534)
    before = table.stat()
    trust_files.append(table, BindingRow(Act.BLOCK, "H53"))
    after = table.stat()
    assert (after.st_mode, after.st_uid, after.st_gid) == (before.st_mode, before.st_uid, before.st_gid)
    assert after.st_ino != before.st_ino


# --- authorities --------------------------------------------------------------------------------------


def test_authorities_are_added_to_the_files_that_are_named(node: OneNode, pki: Path, tmp_path: Path) -> None:
    (tmp_path / "anchors.pem").write_bytes((pki / "anchors.pem").read_bytes())
    text = node.config.read_text(encoding="utf-8")
    text = text.replace(f'anchors = "{pki / "anchors.pem"}"', f'anchors = "{tmp_path / "anchors.pem"}"')
    node.config.write_text(text, encoding="utf-8")
    trial_authority.init(tmp_path / "other", datetime.now(UTC))
    both = tmp_path / "both.pem"
    both.write_bytes((tmp_path / "other/root.cert.pem").read_bytes() + (pki / "root.cert.pem").read_bytes())
    asked = call("--config", node.config, "trust", "add", both, *WHY)  # nobody answers
    assert asked.exit_code == 1
    assert len(load_certificates(tmp_path / "anchors.pem")) == 1
    first, second = node.rows("trust", "add", both, *WHY, "--yes")
    assert (first["written"], second["written"]) == (True, False)
    assert [each.subject for each in load_certificates(tmp_path / "anchors.pem")] == [
        load_certificates(pki / "root.cert.pem")[0].subject,
        load_certificates(tmp_path / "other/root.cert.pem")[0].subject,
    ]
    binary = tmp_path / "anchors.pem"
    binary.write_bytes(load_certificates(binary)[0].public_bytes(Encoding.DER))  # nothing can be put behind DER
    [added] = node.rows("trust", "add", tmp_path / "other/root.cert.pem", *WHY, "--yes")
    assert added["written"]
    assert len(load_certificates(binary)) == 2
    issuing = node.call("trust", "add", tmp_path / "other/issuing.cert.pem", *WHY, "--yes")
    assert "EDX901" in issuing.output  # trust.intermediates names no file
    leaf = node.call("trust", "add", pki / "H53.cert.pem", *WHY, "--yes")
    assert "EDX310" in leaf.output


def test_status_tells_what_ends_soon(node: OneNode, tmp_path: Path) -> None:
    node.send("H53-1", ["G22"])
    good = node.rows("trust", "status")
    assert {(row["kind"], code_of(row)) for row in good} == {("anchor", None), ("signer", None), ("neighbour", None)}
    short = tmp_path / "short"
    now = datetime.now(UTC)
    trial_authority.init(short, now)
    for name, days in (("h53", 5), ("h53-01", 20)):
        trial_authority.issue_node(short, name, now, days=days)
    trial_authority.issue(short, "G22", now, days=50)
    trial_authority.publish(short, now - timedelta(days=2), days=1)  # within the grace after this: stale
    settings = f"""key = "{short / 'h53.key.pem'}"\ncertificate = "{short / 'h53.cert.pem'}"\n"""
    text = node.config.read_text(encoding="utf-8")
    text = text.replace("[node]\n", f"[node]\n{settings}")
    text = text.replace("[trust]\n", f"""[trust]\ncrls = ["{short / 'issuing.crl.pem'}"]\ncrl_grace = "36h"\n""")
    text = text.replace(str(node.pki / "H53.01.cert.pem"), str(short / "h53-01.cert.pem"))
    node.config.write_text(text, encoding="utf-8")
    result = node.call("trust", "status", "--json")
    assert result.exit_code == 75
    told = {
        row["kind"]: (row["threshold"], code_of(row), row["problem"] and row["problem"]["detail"])
        for row in rows(result)
    }
    assert told["own"][:2] == (7, "EDX917")
    assert "(in 4 d); the operator of this node has it renewed" in told["own"][2]
    assert told["neighbour"][:2] == (30, "EDX914")
    assert "(in 19 d); the neighbour has it renewed" in told["neighbour"][2]
    assert told["list"][:2] == (0, "EDX917")
    assert "(1 d ago); its authority publishes the next one" in told["list"][2]
    assert told["signer"] == (None, None, None)
    vietnamese = node.call("trust", "status", "--lang", "vi").output
    assert "hết hạn trong vòng 7 ngày" in vietnamese
    assert "quá ngày, vẫn đang dùng" in vietnamese
    node.config.write_text(text.replace('"36h"', '"1h"'), encoding="utf-8")
    told_later = {code_of(row) for row in rows(node.call("trust", "status", "--json"))}
    assert told_later == {None, "EDX914", "EDX917", "EDX314"}


# --- a running worker ---------------------------------------------------------------------------------


def outcome(opened: composition.RunningNode, node: OneNode, number: int) -> str:
    data = signed(node.pki, document(sender="H53", to=["G22"], document_id=f"H53-{number}"))
    [answer] = pipeline.accept(opened.node, [Submission(MemoryBody(data), "vp", "cli")])
    return answer.finding.code if answer.finding else "accepted"


def turn(worker: Worker, opened: composition.RunningNode) -> None:
    """A round of a worker that looks at the files, as it does twice a second."""
    worker._trust_at = 0.0
    worker._turn(opened)


@pytest.mark.parametrize("subject", ["H53", "000.00.00.H53", "key", "fingerprint"])
def test_a_block_reaches_a_running_worker(node: OneNode, table: Path, subject: str) -> None:
    """Without a signal or a restart."""
    certificate = node.pki / "H53.cert.pem"
    if subject == "key":
        subject = str(certificate)
    elif subject == "fingerprint":  # as openssl shows it
        subject = load_certificates(certificate)[0].fingerprint(SHA256()).hex(":").upper()
    worker = Worker(node.config, Orders())
    with composition.open_worker(load(node.config)) as opened:
        turn(worker, opened)
        assert outcome(opened, node, 1) == "accepted"
        trust = opened.node.rules.trust
        done(node, "block", subject, "--reason", "mất khóa")
        turn(worker, opened)
        assert outcome(opened, node, 2) == "EDX409"
        assert opened.node.rules.trust is trust  # the chains that it remembers are kept
        done(node, "unblock", subject, *WHY)
        turn(worker, opened)
        assert outcome(opened, node, 3) == "accepted"


def test_an_alias_written_by_hand_is_blocked(node: OneNode, table: Path) -> None:
    with composition.open_worker(load(node.config)) as opened:
        table.write_text("block,000.00.00.H53,,,,x\n", encoding="utf-8")
        assert opened.renew_trust() == []
        assert outcome(opened, node, 1) == "EDX409"
        table.write_text("block,H53/1,,,,x\n", encoding="utf-8")
        findings = opened.renew_trust()
        assert findings and [finding.code for finding in findings] == ["EDX901"]


@pytest.mark.parametrize("unsigned", [False, True])
def test_a_blocked_agency_sends_nothing_signed_or_not(node: OneNode, table: Path, unsigned: bool) -> None:
    exception = 'unsigned = { until = 2099-01-01, reason = "x" }\n'
    text = node.config.read_text(encoding="utf-8")
    node.config.write_text(text.replace('name = "vp"\n', f'name = "vp"\n{exception}'), encoding="utf-8")
    data = document(sender="H53", to=["G22"], document_id="H53-1")
    submission = Submission(MemoryBody(data if unsigned else signed(node.pki, data)), "vp", "cli")
    with composition.open_worker(load(node.config)) as opened:
        done(node, "block", "H53", "--reason", "x")
        opened.renew_trust()
        [answer] = pipeline.accept(opened.node, [submission])
        assert answer.finding and answer.finding.code == "EDX409"
        done(node, "unblock", "H53", *WHY)
        opened.renew_trust()
        assert pipeline.accept(opened.node, [submission])[0].accepted


def test_a_broken_table_keeps_what_was_said_and_takes_new_blocks(node: OneNode, table: Path) -> None:
    done(node, "block", "G22", "--reason", "x")
    with composition.open_worker(load(node.config)) as opened:
        table.write_text("nonsense\nblock,H53,,,,x\n", encoding="utf-8")
        findings = opened.renew_trust()
        assert findings and [finding.code for finding in findings] == ["EDX901"]
        assert {row.subject for row in opened.node.rules.bindings.rows} == {"G22", "H53"}
        assert outcome(opened, node, 1) == "EDX409"
        assert opened.renew_trust() is None  # said once
        table.unlink()
        findings = opened.renew_trust()
        assert findings and [finding.code for finding in findings] == ["EDX902"]
        assert outcome(opened, node, 2) == "EDX409"
        table.write_text("", encoding="utf-8")  # emptied by a person
        assert opened.renew_trust() == []
        assert outcome(opened, node, 3) == "accepted"


def test_bad_anchors_do_not_hold_up_a_block(node: OneNode, table: Path, pki: Path, tmp_path: Path) -> None:
    anchors = tmp_path / "anchors.pem"
    anchors.write_bytes((pki / "anchors.pem").read_bytes())
    text = node.config.read_text(encoding="utf-8").replace(str(pki / "anchors.pem"), str(anchors))
    node.config.write_text(text, encoding="utf-8")
    with composition.open_worker(load(node.config)) as opened:
        anchors.write_bytes(b"half a file")
        node.config.write_text("half a file", encoding="utf-8")  # nor does the rest of the configuration
        trust_files.append(table, BindingRow(Act.BLOCK, "G22", since=datetime.now(UTC)))
        findings = opened.renew_trust()
        assert findings and [finding.code for finding in findings] == ["EDX902"]
        assert outcome(opened, node, 1) == "accepted"  # by the old anchors
        assert [row.subject for row in opened.node.rules.bindings.rows] == ["G22"]


@pytest.mark.parametrize("named", ["key", "fingerprint"])
def test_a_blocked_authority_is_marked_wherever_it_is_shown(node: OneNode, table: Path, named: str) -> None:
    """And those that it alone has signed, for nothing below a blocked authority counts."""
    text = node.config.read_text(encoding="utf-8")
    text = text.replace("[trust]\n", f'[trust]\nintermediates = "{node.pki / "issuing.cert.pem"}"\n', 1)
    node.config.write_text(text, encoding="utf-8")
    node.send("H53-1", ["G22"])

    def shown() -> dict[str, tuple[bool, str | None]]:
        result = node.call("trust", "status", "--json")
        assert result.exit_code == 0  # what the operator has blocked needs no attention
        return {row["kind"]: (row["blocked"], row["problem"] and row["problem"]["detail"]) for row in rows(result)}

    wait_past_midnight(UTC)
    assert {kind for kind, (blocked, _) in shown().items() if blocked} == set()
    [root] = load_certificates(node.pki / "anchors.pem")
    fingerprint = root.fingerprint(SHA256()).hex()
    done(node, "block", spki_sha256(root) if named == "key" else fingerprint, *WHY)
    today, subject = f"{datetime.now(UTC):%Y-%m-%d}", root.subject.rfc4514_string()
    found = shown()
    assert found["anchor"] == (True, f"{subject}: blocked since {today}")
    assert found["intermediate"][0]
    assert str(found["intermediate"][1]).endswith(f": its authority is blocked: {subject}")
    assert "blocked" in node.call("trust", "status").stdout
    assert "đã bị chặn" in node.call("trust", "status", "--lang", "vi").stdout
    told = [row for row in node.rows("doctor") if row["check"] == "trust" and row["problem"]]
    assert [(row["result"], row["problem"]["code"]) for row in told] == [("warning", "EDX907")] * 2
    assert f"bị chặn từ {date.fromisoformat(today):%d/%m/%Y}" in node.call("doctor", "--lang", "vi").stdout
    done(node, "unblock", spki_sha256(root) if named == "key" else fingerprint, *WHY)
    assert {kind for kind, (blocked, _) in shown().items() if blocked} == set()


def test_a_blocked_signer_and_neighbour_are_marked(node: OneNode, table: Path) -> None:
    node.send("H53-1", ["G22"])
    for agency in ("H53", "H53.01"):
        done(node, "block", node.pki / f"{agency}.cert.pem", *WHY)
    blocked = {row["kind"] for row in node.rows("trust", "status") if row["blocked"]}
    assert blocked == {"signer", "neighbour"}
    told = [row["problem"]["detail"] for row in node.rows("doctor") if row["check"] == "certificate" and row["problem"]]
    assert any("h53-01 " in detail and ": blocked since " in detail for detail in told)
