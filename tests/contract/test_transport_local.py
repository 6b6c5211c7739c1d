"""What only a file system can do to us: dead processes, damaged files, full disks, clocks that jump."""

from __future__ import annotations

import errno
import json
import os
import resource
import signal
import socket
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from edxml_router.core.problems import Setback
from edxml_router.ports.transport import Parcel
from edxml_router.transport import topology, turns
from edxml_router.transport.local import hub as local
from edxml_router.transport.local import intake as local_intake
from edxml_router.transport.local import message_file
from edxml_router.transport.local.hub import LocalTransport
from tests.contract.hubs import LocalHub, collect, parcel, until
from tests.contract.test_transport import DOWN, codes, ids

CONSUMER = """
import sys, time
from pathlib import Path
from edxml_router.transport.local.hub import LocalTransport
arrivals = LocalTransport(Path(sys.argv[1]), "child-a", [sys.argv[2]]).take(2, 20.0)
print(len(arrivals), flush=True)
time.sleep(600)
"""


def names(folder: Path) -> list[str]:
    return sorted(entry.name for entry in folder.iterdir())


def waiting(hub: LocalHub) -> list[str]:
    return names(hub.root / DOWN / "new")


def test_what_a_killed_process_had_taken_comes_again(directory: LocalHub) -> None:
    directory.open("node").publish([parcel(DOWN, number) for number in range(3)])
    victim = subprocess.Popen(
        [sys.executable, "-c", CONSUMER, str(directory.root), DOWN], stdout=subprocess.PIPE, text=True
    )
    assert victim.stdout is not None
    assert victim.stdout.readline() == "2\n"
    survivor = directory.open("child-a", [DOWN])
    assert ids(collect(survivor, 1)) == ["m2"]  # the living keeps what it has
    victim.send_signal(signal.SIGKILL)
    victim.wait()
    victim.stdout.close()
    again = collect(survivor, 2)
    assert ids(again) == ["m0", "m1"]
    assert all(arrival.redelivered for arrival in again)
    survivor.acknowledge(again)
    assert len(names(directory.root / DOWN / "claimed")) == 1


def test_a_first_line_without_end_is_not_read_as_json(directory: LocalHub) -> None:
    """It would become objects of twenty times its size, in the memory of whoever takes it."""
    line = b'{"until":1,"x":[' + b"[]," * 40_000 + b"[]]}"
    new = directory.root / DOWN / "new"
    (new / "00000000000000000001.x").write_bytes(line + b"\n")
    (new / "00000000000000000002.x").write_bytes(line)
    came = collect(directory.open("child-a", [DOWN]), 2)
    assert [(arrival.message.kind, arrival.peer) for arrival in came] == [(topology.DAMAGED, "")] * 2
    assert not message_file.is_over(line, 2.0)
    with pytest.raises(ValueError, match="line"):
        message_file.unpack_message(line + b"\n")


def test_looking_where_countless_names_are_hidden_takes_a_part_of_our_time(
    directory: LocalHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever may write into a mailbox may lay in a hundred thousand that are hidden until tomorrow."""
    at, looks = 1000.0, list[float]()

    def countless(_folder: int) -> list[str]:
        nonlocal at
        looks.append(at)
        at += 1.0
        return [local_intake.hidden("00000000000000000001.x", 3600.0)]

    class Clock:
        time, time_ns = staticmethod(time.time), staticmethod(time.time_ns)

        @staticmethod
        def monotonic() -> float:
            return at

        thread_time = monotonic

    consumer = directory.open("child-a", [DOWN])
    monkeypatch.setattr(local_intake, "names", countless)
    monkeypatch.setattr(local_intake, "time", Clock)
    while at < 1100.0:
        at += 0.02
        assert consumer.take(1, 0.0) == []
    assert len(looks) == 20  # for mail and for dead consumers, a tenth of the time each


def test_a_rescue_that_was_interrupted_is_finished(directory: LocalHub) -> None:
    (directory.root / DOWN / "claimed" / "empty").mkdir()  # its lock was removed, the directory not yet
    half = directory.root / DOWN / "claimed" / "half"
    half.mkdir()
    (half / ".lock").touch()
    directory.open("node").publish([parcel(DOWN, 1)])
    (name,) = waiting(directory)
    (directory.root / DOWN / "new" / name).rename(half / name)
    survivor = directory.open("child-a", [DOWN])
    assert ids(collect(survivor, 1)) == ["m1"]
    assert len(names(directory.root / DOWN / "claimed")) == 1


@pytest.mark.parametrize(
    "damage",
    [
        lambda data: data[:-1],
        lambda data: data[:-1] + b"?",
        lambda data: data[:20],
        lambda data: b"",
        lambda data: b"[]\n",
        lambda data: b"[" * 100_000,
        lambda data: b"\xff\xfe\n",
        lambda data: data.replace(b'"kind":"transfer"', b'"kind":["transfer"]'),
    ],
)
def test_a_damaged_file_arrives_whole_and_without_a_peer(directory: LocalHub, damage: object) -> None:
    assert callable(damage)
    directory.open("node").publish([parcel(DOWN, 1), parcel(DOWN, 2)])
    file = directory.root / DOWN / "new" / waiting(directory)[0]
    file.write_bytes(damage(file.read_bytes()))
    data = file.read_bytes()
    child = directory.open("child-a", [DOWN])
    damaged, good = collect(child, 2)
    assert (damaged.message.kind, damaged.message.body, damaged.peer) == (topology.DAMAGED, data, "")
    assert good.message.id == "m2"
    child.acknowledge([damaged])
    child.close()
    assert len(waiting(directory)) == 1


def test_a_file_that_cannot_be_read_is_kept_for_the_operator(directory: LocalHub) -> None:
    directory.open("node").publish([parcel(DOWN, 1)])
    (directory.root / DOWN / "new" / "00000000000000000001.directory").mkdir()
    child = directory.open("child-a", [DOWN])
    damaged, good = collect(child, 2)
    assert (damaged.message.kind, damaged.message.body) == (topology.DAMAGED, b"")
    assert good.message.id == "m1"
    child.acknowledge([damaged])
    assert names(directory.root / DOWN / "damaged") == ["00000000000000000001.directory"]


def _link(there: Path, path: Path) -> None:
    path.symlink_to(there)


def _socket(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as made:
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            made.bind(f"/proc/self/fd/{folder}/{path.name}")  # a socket's own path may have 107 bytes at most
        finally:
            os.close(folder)


def _sparse(path: Path) -> None:
    path.touch()
    os.truncate(path, 2**40)


ODD: dict[str, tuple[Callable[[Path], object], str]] = {
    "fifo": (os.mkfifo, "not a file"),
    "socket": (_socket, "not a file"),
    "directory": (Path.mkdir, "not a file"),
    "device-that-never-ends": (partial(_link, Path("/dev/zero")), "not a file"),
    "link-to-a-file-of-ours": (partial(_link, Path("/etc/passwd")), "not a file"),
    "link-to-a-folder": (partial(_link, Path("/etc")), "not a file"),
    "link-to-nowhere": (partial(_link, Path("/nowhere")), "not a file"),
    "link-to-itself": (lambda path: _link(path, path), "not a file"),
    "terabyte": (_sparse, "larger than a message may be"),
    "n" * 255: (Path.touch, "not a name of ours"),
}


@pytest.mark.parametrize("name", ODD, ids=lambda name: name[:30])
def test_what_is_no_message_of_ours_is_quarantined_unread(directory: LocalHub, name: str) -> None:
    """Not waited for, not followed, not read; and it holds up no honest message, before it or after it."""
    make, error = ODD[name]
    directory.open("node").publish([parcel(DOWN, 1)])
    make(directory.root / DOWN / "new" / name)
    directory.open("node").publish([parcel(DOWN, 2)])
    child = directory.open("child-a", [DOWN])
    arrivals = collect(child, 3)
    [odd] = [one for one in arrivals if one.message.kind == topology.DAMAGED]
    assert (odd.message.id, odd.message.body, odd.peer) == (name, b"", "")
    assert odd.message.headers == {"error": error}
    assert sorted(ids([one for one in arrivals if one is not odd])) == ["m1", "m2"]
    child.acknowledge(arrivals)
    assert names(directory.root / DOWN / "damaged") == [name]
    assert child.take(10, 0.0) == []
    assert child.depths() == {DOWN: 0}


def test_what_cannot_be_moved_back_holds_up_no_rescue(directory: LocalHub) -> None:
    """A consumer died holding a name that has no room for another end, and one whose place is taken."""
    claims = directory.root / DOWN / "claimed" / "dead"
    claims.mkdir()
    (claims / ".lock").touch()
    (claims / ("n" * 255)).touch()
    (claims / "taken").mkdir()
    (directory.root / DOWN / "new" / "taken.again").touch()
    directory.open("node").publish([parcel(DOWN, 1)])
    [name] = [name for name in waiting(directory) if name != "taken.again"]
    (directory.root / DOWN / "new" / name).rename(claims / name)
    arrivals = collect(directory.open("child-a", [DOWN]), 3)
    assert "m1" in ids(arrivals)


def test_a_rescuer_empties_no_folder_that_a_link_leads_to(directory: LocalHub, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    for name in (".lock", "of somebody else"):
        (elsewhere / name).touch()
    (directory.root / DOWN / "claimed" / "link").symlink_to(elsewhere)
    assert directory.open("child-a", [DOWN]).take(10, 0.0) == []
    assert names(elsewhere) == [".lock", "of somebody else"]


def test_more_bytes_than_a_message_may_have_are_not_published(
    directory: LocalHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(message_file, "LARGEST", 10_000)
    answers = directory.open("node").publish([parcel(DOWN, 1, b"x" * 10_000), parcel(DOWN, 2)])
    assert codes(answers) == ["EDX702", ""]
    assert names(directory.root / DOWN / "tmp") == []


def test_no_more_bytes_are_taken_at_once_than_there_is_room_for(
    directory: LocalHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(turns, "TAKE_BYTES_MAX", 2500)
    directory.open("node").publish([parcel(DOWN, number, b"x" * 1000) for number in range(5)])
    child = directory.open("child-a", [DOWN])
    assert [len(child.take(5, 1.0)) for _ in range(2)] == [3, 2]


def test_a_full_disk_says_no_and_leaves_nothing_half_written(directory: LocalHub) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, hard))
    try:
        big = parcel(DOWN, 1, b"x" * 2_000_000)
        answers = directory.open("node").publish([parcel(DOWN, 0), big, parcel(DOWN, 2)])
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert codes(answers) == ["", "EDX702", ""]
    assert names(directory.root / DOWN / "tmp") == []
    assert ids(collect(directory.open("child-a", [DOWN]), 2)) == ["m0", "m2"]


def test_the_reserve_of_the_disk_is_left_alone(directory: LocalHub) -> None:
    greedy = LocalTransport(directory.root, "node", reserve=2**62)
    assert codes(greedy.publish([parcel(DOWN)])) == ["EDX702"]
    assert waiting(directory) == []


def test_a_directory_that_does_not_let_us_is_told_from_one_that_is_missing(tmp_path: Path) -> None:
    """Root may write anywhere but into the kernel's own file system, so that is where it is tried."""
    forbidden = Path("/proc/self") if os.geteuid() == 0 else tmp_path
    if os.geteuid() != 0:
        tmp_path.chmod(0o500)
    with pytest.raises(Setback) as caught:
        local.declare(forbidden / "hub", [], [])
    assert caught.value.code in ("EDX701", "EDX710")
    assert codes(LocalTransport(tmp_path / "missing", "node").publish([parcel(DOWN)])) == ["EDX701"]


def test_the_umask_keeps_no_neighbour_out(tmp_path: Path) -> None:
    """Nodes of two accounts share a hub by a group, whatever the umask of the service."""
    before = os.umask(0o077)
    try:
        local.declare(tmp_path / "hub", ["a"], ["vp"])
        assert codes(LocalTransport(tmp_path / "hub", "node").publish([parcel(DOWN)])) == [""]
    finally:
        os.umask(before)
    folders = [path for path in (tmp_path / "hub").rglob("*") if path.is_dir()]
    assert {stat.S_IMODE(path.stat().st_mode) for path in [tmp_path / "hub", *folders]} == {0o2770}
    [file] = (tmp_path / "hub" / DOWN / "new").iterdir()
    assert stat.S_IMODE(file.stat().st_mode) == 0o660


def test_the_mailboxes_are_for_the_group_that_the_hub_is_given_to(tmp_path: Path) -> None:
    """Never for all, and what the operator gave a mailbox afterwards stands."""
    (tmp_path / "hub").mkdir()
    (tmp_path / "hub").chmod(0o775)
    local.declare(tmp_path / "hub", ["a"], [])
    mailbox = tmp_path / "hub" / DOWN
    assert {stat.S_IMODE(path.stat().st_mode) for path in [mailbox, *mailbox.iterdir()]} == {0o2770}
    mailbox.chmod(0o700)
    local.declare(tmp_path / "hub", ["a"], [])
    assert stat.S_IMODE(mailbox.stat().st_mode) == 0o700


def test_a_message_that_its_reader_may_not_open_waits(directory: LocalHub, monkeypatch: pytest.MonkeyPatch) -> None:
    """Written by another account of no common group: nothing is wrong with it, so it is not quarantined as damaged."""
    child = directory.open("child-a", [DOWN])
    directory.open("node").publish([parcel(DOWN)])

    def refuse(_folder: int, name: str) -> bytes:
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), name)

    with monkeypatch.context() as forbidden:
        forbidden.setattr(message_file, "read", refuse)
        assert child.take(1, 0.0) == []
    assert child.take(1, 0.0) == []
    assert child.problem is not None
    assert child.problem.code == "EDX710"  # for as long as it is hidden
    [name] = names(directory.root / DOWN / "new")
    (directory.root / DOWN / "new" / name).rename(directory.root / DOWN / "new" / name.removesuffix(".later"))
    [arrival] = collect(child, 1)
    assert arrival.message.kind != topology.DAMAGED


def test_a_publisher_who_cannot_share_with_the_hub_is_told(
    directory: LocalHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What its reader could not open is not put there."""

    def refuse(*_: object) -> None:
        raise PermissionError(errno.EPERM, os.strerror(errno.EPERM))

    monkeypatch.setattr(os, "fchown", refuse)
    assert codes(directory.open("node").publish([parcel(DOWN)])) == [""]  # our own folder: for us alone
    monkeypatch.setattr(os, "geteuid", lambda: (directory.root / DOWN).stat().st_uid + 1)
    publisher = directory.open("node")
    assert codes(publisher.publish([parcel(DOWN)])) == ["EDX710"]
    assert publisher.problem is not None
    assert publisher.problem.code == "EDX710"
    assert names(directory.root / DOWN / "tmp") == []


@pytest.mark.parametrize("number", [errno.EACCES, errno.EROFS])
def test_a_mailbox_that_cannot_be_taken_from_is_named(
    directory: LocalHub, number: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The account of the tests may be root, whom no mode keeps out: the kernel's answer is given in its place."""
    child = directory.open("child-a", [DOWN])
    assert child.problem is None

    def refuse(*_: object, **__: object) -> None:
        raise OSError(number, os.strerror(number))

    with monkeypatch.context() as forbidden:
        forbidden.setattr(os, "mkdir", refuse)
        assert child.take(1, 0.0) == []
        assert child.problem is not None
        assert (child.problem.code, child.problem.detail) == ("EDX710", os.strerror(number))
    child.take(1, 0.0)
    assert child.problem is None


def test_a_clock_set_back_hides_nothing(directory: LocalHub) -> None:
    child = directory.open("child-a", [DOWN])
    directory.open("node").publish([parcel(DOWN, 1), parcel(DOWN, 2)])
    new = directory.root / DOWN / "new"
    for name in waiting(directory):  # as if written next year, one of them given back then
        late = name.replace("0", "9", 1)
        (new / name).rename(new / (late if name.endswith("0") else f"{late}.later"))
    assert sorted(ids(collect(child, 2))) == ["m1", "m2"]


def test_given_back_for_long_is_out_of_sight_but_counted(directory: LocalHub) -> None:
    child = directory.open("child-a", [DOWN])
    directory.open("node").publish([parcel(DOWN, 1)])
    child.give_back(collect(child, 1), 3600.0)
    assert child.take(1, 0.05) == []
    assert child.depths() == {DOWN: 1}


def test_a_consumer_waits_for_what_is_published_later(directory: LocalHub) -> None:
    child = directory.open("child-a", [DOWN])
    owner = directory.open("node")
    later = threading.Timer(0.1, owner.publish, [[parcel(DOWN, 1)]])
    later.start()
    assert ids(child.take(1, 20.0)) == ["m1"]
    later.join()


def test_declaring_sweeps_old_leftovers_only(directory: LocalHub) -> None:
    tmp = directory.root / DOWN / "tmp"
    (tmp / "fresh").touch()
    (tmp / "old").touch()
    (tmp / "old.claims").mkdir()
    for name in ("old", "old.claims"):
        os.utime(tmp / name, (0, 0))
    local.declare(directory.root, ["a"], [])
    assert names(tmp) == ["fresh"]


def test_a_mailbox_made_anew_is_consumed_again(directory: LocalHub) -> None:
    child = directory.open("child-a", [DOWN])
    assert child.take(1, 0.0) == []
    directory.remove(DOWN)
    assert child.take(1, 0.0) == []
    local.declare(directory.root, ["a"], [])
    directory.open("node").publish([parcel(DOWN, 1)])
    assert ids(collect(child, 1)) == ["m1"]


def test_the_file_is_one_line_of_json_and_the_body(directory: LocalHub) -> None:
    directory.open("node").publish([Parcel(DOWN, parcel(DOWN, 1, b"line\nline").message)])
    line, _, body = (directory.root / DOWN / "new" / waiting(directory)[0]).read_bytes().partition(b"\n")
    assert body == b"line\nline"
    assert json.loads(line)["user"] == "node"
    assert until(lambda: names(directory.root / DOWN / "tmp") == [])
