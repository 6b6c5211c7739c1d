"""A node is copied, looked after, and made anew, by somebody who types."""

from __future__ import annotations

import json
import shutil
import sqlite3
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from edxml_router.config import load
from edxml_router.store import upkeep
from edxml_router.store.copies.manifest import file_digest, read_manifest
from edxml_router.wiring import own_ledger
from tests import fixtures
from tests.cli.conftest import OneNode


@pytest.fixture
def sent(node: OneNode) -> OneNode:
    """A node that has taken a letter and sent it on."""
    node.send("H53-1", ["H53.01", "G22"])
    node.work()
    return node


def lose(node: OneNode) -> None:
    for path in (node.folder / "data").glob("journal.*"):
        path.unlink()


def checks(node: OneNode, name: str) -> list[str]:
    """The codes that doctor has for one check; empty ones where all is well."""
    lines = [line for line in node.call("doctor", "--json").stdout.splitlines() if f'"check": "{name}"' in line]
    return [line.partition('"code": "')[2][:6] for line in lines]


def test_a_node_is_made_anew_and_signs_nothing_twice(sent: OneNode, tmp_path: Path) -> None:
    [made] = sent.rows("backup", tmp_path / "copy")
    held = read_manifest(tmp_path / "copy")
    assert (made["sound"], made["journal_size"], made["entry_count"]) == (True, held.size, held.entries)
    assert held.checkpoint.startswith(f"edxml-router/h53\n{held.size}\n")
    [entry] = sent.rows("journal", "query", "--event", "backup.made")
    assert entry["actor"].startswith("operator:")
    sent.send("H53-2", ["G22"])  # forgotten soon
    sent.work()
    there = sent.call("restore", tmp_path / "copy")
    assert (there.exit_code, there.stderr[:6]) == (1, "EDX679")
    lose(sent)
    good = sent.rows("restore", tmp_path / "copy", "--check")
    assert (good[0]["root"], (sent.folder / "data" / "journal.db").exists()) == (held.root, False)
    told = sent.call("restore", tmp_path / "copy")
    assert (told.exit_code, told.stderr[:6]) == (0, "EDX680"), told.output
    assert "Not ended yet:" in told.stdout
    assert "office:vp" in told.stdout
    assert [row["event"] for row in sent.rows("journal", "query", "--event", "backup.restored")] == ["backup.restored"]
    sent.work()
    settings = load(sent.config)
    with closing(own_ledger.open_ledger(settings)) as ledger:
        newest, signed = ledger.views.checkpoint(), ledger.views.signed_checkpoint()
        assert newest is not None and signed is not None
        assert (newest.note, signed.size) == (None, held.size)  # others may have seen more under that name
    assert "EDX680" in checks(sent, "backup")
    text = sent.config.read_text(encoding="utf-8")
    sent.config.write_text(
        text.replace("[journal]\n", '[journal]\norigin = "edxml-router/h53/2"\n', 1), encoding="utf-8"
    )
    sent.work()
    with closing(own_ledger.open_ledger(load(sent.config))) as ledger:
        signed = ledger.views.signed_checkpoint()
        assert signed is not None
        assert (signed.note or b"").startswith(b"edxml-router/h53/2\n")
    assert "EDX680" not in checks(sent, "backup")
    assert sent.rows("journal", "verify")[0]["sound"]


def test_a_changed_byte_and_another_node_are_refused(sent: OneNode, tmp_path: Path) -> None:
    assert sent.call("backup", tmp_path / "copy").exit_code == 0
    lose(sent)
    database = tmp_path / "copy" / "journal.db"
    whole = database.read_bytes()
    database.write_bytes(whole[:5000] + bytes([whole[5000] ^ 1]) + whole[5001:])
    refused = sent.call("restore", tmp_path / "copy")
    assert (refused.exit_code, refused.stderr[:6], str(database) in refused.stderr) == (70, "EDX678", True)
    database.write_bytes(whole)
    (tmp_path / "copy" / "manifest.json").rename(tmp_path / "aside")
    refused = sent.call("restore", tmp_path / "copy")
    assert (refused.exit_code, refused.stderr[:6]) == (1, "EDX677")
    (tmp_path / "aside").rename(tmp_path / "copy" / "manifest.json")
    text = sent.config.read_text(encoding="utf-8").replace('name = "h53"', 'name = "h54"', 1)
    sent.config.write_text(text, encoding="utf-8")
    refused = sent.call("restore", tmp_path / "copy")
    assert (refused.exit_code, refused.stderr[:6]) == (78, "EDX619")
    assert not list((sent.folder / "data").glob("journal.*"))


def test_the_configuration_is_in_a_copy_only_when_asked_for(sent: OneNode, tmp_path: Path) -> None:
    assert sent.call("backup", tmp_path / "plain").exit_code == 0
    assert sorted(each.name for each in (tmp_path / "plain").iterdir()) == ["SHA256SUMS", "journal.db", "manifest.json"]
    (sent.folder / "data" / "console.key").write_bytes(b"k" * 32)  # as the console makes it
    [made] = sent.rows("backup", tmp_path / "whole", "--keys")
    assert made["configuration"]
    kept = tmp_path / "whole" / "configuration"
    assert (kept / "node.toml").read_bytes() == sent.config.read_bytes()
    assert (kept / "log.key.pem").read_bytes() == (sent.folder / "log.key.pem").read_bytes()
    assert (kept / "log.key.pem").stat().st_mode & 0o777 == 0o600
    assert list(kept.glob("elsewhere/**/anchors.pem"))
    assert (kept / "data" / "console.key").read_bytes() == b"k" * 32
    shutil.rmtree(sent.folder / "data")
    (sent.folder / "data").mkdir()
    assert sent.call("restore", tmp_path / "whole").exit_code == 0
    assert len(sent.rows("trace", "H53-1")[0]["deliveries"]) == 2


def test_an_old_back_up_is_warned_of(sent: OneNode, tmp_path: Path) -> None:
    assert checks(sent, "backup") == [""]  # a young node has none, and is not blamed
    assert sent.call("backup", tmp_path / "copy").exit_code == 0
    assert checks(sent, "backup") == [""]
    with closing(own_ledger.open_ledger(load(sent.config))) as ledger, ledger.book() as book:
        upkeep.note(book.connection, upkeep.BACKUP, datetime.now(UTC) - timedelta(days=8), str(tmp_path / "copy"))
    assert checks(sent, "backup") == ["EDX681"]
    text = sent.config.read_text(encoding="utf-8")
    sent.config.write_text(text.replace("[store]\n", '[store]\nbackup_age = "30d"\n', 1), encoding="utf-8")
    assert checks(sent, "backup") == [""]


def test_a_copy_is_tried_out_and_nothing_left_behind(sent: OneNode, tmp_path: Path) -> None:
    large = sent.letter("H53-2", ["G22"], files=[fixtures.File(content=bytes(100_000))])
    assert sent.call("send", large, "--as", "vp").exit_code == 0
    sent.work()
    assert sent.rows("backup", tmp_path / "copy")[0]["body_count"] == 1
    sent.send("H53-3", ["G22"])
    sent.work()
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    [found] = sent.rows("drill", tmp_path / "copy", "--scratch", scratch)
    assert (found["sound"], found["problems"], found["letter_count"], found["body_count"]) == (True, [], 2, 2)
    assert found["delivery_count"] == 3
    assert found["node_size"] > found["journal_size"] > 0
    assert list(scratch.iterdir()) == []
    [entry] = sent.rows("journal", "query", "--event", "backup.tried")
    assert (entry["problem"], entry["actor"][:9]) == (None, "operator:")
    assert checks(sent, "backup") == ["", ""]
    told = sent.call("drill", tmp_path / "copy", "--lang", "vi")
    assert told.exit_code == 0, told.output
    with closing(own_ledger.open_ledger(load(sent.config))) as ledger, ledger.book() as book:
        upkeep.note(book.connection, upkeep.DRILL, datetime.now(UTC) - timedelta(days=91), "copy")
    assert checks(sent, "backup") == ["", "EDX683"]


def test_a_scrub_that_has_fallen_silent_is_warned_of(sent: OneNode) -> None:
    assert checks(sent, "bodies") == [""]  # it has not begun yet
    for days, codes in ((1, [""]), (3, ["EDX684"])):
        with closing(own_ledger.open_ledger(load(sent.config))) as ledger, ledger.book() as book:
            upkeep.note(book.connection, upkeep.SCRUB, datetime.now(UTC) - timedelta(days=days))
        assert checks(sent, "bodies") == codes
    text = sent.config.read_text(encoding="utf-8")
    sent.config.write_text(text.replace("[store]\n", "[store]\nscrub_bytes = 0\n", 1), encoding="utf-8")
    assert checks(sent, "bodies") == [""]


@pytest.mark.parametrize("way", ["backup", "verify"])
def test_whoever_finds_a_letter_damaged_has_neighbours_asked_for_it(sent: OneNode, way: str, tmp_path: Path) -> None:
    large = sent.letter("H53-2", ["H53.01"], files=[fixtures.File(content=bytes(100_000))])
    assert sent.call("send", large, "--as", "vp").exit_code == 0
    sent.work()
    [body] = [path for path in (sent.folder / "data" / "bodies").glob("??/*") if path.is_file()]
    body.chmod(0o600)
    body.write_bytes(b"!" + body.read_bytes()[1:])
    assert checks(sent, "bodies") == [""]
    found = sent.call("backup", tmp_path / "copy") if way == "backup" else sent.call("journal", "verify")
    assert (found.exit_code, found.stderr[:6]) == (70, "EDX603"), found.output
    assert checks(sent, "bodies") == ["EDX603"]
    assert len(sent.rows("journal", "query", "--event", "body.damaged")) == 1


@pytest.mark.parametrize("harm", ["body", "journal", "row", "lineage", "cut"])
def test_a_copy_that_would_not_do_is_found_out(sent: OneNode, harm: str, tmp_path: Path) -> None:
    """Also one whose digests were written again by whoever changed it."""
    large = sent.letter("H53-2", ["G22"], files=[fixtures.File(content=bytes(100_000))])
    assert sent.call("send", large, "--as", "vp").exit_code == 0
    sent.work()
    copy = tmp_path / "copy"
    assert sent.call("backup", copy).exit_code == 0
    if harm == "body":
        [body] = [path for path in (copy / "bodies").rglob("*") if path.is_file()]
        body.write_bytes(body.read_bytes()[:-1])
        codes = {"EDX678"}
    elif harm == "cut":
        with (copy / "journal.db").open("r+b") as file:
            file.truncate(100_000)
        codes = {"EDX678", "EDX682"}
    elif harm == "lineage":  # the node's journal was rewritten since
        lose(sent)
        sent.call("init", sent.folder, "--name", "h53")
        for number in range(20, 28):
            sent.send(f"H53-{number}", ["G22"])
        sent.work()
        codes = {"EDX682"}
    else:
        change = "UPDATE deliveries SET state = 'confirmed'" if harm == "row" else "DELETE FROM checkpoints"
        with closing(sqlite3.connect(copy / "journal.db")) as database:
            database.execute("DROP TRIGGER checkpoints_kept")
            database.execute(change)
            database.commit()
        sums = copy / "SHA256SUMS"
        rest = [line for line in sums.read_text().splitlines(keepends=True) if not line.endswith("journal.db\n")]
        sums.write_text("".join(rest) + f"{file_digest(copy / 'journal.db')}  journal.db\n")
        codes = {"EDX605"} if harm == "row" else {"EDX605", "EDX682"}
    result = sent.call("drill", copy, "--json")
    [found] = [json.loads(line) for line in result.stdout.splitlines()]
    assert (result.exit_code, found["sound"]) == (70, False)
    assert codes <= {problem["code"] for problem in found["problems"]}, result.output
    assert "EDX610" not in {problem["code"] for problem in found["problems"]}  # the node's own journal is whole
    if harm != "lineage":
        assert "EDX682" in checks(sent, "backup")
    assert sent.rows("journal", "query", "--event", "backup.tried", "--code", "EDX682")
