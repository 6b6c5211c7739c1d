"""Mail is for the node's own account: the modes of all that is written, and warnings about folders and lines."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from edxml_router import pipeline
from edxml_router.config import load
from edxml_router.core.body import MemoryBody
from edxml_router.demo.letters import File, Post
from edxml_router.demo.tree import NodePlan, Tree
from edxml_router.stages.acceptance.submission import Submission
from edxml_router.wiring.composition import open_worker

PLANS = (
    NodePlan("quoc-gia", "Nút quốc gia", ("G22",)),
    NodePlan("tay-ninh", "Nút tỉnh Tây Ninh", ("H53",), parent="quoc-gia", prefixes=("H53",)),
)


@pytest.fixture
def open_to_all() -> Iterator[None]:
    """The most careless umask."""
    before = os.umask(0)
    yield
    os.umask(before)


@pytest.mark.usefixtures("open_to_all")
@pytest.mark.parametrize("size", [1000, 100_000])  # in the database, and in a file
def test_what_a_node_writes_is_for_its_account(tmp_path: Path, size: int) -> None:
    """In a data folder and a hub that everybody may look into: the files must not hang on the folders."""
    with Tree(tmp_path / "tree", PLANS) as tree:
        folders = [tree.folder / "quoc-gia" / "data", tree.hub("quoc-gia")]
        folders[1].mkdir(exist_ok=True)
        for folder in folders:
            folder.chmod(0o755)
        data = Post(tree.pki).document("G22", ["H53"], number=1, subject="V/v thử nghiệm", files=[File("a.pdf", size)])
        with open_worker(tree.settings("quoc-gia")) as opened:
            opened.declare()
            [answer] = pipeline.accept(opened.node, [Submission(MemoryBody(data), "vanthu-quoc-gia", "cli")])
            assert answer.accepted
            pipeline.forward(opened.node)
            written = [path for folder in folders for path in folder.rglob("*") if path.is_file()]
            assert any(path.name.endswith("-wal") for path in written)
            assert any(path.parent.name == "new" for path in written)
            for path in written:
                assert not stat.S_IMODE(path.stat().st_mode) & 0o007, path
                assert not stat.S_IMODE(path.stat().st_mode) & 0o077 or folders[1] in path.parents, path
            for made in [path for folder in folders for path in folder.rglob("*") if path.is_dir()]:
                assert not stat.S_IMODE(made.stat().st_mode) & 0o007, made


@pytest.mark.usefixtures("open_to_all")
def test_a_database_that_is_open_to_all_is_shut(tmp_path: Path) -> None:
    with Tree(tmp_path / "tree", PLANS[:1]) as tree:
        file = tree.folder / "quoc-gia" / "data" / "journal.db"
        file.chmod(0o644)
        with open_worker(tree.settings("quoc-gia")) as opened, opened.node.ledger.book():
            assert stat.S_IMODE(file.stat().st_mode) == 0o600


def remarks(tmp_path: Path, text: str) -> list[tuple[str, str]]:
    for name in ("secret", "ca.pem"):
        (tmp_path / name).touch(mode=0o600)
    config = tmp_path / "node.toml"
    config.write_text('[node]\nname = "h53"\n' + text)
    return [(each.code, each.detail) for each in load(config).remarks]


HUB = '[hub]\nkind = "rabbitmq"\nhost = "{}"\npassword_file = "secret"\n{}'
PARENT = '[parent]\nname = "g"\ncertificate = "secret"\n'


@pytest.mark.parametrize(
    ("text", "codes"),
    [
        (HUB.format("mq.example.vn", ""), ["EDX711"]),
        (HUB.format("mq.example.vn", 'tls_ca = "ca.pem"'), []),
        (HUB.format("localhost", ""), []),
        (HUB.format("127.0.0.5", ""), []),
        (HUB.format("::1", ""), []),
        (HUB.format("127.0.0.1.example.vn", ""), ["EDX711"]),
        (PARENT + HUB.format("10.0.0.1", "").replace("[hub]", "[parent.hub]"), ["EDX711"]),
        ('[store]\nurl = "postgresql+psycopg://r@db.example.vn/r"\n', ["EDX711"]),
        ('[store]\nurl = "postgresql+psycopg://r@db.example.vn/r?sslmode=prefer"\n', ["EDX711"]),
        ('[store]\nurl = "postgresql+psycopg://r@db.example.vn/r?sslmode=verify-full"\n', []),
        ('[store]\nurl = "postgresql+psycopg://r@127.0.0.1/r"\n', []),
        ('[store]\nurl = "postgresql+psycopg://r@127.0.0.1/r?host=db.example.vn"\n', ["EDX711"]),
        ('[store]\nurl = "postgresql+psycopg://r@/r?host=/run/postgresql"\n', []),
    ],
)
def test_a_line_in_the_clear_is_warned_of(tmp_path: Path, text: str, codes: list[str]) -> None:
    assert [code for code, _ in remarks(tmp_path, text)] == codes


def test_a_data_folder_that_others_can_look_into_is_warned_of(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir(mode=0o700)
    assert remarks(tmp_path, "") == []
    (tmp_path / "data").chmod(0o750)
    [(code, detail)] = remarks(tmp_path, "")
    assert code == "EDX907"
    assert "mode 0750, other accounts can look into it" in detail
    (tmp_path / "data").chmod(0o730)
    [(_, detail)] = remarks(tmp_path, "")
    assert "mode 0730, other accounts can change what is in it" in detail
