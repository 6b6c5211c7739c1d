"""The commands that prove the journal to others, verified with openssl and sha256 alone."""

from __future__ import annotations

import hashlib
import json
import subprocess
from pathlib import Path

from edxml_router.core.proof.checkpoint import read_checkpoint
from edxml_router.core.proof.note import VerifierKey
from edxml_router.core.proof.paths import is_consistent, root_by_inclusion
from edxml_router.core.proof.texts import read_entry_proof, read_witness_request
from tests.cli.conftest import OneNode

ROOT = Path(__file__).resolve().parent.parent.parent


def filled(node: OneNode) -> OneNode:
    for number in (1, 2):
        node.send(f"L{number}", ["H53.01"])
        node.work()
    return node


def test_init_makes_the_key_of_the_log_and_its_checkpoints_are_signed(node: OneNode) -> None:
    key = node.config.parent / "log.key.pem"
    assert key.stat().st_mode & 0o777 == 0o600
    [told] = node.call("journal", "key").output.splitlines()
    assert told.startswith("edxml-router/h53+")
    refused = node.call("journal", "checkpoint")
    assert refused.exit_code == 78
    assert "EDX639" in refused.output
    filled(node)
    shown = node.call("journal", "checkpoint").output
    head, _ = read_checkpoint(shown.encode(), (VerifierKey.read(told),))
    [found] = node.rows("journal", "checkpoint")
    assert (found["size"], found["root"], found["text"]) == (head.size, head.root.hex(), shown)
    assert found["origin"] == "edxml-router/h53"


def shell(name: str) -> str:
    """The lines for a shell in docs/evidence.md that use this file."""
    blocks = (ROOT / "docs" / "evidence.md").read_text(encoding="utf-8").split("```sh\n")[1:]
    [found] = [each for each in (block.partition("```")[0] for block in blocks) if name in each]
    return found


def test_the_documented_shell_verifies_a_checkpoint(node: OneNode, tmp_path: Path) -> None:
    filled(node)
    key = node.call("journal", "key").output.strip()
    lines = [f"KEY='{key}'" if line.startswith("KEY='") else line for line in shell("key.der").splitlines()]
    script = "\n".join(line for line in lines if not line.startswith("edxml-router"))
    (tmp_path / "checkpoint").write_text(node.call("journal", "checkpoint").output)
    done = subprocess.run(["sh", "-ec", script], cwd=tmp_path, capture_output=True, check=True)
    assert done.stdout == b"Signature Verified Successfully\n"
    forged = node.call("journal", "checkpoint").output.replace("h53\n", "h54\n", 1)
    (tmp_path / "checkpoint").write_text(forged)
    assert subprocess.run(["sh", "-ec", script], cwd=tmp_path, capture_output=True, check=False).returncode == 1


def test_the_documented_shell_computes_the_root_from_an_entry(node: OneNode, tmp_path: Path) -> None:
    filled(node)
    entry, proof = tmp_path / "entry.json", tmp_path / "entry.tlog-proof"
    for place in (0, 2, 5):
        entry.unlink(missing_ok=True)
        proof.write_text(node.call("journal", "prove", str(place), "--entry", entry).output)
        ask = ["sh", "-ec", shell("entry.tlog-proof")]
        done = subprocess.run(ask, cwd=tmp_path, capture_output=True, check=True, text=True)
        assert done.stdout == node.call("journal", "checkpoint").output.splitlines(keepends=True)[2]
        entry.write_bytes(entry.read_bytes() + b" ")
        changed = subprocess.run(ask, cwd=tmp_path, capture_output=True, check=True, text=True)
        assert len(changed.stdout) == len(done.stdout)
        assert changed.stdout != done.stdout


def test_an_entry_is_proved_and_another_is_not(node: OneNode, tmp_path: Path) -> None:
    filled(node)
    told = VerifierKey.read(node.call("journal", "key").output.strip())
    for line in node.rows("journal", "query"):
        file = tmp_path / f"{line['position']}.json"
        proof = node.call("journal", "prove", str(line["position"]), "--entry", file).output
        place, path, note = read_entry_proof(proof.encode())
        head, _ = read_checkpoint(note, (told,))
        leaf = hashlib.sha256(b"\x00" + file.read_bytes()).digest()
        assert root_by_inclusion(leaf, place, head.size, path) == head.root
        assert json.loads(file.read_bytes())["event"] == line["event"]
        other = hashlib.sha256(b"\x00" + file.read_bytes().replace(b"h53", b"h54") + b" ").digest()
        assert root_by_inclusion(other, place, head.size, path) != head.root
    refused = node.call("journal", "prove", "10000")
    assert refused.exit_code == 66
    assert "EDX606" in refused.output


def test_growth_is_proved_from_a_checkpoint_that_was_kept(node: OneNode, tmp_path: Path) -> None:
    filled(node)
    kept = tmp_path / "kept"
    kept.write_text(node.call("journal", "checkpoint").output)
    told = VerifierKey.read(node.call("journal", "key").output.strip())
    before, _ = read_checkpoint(kept.read_bytes(), (told,))
    node.send("L3", ["H53.01"])
    node.work()
    old, path, note = read_witness_request(node.call("journal", "growth", str(before.size)).output.encode())
    head, _ = read_checkpoint(note, (told,))
    assert head.size > before.size == old
    assert is_consistent(old, before.root, head.size, head.root, path)
    assert node.call("journal", "verify", "--checkpoint", kept).exit_code == 0
    forged = kept.read_text().replace(f"\n{before.size}\n", f"\n{before.size - 1}\n")
    kept.write_text(forged)
    refused = node.call("journal", "verify", "--checkpoint", kept)
    assert refused.exit_code == 1
    assert "EDX640" in refused.output
    other = node.call("journal", "verify", "--key", "no key")
    assert other.exit_code == 78
    assert "EDX901" in other.output


def test_a_key_is_made_once_and_shown(node: OneNode, tmp_path: Path) -> None:
    made = node.call("journal", "key", tmp_path / "new.pem").output.strip()
    assert VerifierKey.read(made).name == "edxml-router/h53"
    assert made != node.call("journal", "key").output.strip()
    again = node.call("journal", "key", tmp_path / "new.pem")
    assert "EDX908" in again.output
    text = node.config.read_text()
    node.config.write_text(text.replace('\nkey = "log.key.pem"', '\n#key = "log.key.pem"'))
    refused = node.call("journal", "key")
    assert refused.exit_code == 78
    assert "EDX639" in refused.output
