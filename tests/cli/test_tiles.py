"""``edxml-router journal tiles``, the daemon that writes them, and what verifies them."""

from __future__ import annotations

import shutil
import subprocess
from datetime import timedelta
from pathlib import Path

import pytest

from edxml_router.config import load
from edxml_router.node.duties.tiling import TilesDuty
from edxml_router.services.health import upkeep
from edxml_router.wiring import composition
from tests.cli.conftest import OneNode, call, rows
from tests.cli.test_proofs import filled, shell
from tests.contract.hubs import until


@pytest.fixture
def tiled(node: OneNode) -> OneNode:
    """A node with some entries, a key and journal.tiles."""
    text = node.config.read_text(encoding="utf-8")
    assert "[journal]\n" in text
    node.config.write_text(
        text.replace("[journal]\n", '[journal]\ntiles = "tiles"\ninterval = "1ms"\n'), encoding="utf-8"
    )
    return filled(node)


def folder(node: OneNode) -> Path:
    return node.config.parent / "tiles"


def test_by_hand_and_verified_elsewhere_with_the_key_alone(tiled: OneNode, tmp_path: Path) -> None:
    key = tiled.call("journal", "key").output.strip()
    kept = tiled.call("journal", "checkpoint").output
    [told] = tiled.rows("journal", "tiles")
    assert told["size"] == int(kept.splitlines()[1]) > 5
    assert told["file_count"] == 3
    [again] = tiled.rows("journal", "tiles")
    assert again["file_count"] == 0
    archive = tmp_path / "archive"
    shutil.copytree(folder(tiled), archive)
    tiled.send("L3", ["H53.01"])
    tiled.work()
    assert "files written now" in tiled.call("journal", "tiles").output
    (tmp_path / "kept").write_text(kept)
    for given in ([], ["--checkpoint", str(tmp_path / "kept")]):
        for place in (archive, folder(tiled)):  # the later folder holds the earlier checkpoint too
            done = call("journal", "tiles", "--verify", place, "--key", key, *given, "--json")
            assert done.exit_code == 0, done.output
            [found] = rows(done)
            assert found["sound"]
            assert found["root_by_entries"] == found["root_by_tiles"]
    newer = tiled.call("journal", "checkpoint").output
    (tmp_path / "kept").write_text(newer)
    done = call("journal", "tiles", "--verify", archive, "--key", key, "--checkpoint", tmp_path / "kept")
    assert done.exit_code == 70
    assert "EDX693" in done.output


def test_every_damage_is_named(tiled: OneNode) -> None:
    tiled.call("journal", "tiles")
    assert tiled.call("journal", "tiles", "--verify", str(folder(tiled))).exit_code == 0
    [bundle] = (folder(tiled) / "tile" / "entries").glob("*/*")
    name = str(bundle.relative_to(folder(tiled)))
    bundle.write_bytes(bundle.read_bytes().replace(b"envelope.accepted", b"envelope.accePted", 1))
    wrong = tiled.call("journal", "tiles", "--verify", str(folder(tiled)))
    assert wrong.exit_code == 70
    assert f"{name}: 1 entries are others" in " ".join(wrong.output.split())
    verified = tiled.call("journal", "verify")
    assert verified.exit_code == 70
    assert name in "".join(verified.output.split())
    bundle.unlink()
    missed = tiled.call("journal", "tiles", "--verify", folder(tiled), "--json")
    assert missed.exit_code == 70
    [found] = rows(missed)
    assert (found["missing"], found["damages"], found["missing_count"]) == ([name], [], 1)
    assert tiled.call("journal", "verify").exit_code == 0  # it may be in an archive
    (folder(tiled) / "checkpoint").unlink()
    gone = tiled.call("journal", "tiles", "--verify", str(folder(tiled)))
    assert (gone.exit_code, "EDX693" in gone.output) == (70, True)


def test_a_checkpoint_of_another_key_counts_for_nothing(tiled: OneNode, tmp_path: Path) -> None:
    tiled.call("journal", "tiles")
    other = tiled.call("journal", "key", str(tmp_path / "other.pem")).output.strip()
    refused = tiled.call("journal", "tiles", "--verify", str(folder(tiled)), "--key", other)
    assert (refused.exit_code, "EDX640" in refused.output) == (1, True)
    for wrong in (
        ["--key", other],
        ["--checkpoint", str(folder(tiled) / "checkpoint")],
        ["x", "--verify", str(tmp_path)],
    ):
        assert tiled.call("journal", "tiles", *wrong).exit_code == 2


def test_the_running_node_writes_them_by_itself(tiled: OneNode) -> None:
    settings, duty, second = load(tiled.config), TilesDuty(), TilesDuty()
    with composition.open_node(settings) as opened:

        def turned() -> bool:
            duty.turn(opened, settings)
            second.turn(opened, settings)
            return (folder(tiled) / "checkpoint").exists()

        until(turned)
        assert duty.finding is None
        assert tiled.call("journal", "tiles", "--verify", str(folder(tiled))).exit_code == 0
        assert [finding for _, finding in upkeep.tiles(settings)] == [None]
        # A folder that cannot be written is told, and told to be well again.
        shutil.rmtree(folder(tiled))
        folder(tiled).write_text("")
        until(lambda: duty.turn(opened, settings) or duty.finding is not None)
        assert duty.finding is not None
        assert duty.finding.code == "EDX692"
        folder(tiled).unlink()
        until(lambda: duty.turn(opened, settings) or duty.finding is None)


def test_the_doctor_says_what_is_late_and_whose_the_folder_is(tiled: OneNode, monkeypatch: pytest.MonkeyPatch) -> None:
    def told() -> list[str]:
        found = [row for row in rows(tiled.call("doctor", "--json")) if row["check"] == "tiles"]
        return [row["problem"]["code"] for row in found if row["problem"]]

    assert told() == []
    monkeypatch.setattr(upkeep, "LATE", timedelta(seconds=-1))
    assert told() == ["EDX692"]
    tiled.call("journal", "tiles")
    assert told() == []
    text = tiled.config.read_text(encoding="utf-8")
    tiled.config.write_text(text.replace("[journal]\n", '[journal]\norigin = "edxml-router/moi"\n'), encoding="utf-8")
    assert told() == ["EDX691"]


def test_the_documented_shell_computes_a_leaf(tiled: OneNode, tmp_path: Path) -> None:
    tiled.call("journal", "tiles")
    # The documented names are those of full files; there are not 256 entries here.
    for made in folder(tiled).rglob("*.p"):
        [part] = made.iterdir()
        shutil.copy(part, made.with_suffix(""))
    lines = [line for line in shell("tile/entries/000").splitlines() if not line.startswith("edxml-router")]
    done = subprocess.run(["sh", "-ec", "\n".join(lines)], cwd=folder(tiled), capture_output=True, check=True)
    _, computed, there = done.stdout.decode().splitlines()
    assert computed == there
