"""What the tests of the command line share: an authority, a node of its own, and the command."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from edxml_router import pipeline
from edxml_router.cli.main import cli
from edxml_router.config import load
from edxml_router.core.signature import signing
from edxml_router.core.signature.form import Coverage
from edxml_router.credentials import keys
from edxml_router.services import trial_authority
from edxml_router.wiring import composition
from tests import fixtures
from tests.shapes import hold_command

AGENCIES = ("H53", "H53.01", "G22")
COMMAND = Path(sys.executable).with_name("edxml-router")


@pytest.fixture(autouse=True)
def nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No configuration lies about; the language is fixed."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("EDXML_ROUTER_CONFIG", raising=False)
    monkeypatch.setenv("LC_ALL", "C.UTF-8")


@pytest.fixture(scope="session")
def pki(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An authority with certificates for AGENCIES."""
    folder = tmp_path_factory.mktemp("pki")
    now = datetime.now(UTC)
    trial_authority.init(folder, now)
    for agency in AGENCIES:
        trial_authority.issue(folder, agency, now)
    return folder


def signed(pki: Path, data: bytes, agency: str = "H53", coverage: Coverage = Coverage.WHOLE) -> bytes:
    key = keys.load_key(pki / f"{agency}.key.pem")
    return signing.sign_document(data, key, keys.load_certificates(pki / f"{agency}.cert.pem"), coverage)


def call(*arguments: str | Path, given: bytes = b"") -> Result:
    """The command line in this process. What it prints as JSON is of the shape that is written down."""
    typed = [str(argument) for argument in arguments]
    result = CliRunner().invoke(cli, typed, input=given)
    if "--json" in typed and result.exit_code != 2:
        hold_command(typed, result.stdout)
    return result


def rows(result: Result) -> list[dict[str, Any]]:
    """The JSON objects that a command has printed."""
    return [json.loads(line) for line in result.stdout.splitlines()]


def run(*arguments: str | Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """The real command in a process of its own, away from any terminal."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("LC_", "LANG"))}
    return subprocess.run(
        [COMMAND, *map(str, arguments)],
        stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False, timeout=120, encoding="utf-8",
        env={**kept, "LC_ALL": "C.UTF-8", **environment},
    )  # fmt: skip


@dataclass(frozen=True)
class OneNode:
    """A node in a folder, with two offices and a child that is never there."""

    folder: Path
    pki: Path

    @property
    def config(self) -> Path:
        return self.folder / "node.toml"

    def call(self, *arguments: str | Path) -> Result:
        return call("--config", self.config, *arguments)

    def rows(self, *arguments: str | Path) -> list[dict[str, Any]]:
        result = self.call(*arguments, "--json")
        assert result.exit_code == 0, result.output
        return rows(result)

    def letter(self, document_id: str, to: Sequence[str], sender: str = "H53", **fields: Any) -> Path:
        """A signed document in a file."""
        path = self.folder / f"{document_id}.edxml"
        data = fixtures.document(sender=sender, to=to, document_id=document_id, **fields)
        path.write_bytes(signed(self.pki, data, sender))
        return path

    def send(self, document_id: str, to: Sequence[str], sender: str = "H53", office: str = "vp") -> str:
        """Send a letter; its digest."""
        [answer] = self.rows("send", self.letter(document_id, to, sender), "--as", office)
        assert answer["accepted"]
        return str(answer["digest"])

    def work(self) -> None:
        """What a worker does: one round."""
        with composition.open_worker(load(self.config)) as opened:
            opened.declare()
            pipeline.forward(opened.node)
            opened.number_journal()


@pytest.fixture
def node(tmp_path: Path, pki: Path) -> OneNode:
    folder = tmp_path / "node"
    result = call("init", folder, "--name", "h53")
    assert result.exit_code == 0, result.output
    config = folder / "node.toml"
    text = config.read_text(encoding="utf-8").replace('#anchors = "anchors.pem"', f'anchors = "{pki / "anchors.pem"}"')
    config.write_text(
        text
        + f"""
[hub]
kind = "local"
path = "hub"

[[children]]
name = "h53-01"
prefixes = ["H53.01"]
certificate = "{pki / "H53.01.cert.pem"}"

[[offices]]
name = "vp"
agencies = ["H53"]

[[offices]]
name = "vpcp"
agencies = ["000.00.00.G22"]
""",
        encoding="utf-8",
    )
    return OneNode(folder, pki)
