"""A node with two offices that are attached by folders, without processes: a turn of each is a call."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from edxml_router import pipeline
from edxml_router.config import Settings, load
from edxml_router.core.problems import Finding
from edxml_router.core.signature import signing
from edxml_router.core.signature.form import Coverage
from edxml_router.credentials import keys
from edxml_router.folders.attachment import FolderAttachment
from edxml_router.services import trial_authority
from edxml_router.services.node import serving
from edxml_router.wiring.opening import node_of
from tests import fixtures

CODES: Mapping[str, str] = {"vp": "H53", "vpcp": "G22"}


class FolderNode:
    """``vp`` sends for H53, ``vpcp`` for G22; each has a folder of its name."""

    def __init__(self, root: Path, pki: Path, more: str = "") -> None:
        self.root, self.pki, self.now = root, pki, 1000.0
        for name in CODES:
            (root / name).mkdir()
        offices = "".join(
            f'[[offices]]\nname = "{name}"\nagencies = ["{code}"]\nattach = "folder"\nfolder = "{name}"\n'
            for name, code in CODES.items()
        )
        file = root / "node.toml"
        text = f'[node]\nname = "h53"\ndata = "data"\n[trust]\nanchors = "{pki / "anchors.pem"}"\n{more}\n{offices}'
        file.write_text(text, encoding="utf-8")
        serving.make(file)
        self.settings: Settings = load(file)
        self._attached: dict[str, FolderAttachment] = {}

    def letter(self, document_id: str = "1/UBND", sender: str = "vp", to: str = "G22", **fields: Any) -> bytes:
        code = CODES[sender]
        key = keys.load_key(self.pki / f"{code}.key.pem")
        chain = keys.load_certificates(self.pki / f"{code}.cert.pem")
        data = fixtures.document(sender=code, to=[to], document_id=document_id, **fields)
        return signing.sign_document(data, key, chain, Coverage.WHOLE)

    def attached(self, name: str) -> FolderAttachment:
        if name not in self._attached:
            [office] = [one for one in self.settings.offices if one.name == name]
            self._attached[name] = FolderAttachment(self.settings, office, lambda: self.now)
        return self._attached[name]

    def restart(self) -> None:
        """The process of the folders begins anew."""
        for one in self._attached.values():
            one.close()
        self._attached.clear()

    def turn(self, *names: str) -> Finding | None:
        """A look of each office (all, without names); what the last one waits for."""
        waits = None
        for name in names or tuple(CODES):
            waits = self.attached(name).turn()
        return waits

    def settle(self, *names: str, seconds: float = 4.0) -> Finding | None:
        """A look, and another one so much later."""
        self.turn(*names)
        self.now += seconds
        return self.turn(*names)

    def work(self) -> None:
        """What a worker does."""
        with self.node() as node:
            while pipeline.forward(node):
                pass

    @contextmanager
    def node(self) -> Iterator[Any]:
        with node_of(self.settings) as node:
            yield node

    def deliver(self, document_id: str = "1/UBND", **fields: Any) -> str:
        """A letter from ``vp`` that lies in the inbox of ``vpcp``; its name there."""
        (self.root / "vp" / "outbox").mkdir(exist_ok=True)
        (self.root / "vp" / "outbox" / "van-ban.edxml").write_bytes(self.letter(document_id, **fields))
        before = set(self.files("vpcp", "inbox"))
        self.settle("vp")
        self.work()
        self.turn("vpcp")
        [name] = [one for one in self.files("vpcp", "inbox") if one.endswith(".edxml") and one not in before]
        return name.removesuffix(".edxml")

    def path(self, office: str, *parts: str) -> Path:
        return self.root.joinpath(office, *parts)

    def files(self, office: str, *parts: str) -> list[str]:
        folder = self.path(office, *parts)
        return sorted(each.name for each in folder.iterdir()) if folder.exists() else []


def month() -> str:
    return f"{datetime.now().astimezone():%Y-%m}"


def make_pki(folder: Path) -> Path:
    trial_authority.init(folder, datetime.now(UTC))
    for code in CODES.values():
        trial_authority.issue(folder, code, datetime.now(UTC))
    return folder
