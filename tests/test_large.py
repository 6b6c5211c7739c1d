"""An attachment of 100 MB by the real command line: signed, checked, sent, passed on in chunks, and fetched, with
less memory than the attachment takes.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from edxml_router.demo.letters import File, Post
from edxml_router.demo.tree import NodePlan, Tree
from tests import fixtures

pytestmark = pytest.mark.slow
PLANS = (
    NodePlan("quoc-gia", "Nút quốc gia", ("G22",)),
    NodePlan("tay-ninh", "Nút tỉnh Tây Ninh", ("H53",), parent="quoc-gia", prefixes=("H53",)),
)
LIMITS = '\n[limits]\nmax_bytes = "256 MiB"\nmax_attachment_bytes = "128 MiB"\n'
BLOCK = bytes(range(256)) * 3 * 1024  # 768 KiB, and a mebibyte as base64
BLOCKS = 128
ID = "G22,2026/03/02,1/VPCP-KSTT"
MOST_MEMORY = 64 * 1024  # KiB, beyond what a small envelope takes


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tree]:
    with Tree(tmp_path_factory.mktemp("large") / "tree", PLANS) as made:
        for plan in PLANS:
            with made.config(plan.name).open("a", encoding="utf-8") as file:
                file.write(LIMITS)
        yield made


@pytest.fixture(scope="module")
def large(tree: Tree) -> Path:
    """A signed envelope of 134 MB."""
    begin, end = fixtures.document(
        sender="G22", to=("H53",), document_id=ID, files=[fixtures.File(encoded="HERE")]
    ).split(b"HERE")
    plain, signed = tree.folder / "plain.edxml", tree.folder / "large.edxml"
    with plain.open("wb") as file:
        file.write(begin)
        for _ in range(BLOCKS):
            file.write(base64.b64encode(BLOCK))
        file.write(end)
    key, certificate = tree.pki / "G22.key.pem", tree.pki / "G22.cert.pem"
    options = ["--key", key, "--cert", certificate, "--max-bytes", "256 MiB", "-o", signed]
    done = tree.run("quoc-gia", "sign", plain, *options)
    assert done.returncode == 0, done.stderr
    plain.unlink()
    return signed


@pytest.fixture(scope="module")
def small(tree: Tree) -> Path:
    """A usual envelope, to compare with."""
    path = tree.folder / "small.edxml"
    path.write_bytes(Post(tree.pki).document("G22", ["H53"], 2, "V/v thử nghiệm", files=[File("a.pdf", 1000)]))
    return path


@dataclass(frozen=True)
class Ran:
    """What a command said, and the most memory that it held, in KiB."""

    said: str
    memory: int


def run(command: list[str]) -> Ran:
    """Run a command, which must succeed."""
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    assert process.stdout
    with process.stdout:
        said = process.stdout.read().decode()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0, said
    return Ran(said, usage.ru_maxrss)


def test_from_one_node_to_the_next(tree: Tree, large: Path, small: Path) -> None:
    office = tree.plans["quoc-gia"].office

    def send(file: Path) -> list[str]:
        return tree.command("quoc-gia", "send", "--as", office, str(file))

    usual = run(send(small))
    tree.start()
    [first] = _arrived(tree, 1)
    before = {plan.name: _most_memory(tree, plan.name) for plan in PLANS}
    assert run(send(large)).memory - usual.memory < MOST_MEMORY
    assert not list((tree.folder / "quoc-gia" / "data" / "bodies").glob("incoming/*"))
    [letter] = [one for one in _arrived(tree, 2) if one["envelope"]["document_id"] == ID]
    grown = {name: _most_memory(tree, name) - memory for name, memory in before.items()}
    assert max(grown.values()) < MOST_MEMORY, grown

    fetched = tree.folder / "fetched.edxml"
    usual = run(tree.command("tay-ninh", "fetch", first["letter"], "-o", str(tree.folder / "first.edxml")))
    done = run(tree.command("tay-ninh", "fetch", letter["letter"], "-o", str(fetched)))
    assert done.memory - usual.memory < MOST_MEMORY
    assert _digest(fetched) == _digest(large)
    fetched.unlink()


def test_checking_takes_no_more_memory(tree: Tree, large: Path, small: Path) -> None:
    options = ["--anchors", str(tree.pki / "anchors.pem"), "--max-bytes", "256 MiB", "--json"]
    usual = run(tree.command("quoc-gia", "check", str(small), *options))
    checked = run(tree.command("quoc-gia", "check", str(large), *options))
    assert checked.memory - usual.memory < MOST_MEMORY
    told = json.loads(checked.said)
    assert (told["accepted"], told["signature"]["indication"]) == (True, "passed")
    [attachment] = told["attachments"]
    expected = hashlib.sha256()
    for _ in range(BLOCKS):
        expected.update(BLOCK)
    assert (attachment["size"], attachment["digest"]) == (len(BLOCK) * BLOCKS, expected.hexdigest())


def test_the_limit_of_the_settings_holds(tree: Tree, large: Path) -> None:
    """Without the option a check takes 64 MiB."""
    done = tree.run("quoc-gia", "check", large)
    assert done.returncode == 1
    assert "EDX102" in done.stdout + done.stderr


def _arrived(tree: Tree, count: int) -> list[dict[str, Any]]:
    """What lies in the inbox below, once it is so many."""
    deadline = time.monotonic() + 200
    while True:
        found: list[dict[str, Any]] = tree.ask("tay-ninh", "inbox")
        if len(found) == count:
            return found
        assert time.monotonic() < deadline, tree.tail("tay-ninh")
        time.sleep(0.5)


def _most_memory(tree: Tree, name: str) -> int:
    """The most that a process of a node has ever held, in KiB."""
    supervisor = tree.group(name)
    family = [supervisor, *map(int, Path(f"/proc/{supervisor}/task/{supervisor}/children").read_text().split())]
    lines = [line for pid in family for line in Path(f"/proc/{pid}/status").read_text().splitlines()]
    return max(int(line.split()[1]) for line in lines if line.startswith("VmHWM:"))


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
