"""One node with two offices, of which one has its seals in the node."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from edxml_router import pipeline
from edxml_router.config import Settings, load
from edxml_router.core.body import MemoryBody
from edxml_router.core.message import reader
from edxml_router.core.message.envelope import Envelope
from edxml_router.core.xml import safe_xml
from edxml_router.services import office, trial_authority
from edxml_router.services.letters.composing import Order
from edxml_router.services.letters.unsigned import UnsignedLetters
from edxml_router.services.letters.workshop import Workshop
from edxml_router.services.node import serving
from edxml_router.stages.acceptance.submission import Acceptance
from edxml_router.wiring.opening import node_of
from edxml_router.wiring.stored import StoredNode

AGENCIES = ("H01.151", "H01", "G22")


@pytest.fixture(scope="session")
def pki(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("letters-pki")
    now = datetime.now(UTC)
    trial_authority.init(folder, now)
    for agency in AGENCIES:
        trial_authority.issue(folder, agency, now)
    return folder


@pytest.fixture
def settings(pki: Path, tmp_path: Path) -> Settings:
    """The commune "xa" has a seal in the node; the province "tinh", with two agencies, has one for one of them."""
    file = tmp_path / "node.toml"
    seals = "".join(
        f'\n[[seals]]\nagency = "{code}"\nkey = "{pki}/{code}.key.pem"\ncertificate = "{pki}/{code}.cert.pem"\n'
        for code in ("H01.151", "H01")
    )
    file.write_text(
        f"""
[node]
name = "h01"
data = "data"

[trust]
anchors = "{pki / "anchors.pem"}"

[[offices]]
name = "xa"
agencies = ["H01.151"]

[[offices]]
name = "tinh"
agencies = ["H01", "000.00.00.G22"]
{seals}
""",
        encoding="utf-8",
    )
    serving.make(file)
    return load(file)


@dataclass
class Desk:
    """The two offices' hands: what they write is handed in at once, and travels."""

    settings: Settings
    node: StoredNode

    def compose(self, name: str, kind: str, draft: Mapping[str, Any], files: Mapping[str, bytes] | None = None) -> Any:
        return self.order(name, Order(kind, json.dumps(draft, ensure_ascii=False).encode(), files or {}))

    @property
    def unsigned(self) -> UnsignedLetters:
        return UnsignedLetters(self.settings.node.data)

    def order(self, name: str, order: Order) -> Any:
        return Workshop(self.settings).compose(self.node, name, order)

    def hand_in(self, name: str, data: bytes) -> Acceptance:
        [handed] = office.submit(self.node, name, ["one"], lambda *_: MemoryBody(data))
        pipeline.forward(self.node)
        return handed.answer

    def send(
        self, name: str, kind: str, draft: Mapping[str, Any], files: Mapping[str, bytes] | None = None
    ) -> Acceptance:
        [one] = self.compose(name, kind, draft, files)
        assert one.data is not None
        answer = self.hand_in(name, one.data)
        assert answer.accepted, answer.finding
        return answer

    def inbox(self, name: str) -> dict[str, Envelope]:
        """What lies ready for an office: what each letter says, by its name, in the order in which it came."""
        found = {}
        for row in office.ready(self.node.ledger.views, self.settings, office=name):
            letter = office.locate(self.node.ledger.views, row.delivery.name)
            data = office.fetch(self.node, letter).whole()
            found[row.delivery.name] = reader.read(safe_xml.parse(data, self.settings.limits)).envelope
        return found


@pytest.fixture
def desk(settings: Settings) -> Any:
    with node_of(settings) as node:
        yield Desk(settings, node)


def letter(**members: Any) -> dict[str, Any]:
    """A draft that lacks nothing."""
    return {
        "recipients": ["H01", "G22"],
        "number": "125",
        "notation": "UBND-VP",
        "subject": "V/v báo cáo kết quả quý III",
        "signer": {"name": "Nguyễn Văn Mẫu"},
        **members,
    }

