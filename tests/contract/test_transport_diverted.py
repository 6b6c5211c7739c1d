"""A hub whose folders somebody else may replace: the node follows no link, and touches nothing that one leads to."""

from __future__ import annotations

import fcntl
import os
import shutil
import socket
import stat
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from edxml_router.core.problems import Setback
from edxml_router.disk import folders
from edxml_router.transport import topology
from edxml_router.transport.local import attendance
from edxml_router.transport.local import folders as local_folders
from edxml_router.transport.local import hub as local
from edxml_router.transport.local.hub import LocalTransport
from tests.contract.hubs import CHILDREN, OFFICES, LocalHub, collect, parcel
from tests.contract.test_transport import DOWN, codes, ids

OTHER = topology.down("b")
PLACES = (".", "tmp", "new", "claimed", "damaged", "claimed/OURS")  # of a mailbox
PARTS = ("tmp", "new", "claimed", "damaged")


@pytest.fixture
def ours(tmp_path: Path) -> Path:
    """A folder that looks like any part of a mailbox, and like a mailbox: each of its files is as old as can be."""
    folder = tmp_path / "bodies"
    for made in (folder, *(folder / part for part in PARTS)):
        made.mkdir(mode=0o700)
        for name in ("00000000000000000001.aa", "0000000000000002.claims", ".lock"):
            (made / name).write_bytes(name.encode())
            os.utime(made / name, (0, 0))
    return folder


def picture(folder: Path) -> list[tuple[str, int, bytes]]:
    found = [(path, path.lstat()) for path in (folder, *sorted(folder.rglob("*")))]
    return [
        (str(path), status.st_mode, b"" if stat.S_ISDIR(status.st_mode) else path.read_bytes())
        for path, status in found
    ]


def replace(hub: LocalHub, place: str, make: Callable[[Path], object]) -> Path:
    """What whoever may write into the mailbox can do at any moment."""
    [*claims] = (hub.root / DOWN / "claimed").iterdir()
    path = hub.root / DOWN / (place.replace("OURS", claims[0].name) if claims else place)
    path.rename(hub.root.with_name(f"was-{path.name}"))
    make(path)
    return path


def everything(hub: LocalHub, child: LocalTransport) -> None:
    """Whatever a node does with a mailbox, from both ends."""
    owner = hub.open("node")
    owner.publish([parcel(DOWN, 7), parcel(DOWN, 8)])
    for _ in range(3):
        child.give_back(child.take(5, 0.0), 0.0)
    child.acknowledge(child.take(5, 0.0))
    child.depths()
    for act in (lambda: owner.waiting([DOWN]), lambda: local.declare(hub.root, CHILDREN, OFFICES)):
        try:
            act()
        except Setback as setback:
            assert setback.code == "EDX714"
    attendance.waiting(hub.root, [DOWN])
    late = hub.open("child-a", [DOWN])
    late.take(5, 0.0)
    late.close()
    child.close()
    owner.close()


@pytest.mark.parametrize("place", PLACES)
def test_a_link_in_the_place_of_a_folder_leads_to_no_loss(directory: LocalHub, ours: Path, place: str) -> None:
    before = picture(ours)
    directory.open("node").publish([parcel(DOWN, number) for number in range(3)])
    child = directory.open("child-a", [DOWN])
    held = child.take(2, 0.0)
    assert len(held) == 2
    replace(directory, place, lambda path: path.symlink_to(ours))
    child.acknowledge(held[:1])
    child.give_back(held[1:])
    everything(directory, child)
    assert picture(ours) == before


@pytest.mark.parametrize("place", PLACES[:5])
def test_it_is_named_and_other_mailboxes_go_on(directory: LocalHub, ours: Path, place: str) -> None:
    child = directory.open("child-a", [DOWN, OTHER])
    child.take(1, 0.0)
    path = replace(directory, place, lambda path: path.symlink_to(ours))
    shutil.rmtree(directory.root / topology.up("b"))
    with pytest.raises(Setback) as caught:
        local.declare(directory.root, CHILDREN, OFFICES)
    assert (caught.value.code, Path(caught.value.finding.where)) == ("EDX714", path)
    assert (directory.root / topology.up("b") / "new").is_dir()  # made all the same
    owner = directory.open("node")
    answers = codes(owner.publish([parcel(DOWN, 1), parcel(OTHER, 2)]))
    assert answers == ["" if place in ("claimed", "damaged") else "EDX714", ""]
    assert ids(collect(child, 1 if answers[0] or place == "claimed" else 2))[-1:] == ["m2"]
    problem = child.problem
    assert problem is not None
    assert (problem.code, Path(problem.where), problem.detail) == ("EDX714", path, "it is a link")
    assert local_folders.diverted(directory.root, [OTHER, DOWN]) == {DOWN: problem}
    assert child.depths()[OTHER] == 0
    path.unlink()
    local.declare(directory.root, CHILDREN, OFFICES)  # and it heals by itself
    assert codes(owner.publish([parcel(DOWN, 3)])) == [""]
    came: list[str] = []
    while "m3" not in came:
        came += ids(collect(child, 1))
    assert child.problem is None
    assert owner.problem is None


def _socket(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as made:
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            made.bind(f"/proc/self/fd/{folder}/{path.name}")
        finally:
            os.close(folder)


@pytest.mark.parametrize(
    "make",
    [
        os.mkfifo,
        _socket,
        Path.touch,
        lambda path: path.symlink_to("/nowhere"),
        lambda path: path.symlink_to(path.name),
        lambda path: path.symlink_to("/dev/zero"),
    ],
    ids=["fifo", "socket", "file", "nowhere", "itself", "device"],
)
@pytest.mark.parametrize("place", [".", "tmp", "new", "claimed"])
def test_nothing_else_in_the_place_of_a_folder_is_waited_for(
    directory: LocalHub, place: str, make: Callable[[Path], object]
) -> None:
    child = directory.open("child-a", [DOWN])
    child.take(1, 0.0)
    replace(directory, place, make)
    assert child.take(1, 0.0) == []
    assert child.problem is not None
    assert child.problem.code == "EDX714"
    everything(directory, child)


@pytest.mark.parametrize("make", [os.mkfifo, _socket, Path.mkdir, lambda path: path.symlink_to("/dev/zero")])
def test_a_lock_that_is_none_is_neither_waited_for_nor_opened(
    directory: LocalHub, make: Callable[[Path], object]
) -> None:
    claims = directory.root / DOWN / "claimed" / "odd"
    claims.mkdir()
    make(claims / ".lock")
    directory.open("node").publish([parcel(DOWN, 1)])
    assert ids(collect(directory.open("child-a", [DOWN]), 1)) == ["m1"]
    assert attendance.waiting(directory.root, [DOWN])[DOWN].takers == 1


def test_a_file_of_ours_with_a_second_name_in_the_hub_stays_as_it_is(directory: LocalHub, tmp_path: Path) -> None:
    body = tmp_path / "body"
    body.write_bytes(b"<edXML/>")
    for name in ("a", "b"):  # two names, of which the second would take the place of the first
        os.link(body, directory.root / DOWN / "new" / name)
    (directory.root / DOWN / "damaged" / "a").mkdir()
    directory.open("node").publish([parcel(DOWN, 1)])
    child = directory.open("child-a", [DOWN])
    arrivals = collect(child, 3)
    odd = [one.message for one in arrivals if one.message.kind == topology.DAMAGED]
    assert [(one.body, one.headers["error"]) for one in odd] == [(b"", "a file with a second name")] * 2
    child.acknowledge(arrivals)
    child.close()
    assert body.read_bytes() == b"<edXML/>"
    kept = sorted(path.name.partition(".")[0] for path in (directory.root / DOWN / "damaged").iterdir())
    assert kept == ["a", "a", "b"]  # what lay there under the name was not lost either


LOCKED = """
import fcntl, sys
with open(sys.argv[1], "rb+") as file:
    try:
        fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        print("held")
"""


@pytest.mark.parametrize("name", ["new/00000000000000000001.aa", "claimed/dead/.lock"])
def test_our_locks_on_a_file_outlast_its_second_name(directory: LocalHub, tmp_path: Path, name: str) -> None:
    """With the closing of any descriptor of a file the locks that SQLite holds on it would go."""
    database = tmp_path / "journal.db"
    database.touch()
    with database.open("rb+") as file:
        fcntl.lockf(file, fcntl.LOCK_EX)
        (directory.root / DOWN / "claimed" / "dead").mkdir()
        os.link(database, directory.root / DOWN / name)
        directory.open("child-a", [DOWN]).take(5, 0.0)
        attendance.waiting(directory.root, [DOWN])
        seen = subprocess.run([sys.executable, "-c", LOCKED, str(database)], capture_output=True, text=True, check=True)
    assert seen.stdout == "held\n"


def test_a_message_called_like_our_lock_does_not_take_its_place(directory: LocalHub) -> None:
    child = directory.open("child-a", [DOWN])
    child.take(1, 0.0)
    (directory.root / DOWN / "new" / ".lock").touch()
    [arrival] = child.take(5, 0.0)
    assert (arrival.message.kind, arrival.message.id) == (topology.DAMAGED, ".lock")
    child.acknowledge([arrival])
    assert attendance.waiting(directory.root, [DOWN])[DOWN].takers == 1
    assert child.take(5, 0.0) == []
    assert len(list((directory.root / DOWN / "claimed").iterdir())) == 1  # it did not have to begin again


def test_claims_that_somebody_has_exchanged_are_noticed(directory: LocalHub) -> None:
    child = directory.open("child-a", [DOWN])
    child.take(1, 0.0)
    path = replace(directory, "claimed/OURS", Path.mkdir)
    (path / ".lock").touch()
    directory.open("node").publish([parcel(DOWN, 1)])
    assert ids(collect(child, 1)) == ["m1"]
    assert attendance.waiting(directory.root, [DOWN])[DOWN].takers == 1


def test_a_folder_of_another_account_holds_up_nothing(directory: LocalHub, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who does not own a folder may not move it. The account of the tests may: the kernel's answer is given for it."""
    (directory.root / DOWN / "new" / "00000000000000000001.theirs").mkdir()
    directory.open("node").publish([parcel(DOWN, number) for number in range(2)])
    child = directory.open("child-a", [DOWN])
    rename = os.rename

    def refuse(source: str, target: str, **where: int) -> None:
        if source.endswith(".theirs"):
            raise PermissionError(13, os.strerror(13))
        rename(source, target, **where)

    monkeypatch.setattr(os, "rename", refuse)
    assert ids(child.take(5, 0.0)) == ["m0", "m1"]
    assert child.take(5, 0.0) == []
    problem = child.problem
    assert problem is not None
    assert problem.code == "EDX710"
    assert problem.where.endswith("/new/00000000000000000001.theirs")


def test_the_folders_of_a_consumer_are_for_the_group_of_the_hub(directory: LocalHub) -> None:
    """Another account that consumes the mailbox must be able to rescue what this one leaves."""
    before = os.umask(0o077)
    try:
        directory.open("child-a", [DOWN]).take(1, 0.0)
    finally:
        os.umask(before)
    [claims] = (directory.root / DOWN / "claimed").iterdir()
    assert stat.S_IMODE(claims.stat().st_mode) == 0o2770
    assert stat.S_IMODE((claims / ".lock").stat().st_mode) == 0o660
    assert claims.stat().st_gid == directory.root.stat().st_gid


def test_the_sweep_goes_no_deeper_than_what_a_consumer_leaves(directory: LocalHub) -> None:
    tmp = directory.root / DOWN / "tmp"
    deep = tmp / "deep"
    at = os.open(tmp, os.O_RDONLY)
    for name in ("deep", *["d"] * 1500):
        os.mkdir(name, dir_fd=at)
        inner = os.open(name, os.O_RDONLY, dir_fd=at)
        os.close(at)
        at = inner
    os.close(at)
    os.utime(deep, (0, 0))
    local.declare(directory.root, CHILDREN, OFFICES)
    assert deep.is_dir()
    subprocess.run(["rm", "-rf", str(deep)], check=True)


def test_a_listing_has_an_end(directory: LocalHub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(folders, "MOST_NAMES", 3)
    directory.open("node").publish([parcel(DOWN, number) for number in range(7)])
    child = directory.open("child-a", [DOWN])
    assert child.depths() == {DOWN: 3}
    taken = [arrival for _ in range(3) for arrival in child.take(7, 0.0)]
    assert sorted(ids(taken)) == [f"m{number}" for number in range(7)]


def test_no_descriptor_is_kept_but_those_of_the_lock_and_the_watch(directory: LocalHub, ours: Path) -> None:
    directory.open("node").publish([parcel(DOWN, number) for number in range(3)])
    child = directory.open("child-a", [DOWN])
    child.take(1, 0.0)
    before = len(list(Path("/proc/self/fd").iterdir()))
    with closing(directory.open("child-a", [DOWN])) as another:
        everything(directory, another)
    child.take(1, 0.0)
    replace(directory, "new", lambda path: path.symlink_to(ours))
    with closing(directory.open("child-a", [DOWN])) as another:
        everything(directory, another)
    assert child.problem is not None
    assert len(list(Path("/proc/self/fd").iterdir())) == before
    child.close()
    assert len(list(Path("/proc/self/fd").iterdir())) == before - 2


def test_a_folder_that_is_put_in_the_place_of_the_hub_is_used(directory: LocalHub) -> None:
    """As when its volume is mounted again."""
    child = directory.open("child-a", [DOWN])
    owner = directory.open("node")
    child.take(1, 0.0)
    directory.root.rename(directory.root.with_name("before"))
    assert child.take(1, 0.0) == []
    assert codes(owner.publish([parcel(DOWN, 1)])) == ["EDX701"]
    local.declare(directory.root, CHILDREN, OFFICES)
    assert codes(owner.publish([parcel(DOWN, 2)])) == [""]
    assert ids(collect(child, 1)) == ["m2"]
