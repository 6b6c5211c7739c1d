"""What is written durably is synced by the descriptor that wrote it, wherever in the house it is written."""

from __future__ import annotations

import ast
import errno
import fcntl
import os
import stat
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest

from edxml_router.config import load
from edxml_router.core.agencies.agency import Agency
from edxml_router.core.body import MemoryBody
from edxml_router.core.problems import Refusal, Setback, Trouble
from edxml_router.credentials import keys, trust_files
from edxml_router.demo.letters import File, Post
from edxml_router.demo.tree import NodePlan, Tree
from edxml_router.disk import durable, locks
from edxml_router.pipeline import accept
from edxml_router.ports.transport import Message, Parcel
from edxml_router.stages.acceptance.submission import Submission
from edxml_router.store import catalogue
from edxml_router.store.bodies.files import BodyStore
from edxml_router.store.clocks.steady_clock import SteadyClock
from edxml_router.store.copies.making import make_copy
from edxml_router.store.database import migrate
from edxml_router.store.database.engine import connect
from edxml_router.store.ledger import SqlLedger
from edxml_router.transport.local.hub import LocalTransport, declare
from edxml_router.wiring import composition
from tests.contract.databases import digest_of, envelope

PACKAGE = Path(__file__).resolve().parents[1] / "edxml_router"
LARGE = b"<edXML>" + b"x" * 200_000 + b"</edXML>"


def writes(descriptor: int) -> bool:
    """Whether it is a file's, and one that has written."""
    mode = fcntl.fcntl(descriptor, fcntl.F_GETFL) & os.O_ACCMODE
    return stat.S_ISREG(os.fstat(descriptor).st_mode) and mode != os.O_RDONLY


@pytest.fixture
def synced(monkeypatch: pytest.MonkeyPatch) -> set[int]:
    """The inodes of files that were synced by a descriptor that could write."""
    inodes: set[int] = set()
    real = os.fsync

    def fsync(descriptor: int) -> None:
        if writes(descriptor):
            inodes.add(os.fstat(descriptor).st_ino)
        real(descriptor)

    monkeypatch.setattr(os, "fsync", fsync)
    return inodes


@pytest.fixture
def failing(monkeypatch: pytest.MonkeyPatch) -> None:
    """A disk whose error of the write-back is told to the descriptor that wrote, once, and to no other."""
    told: set[int] = set()
    real = os.fsync

    def fsync(descriptor: int) -> None:
        inode = os.fstat(descriptor).st_ino
        if writes(descriptor) and inode not in told:
            told.add(inode)
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        real(descriptor)

    monkeypatch.setattr(os, "fsync", fsync)


def ledger(folder: Path) -> SqlLedger:
    engine = connect(f"sqlite:///{folder / 'journal.db'}")
    migrate.upgrade(engine)
    return SqlLedger(engine, SteadyClock(folder / "clock.json"))


def replaced(folder: Path) -> None:
    durable.write([(folder / "a", b"one"), (folder / "b" / "c", b"two")])
    durable.write([(folder / "a", b"three")], (folder / "a").stat())


def bodies(folder: Path) -> None:
    with closing(ledger(folder.parent)) as kept:
        store = BodyStore(kept.engine, folder, reserve_bytes=0)
        store.stage({digest_of(LARGE): MemoryBody(LARGE)})
        body = store.receive([b"x" * 100_000, b"y" * 300_000])
        store.stage({body.digest: body})
        body.discard()


def letters(folder: Path) -> None:
    declare(folder, ["xa"], [])
    with closing(LocalTransport(folder, "xa")) as transport:
        assert transport.publish([Parcel("edx.up.xa", Message("transfer", "1", b"<edXML/>"))]) == [None]


def agencies(folder: Path) -> None:
    catalogue.write(folder, [Agency("H53.10", "Sở Tư pháp", "unit", "H53")], source="LGSP", day="2026-11-22")


def operators_files(folder: Path) -> None:
    folder.mkdir()
    keys.write_new(folder / "new.pem", b"-----")
    keys.write_over(folder / "bindings.csv", b"act\n")


def copied(folder: Path) -> None:
    with closing(ledger(folder.parent)) as kept:
        store = BodyStore(kept.engine, folder.parent / "bodies", reserve_bytes=0)
        store.stage({digest_of(LARGE): MemoryBody(LARGE)})
        with kept.book() as book:
            book.envelopes.add([envelope(digest=digest_of(LARGE), size=len(LARGE))])
            book.bodies.add({digest_of(LARGE): MemoryBody(LARGE)})
        made = make_copy(kept, folder.parent / "bodies", folder, datetime.now(UTC))
        assert made.sound
        (folder / "journal.db").unlink()  # SQLite's own, which it syncs itself


WRITERS = (replaced, bodies, letters, agencies, operators_files, copied)


@pytest.mark.parametrize("write", WRITERS, ids=lambda write: write.__name__)
def test_every_file_is_synced_by_the_descriptor_that_wrote_it(
    write: Callable[[Path], None], synced: set[int], tmp_path: Path
) -> None:
    write(tmp_path / "here")
    files = [path for path in (tmp_path / "here").rglob("*") if path.is_file() and path.name != ".lock"]
    assert files
    assert [path for path in files if path.stat().st_ino not in synced] == []


@pytest.mark.parametrize("write", [each for each in WRITERS if each is not letters], ids=lambda write: write.__name__)
@pytest.mark.usefixtures("failing")
def test_an_error_of_the_write_back_is_never_lost(write: Callable[[Path], None], tmp_path: Path) -> None:
    """Asked through another descriptor, opened later, the disk would say that all is well."""
    with pytest.raises((OSError, Trouble)):
        write(tmp_path / "here")
    left = [path for path in (tmp_path / "here").rglob("*") if path.is_file() and path.name != ".lock"]
    assert left == []


@pytest.mark.usefixtures("failing")
def test_a_received_body_that_did_not_reach_the_disk_is_a_setback(tmp_path: Path) -> None:
    with closing(ledger(tmp_path)) as kept:
        store = BodyStore(kept.engine, tmp_path / "bodies", reserve_bytes=0)
        with pytest.raises(Setback) as caught:
            store.receive([LARGE])
        assert caught.value.code == "EDX622"
        assert list((tmp_path / "bodies" / "incoming").iterdir()) == []


def test_what_did_not_reach_the_disk_is_not_accepted(tmp_path: Path, request: pytest.FixtureRequest) -> None:
    with Tree(tmp_path, [NodePlan("quoc-gia", "Trục liên thông", ("G22", "G09"))]) as tree:
        letter = Post(tree.pki).document("G22", ["G09"], 1, "V/v thử", files=[File("a.zip", 200_000)])
        with composition.open_node(load(tree.config("quoc-gia"))) as node:
            request.getfixturevalue("failing")
            [answer] = accept(node, [Submission(MemoryBody(letter), "vanthu-quoc-gia", "cli")])
            assert not answer.accepted
            assert answer.passing
            assert answer.finding is not None
            assert answer.finding.code == "EDX622"
            with node.ledger.book() as book:
                assert not book.envelopes.known([digest_of(letter)])
            kept = [path for path in (tmp_path / "quoc-gia" / "data" / "bodies").rglob("*") if path.is_file()]
            assert [path.name for path in kept] == [".lock"]


def test_a_document_that_breaks_off_leaves_nothing(tmp_path: Path) -> None:
    def pieces() -> Iterable[bytes]:
        yield b"x" * 100_000
        raise ConnectionError("gone")

    with closing(ledger(tmp_path)) as kept:
        store = BodyStore(kept.engine, tmp_path / "bodies", reserve_bytes=0)
        with pytest.raises((ConnectionError, Setback)):
            store.receive(pieces())
    assert list((tmp_path / "bodies" / "incoming").iterdir()) == []


def calls(of: str) -> Iterator[str]:
    """The modules that call this function."""
    for path in sorted(PACKAGE.rglob("*.py")):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        if any(isinstance(each, ast.Call) and ast.unparse(each.func) == of for each in ast.walk(tree)):
            yield str(path.relative_to(PACKAGE))


def test_syncing_has_one_home() -> None:
    """As locks have, by a contract on imports."""
    assert list(calls("os.fsync")) == ["disk/durable.py"]
    assert list(calls("os.fdatasync")) == []


def test_a_new_file_is_synced_with_its_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[int] = []
    real = os.fsync
    monkeypatch.setattr(os, "fsync", lambda each: (seen.append(os.fstat(each).st_ino), real(each)))
    keys.write_new(tmp_path / "key.pem", b"-----")
    assert seen == [(tmp_path / "key.pem").stat().st_ino, tmp_path.stat().st_ino]
    with pytest.raises(Refusal, match="EDX908"):
        keys.write_new(tmp_path / "key.pem", b"again")
    assert (tmp_path / "key.pem").read_bytes() == b"-----"


# --- locks ---


def test_a_lock_keeps_others_out_and_lets_sharers_in(tmp_path: Path) -> None:
    with locks.locked(tmp_path / ".lock", shared=True), locks.locked(tmp_path / ".lock", shared=True):
        other = locks.open_lock(tmp_path / ".lock")
        assert not locks.is_held(other)
        with pytest.raises(BlockingIOError):
            locks.take(other)
        os.close(other)
    with locks.locked(tmp_path / ".lock") as mine:
        other = locks.open_lock(tmp_path / ".lock")
        assert locks.is_held(other)
        os.close(other)
        assert stat.S_IMODE(os.fstat(mine).st_mode) == 0o600
    with locks.folder_locked(tmp_path), pytest.raises(BlockingIOError), locks.folder_locked(tmp_path, wait=False):
        pass


def test_a_link_in_the_place_of_a_lock_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / ".lock").symlink_to(tmp_path / "journal.db")
    with pytest.raises(OSError, match="symbolic links"), locks.locked(tmp_path / ".lock"):
        pass
    assert not (tmp_path / "journal.db").exists()


def test_a_table_whose_folder_cannot_be_locked_is_named(tmp_path: Path) -> None:
    with pytest.raises(Refusal, match="EDX908"):
        trust_files.end(tmp_path / "none" / "bindings.csv", trust_files.Act.BIND, "", "H53", datetime.now(UTC))
