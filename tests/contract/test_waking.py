"""Whoever waits is told: by a transport of what comes, by the bell of what commands have committed."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from edxml_router import pipeline
from edxml_router.core.body import MemoryBody
from edxml_router.demo.letters import Post
from edxml_router.demo.tree import NodePlan, Tree
from edxml_router.disk import watch
from edxml_router.disk.bell import FILE, FileBell
from edxml_router.disk.watch import COMES, FolderWatch
from edxml_router.stages.acceptance.submission import Submission
from edxml_router.transport import topology
from edxml_router.wiring.composition import open_node
from tests.contract.hubs import Hub, parcel, until

LONG = 20.0  # seconds; nothing here takes so long unless nobody is told


def told(descriptor: int, seconds: float = LONG) -> bool:
    """Whether a descriptor becomes readable."""
    assert descriptor >= 0
    readable: list[bool] = []
    waiting = threading.Thread(target=lambda: readable.append(watch.wait([descriptor], seconds)))
    waiting.start()
    waiting.join()
    return readable[0]


def test_a_transport_tells_of_what_comes_and_is_silent_once_that_is_taken(hub: Hub) -> None:
    mailbox = topology.up("a")
    owner, child = hub.open("node", [mailbox]), hub.open("child-a")
    until(lambda: not owner.take(10, 0.0) and owner.emptied)
    assert not told(owner.fileno(), 0.0)
    for number in range(2):
        assert child.publish([parcel(mailbox, number)]) == [None]
        assert told(owner.fileno())
        [arrival] = owner.take(10, 0.0)
        owner.acknowledge([arrival])
        owner.take(10, 0.0)
        assert not told(owner.fileno(), 0.0)


def test_a_mailbox_that_was_made_anew_is_told_of_again(tmp_path: Path) -> None:
    folder, watched = tmp_path / "new", FolderWatch()
    assert watched.add(folder, COMES)  # not there yet
    folder.mkdir()
    assert watched.add(folder, COMES)
    folder.rmdir()
    folder.mkdir()
    watched.clear()
    assert watched.add(folder, COMES)
    (folder / "1").touch()
    assert told(watched.fileno())
    assert watched.clear()
    assert not watched.clear()
    watched.close()


def test_nothing_is_told_where_the_kernel_gives_no_watch(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(watch, "_LIBC", None)
    watched = FolderWatch()
    assert (watched.fileno(), watched.add(tmp_path, COMES), watched.clear()) == (-1, False, False)
    bell = FileBell(tmp_path / FILE, listening=True)
    bell.ring()
    assert (bell.fileno(), bell.clear()) == (-1, False)


def test_the_bell_is_heard_by_all_workers_and_rings_nobody_by_being_listened_to(tmp_path: Path) -> None:
    workers = [FileBell(tmp_path / FILE, listening=True) for _ in range(2)]
    assert [worker.clear() for worker in workers] == [False, False]
    FileBell(tmp_path / FILE).ring()
    assert [told(worker.fileno()) for worker in workers] == [True, True]
    assert [worker.clear() for worker in workers] == [True, True]
    assert [worker.clear() for worker in workers] == [False, False]
    (tmp_path / FILE).unlink()
    FileBell(tmp_path / FILE).ring()  # nobody hears it, and nobody minds
    workers[0].clear()
    FileBell(tmp_path / FILE).ring()
    assert told(workers[0].fileno())
    for worker in workers:
        worker.close()


def test_a_command_rings_once_it_has_committed(tmp_path: Path) -> None:
    plan = NodePlan("quoc-gia", "Nút quốc gia", ("G22",))
    with Tree(tmp_path, [plan]) as tree:
        settings = tree.settings(plan.name)
        bell = FileBell(settings.node.data / FILE, listening=True)
        data = Post(tree.pki).document("G22", ["G22"], number=1, subject="V/v thử nghiệm")
        with open_node(settings) as node:
            assert not bell.clear()
            pipeline.accept(node, [Submission(MemoryBody(data), plan.office, "cli")])
        assert bell.clear()
        bell.close()
