"""Files that cannot be read, are none, or are too large: check, send and sign say the same, and go on."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from tests import fixtures
from tests.cli.conftest import COMMAND, OneNode, call, rows, signed
from tests.shapes import code_of

MIB = 1024 * 1024
NONE = {
    "missing": "No such file or directory",
    "folder": "Is a directory",
    "pipe": "not a regular file",
    "circle": "Too many levels of symbolic links",
    "/dev/zero": "not a regular file",
}


@pytest.fixture(autouse=True)
def things() -> None:
    Path("folder").mkdir()
    os.mkfifo("pipe")
    Path("circle").symlink_to("circle")


@pytest.fixture
def small(node: OneNode) -> OneNode:
    """A node that takes envelopes of at most a mebibyte."""
    text = node.config.read_text(encoding="utf-8").replace('#max_bytes = "64 MiB"', 'max_bytes = "1 MiB"')
    node.config.write_text(text, encoding="utf-8")
    return node


@pytest.mark.parametrize(("name", "reason"), NONE.items(), ids=str)
def test_the_same_words_everywhere(node: OneNode, pki: Path, name: str, reason: str) -> None:
    keys = ("--key", pki / "H53.key.pem", "--cert", pki / "H53.cert.pem", "-o", "b.edxml")
    for result, said in (
        ((checked := call("check", name)), checked.stdout.partition("\n")[2]),
        ((sent := node.call("send", name, "--as", "vp")), sent.stdout.partition("\n")[2]),
        ((made := call("sign", name, *keys)), made.stderr),
    ):
        assert result.exit_code == 66
        assert said.splitlines()[:2] == [
            f"EDX111 The file named as an envelope cannot be read: {reason}",
            f"  where   {name}",
        ]
        assert said.splitlines()[2].startswith("  remedy  the sender: Check the name and the permissions")
    assert not Path("b.edxml").exists()


def test_send_goes_on_with_the_others(node: OneNode) -> None:
    first, last = node.letter("H53-1", ["G22"]), node.letter("H53-2", ["G22"])
    result = node.call("send", first, "missing", "pipe", last, "--as", "vp", "--json")
    said = [(row["file"], row["accepted"], code_of(row)) for row in rows(result)]
    assert said == [
        (str(first), True, None),
        ("missing", False, "EDX111"),
        ("pipe", False, "EDX111"),
        (str(last), True, None),
    ]
    assert result.exit_code == 66
    assert len(node.rows("queue", "list")) == 2
    assert node.rows("queue", "list", "--quarantine") == []


def test_which_exit_status_wins(node: OneNode) -> None:
    Path("bad.edxml").write_bytes(b"<!DOCTYPE x><x/>")
    good = node.letter("H53-1", ["G22"])
    assert node.call("send", "missing", "bad.edxml", good, "--as", "vp").exit_code == 1
    assert call("check", "missing", "bad.edxml", good).exit_code == 1
    result = call("check", "missing", good)
    assert (result.exit_code, result.stdout.splitlines()[-1]) == (66, "1 accepted, 0 not judged, 0 refused, 1 not read")
    text = node.config.read_text(encoding="utf-8")
    node.config.write_text(text.replace('#reserve_bytes = "256 MiB"', 'reserve_bytes = "900000 GiB"'), encoding="utf-8")
    assert node.call("send", "missing", "bad.edxml", good, "--as", "vp").exit_code == 75


def test_a_disk_without_room_for_a_large_letter_keeps_no_other_from_its_answer(node: OneNode, pki: Path) -> None:
    text = node.config.read_text(encoding="utf-8")
    node.config.write_text(text.replace('#reserve_bytes = "256 MiB"', 'reserve_bytes = "900000 GiB"'), encoding="utf-8")
    large = node.folder / "large.edxml"
    large.write_bytes(b"<" + b"x" * 10 * MIB)
    result = node.call("send", node.letter("H53-1", ["G22"]), large, "missing", "--as", "vp", "--json")
    said = [(row["try_again"], row["problem"]["code"]) for row in rows(result)]
    assert said == [(True, "EDX601"), (True, "EDX601"), (False, "EDX111")]
    assert result.exit_code == 75


def test_what_is_too_large_is_not_even_read(small: OneNode, pki: Path) -> None:
    """A file with a hole of a tebibyte takes no room, and reading it would take hours."""
    with Path("huge").open("wb") as file:
        file.truncate(1024 * 1024 * MIB)
    keys = ("--key", pki / "H53.key.pem", "--cert", pki / "H53.cert.pem", "-o", "b.edxml")
    for result in (
        call("check", "huge"),
        small.call("send", "huge", small.letter("H53-1", ["G22"]), "--as", "vp"),
        call("sign", "huge", *keys),
    ):
        assert result.exit_code == 1
        assert "EDX102 The envelope is larger than this node takes: 1099511627776 bytes, at most " in result.output
    assert len(small.rows("queue", "list")) == 1


@pytest.mark.parametrize("limit", ["1 MiB", "32 MiB"])
def test_standard_input_without_end_is_cut_off_at_the_limit(node: OneNode, limit: str) -> None:
    """Below the size that is held in memory, and above it."""
    text = node.config.read_text(encoding="utf-8").replace('#max_bytes = "64 MiB"', f'max_bytes = "{limit}"')
    node.config.write_text(text, encoding="utf-8")
    for arguments in (["check", "-", "--max-bytes", limit], ["--config", str(node.config), "send", "-", "--as", "vp"]):
        with Path("/dev/zero").open("rb") as zeros:
            done = subprocess.run(
                [COMMAND, *arguments], stdin=zeros, capture_output=True, text=True, check=False, timeout=60
            )
        assert done.returncode == 1
        assert f": more than {int(limit.split(maxsplit=1)[0]) * MIB} bytes" in done.stdout
    assert list((node.folder / "data").rglob("*.part")) == []


def test_standard_input(node: OneNode, pki: Path) -> None:
    data = signed(pki, fixtures.document(sender="H53", to=["G22"], document_id="H53-1"))
    Path("a.edxml").write_bytes(data)
    with Path("a.edxml").open("rb") as file:
        done = subprocess.run(
            [COMMAND, "--config", node.config, "send", "-", "--as", "vp"],
            stdin=file, capture_output=True, text=True, check=False,
        )  # fmt: skip
    assert (done.returncode, done.stdout.startswith("-: accepted H53-1")) == (0, True)


def test_what_cannot_be_written_is_said_to_be_so(node: OneNode, pki: Path) -> None:
    digest = node.send("H53-1", ["G22"])
    node.work()
    Path("bad.edxml").write_bytes(b"<!DOCTYPE x><x/>")
    node.call("send", "bad.edxml", "--as", "vp")
    Path("a.edxml").write_bytes(fixtures.document(sender="H53"))
    keys = ("--key", pki / "H53.key.pem", "--cert", pki / "H53.cert.pem")
    for result in (
        node.call("fetch", digest, "-o", "nowhere/x"),
        node.call("queue", "show", "1", "--quarantine", "-o", "nowhere/x"),
        call("sign", "a.edxml", *keys, "-o", "nowhere/x"),
    ):
        assert (result.exit_code, result.stderr[:6]) == (1, "EDX908")
