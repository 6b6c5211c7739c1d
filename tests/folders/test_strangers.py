"""What others may put into the folder of an office, or do to it: nothing is followed, waited for or half read."""

from __future__ import annotations

import errno
import json
import os
from pathlib import Path

import pytest

from edxml_router.core.problems import Setback
from edxml_router.disk import durable
from edxml_router.disk.office_folder import OfficeFolder, is_passed_over, plain
from edxml_router.folders import inbox, outbox
from edxml_router.folders.settling import CLOSED_SECONDS, QUIET_SECONDS, STALLED_SECONDS
from edxml_router.services.health import folders
from edxml_router.wiring.opening import ledger_of
from tests.folders.offices import FolderNode, month
from tests.folders.test_letters import lay, read


def codes(offices: FolderNode, office: str = "vp") -> dict[str, str]:
    """The problem of each file that was refused."""
    verdicts = [json.loads(each.read_text("utf-8")) for each in offices.path(office, "failed").glob("*.json")]
    return {each["file"]: each["problem"]["code"] for each in verdicts}


def accepted(offices: FolderNode) -> int:
    with ledger_of(offices.settings) as ledger:
        return len(ledger.views.find_envelopes())


def test_what_is_no_plain_file_is_refused_unopened(offices: FolderNode, tmp_path: Path) -> None:
    offices.turn("vp")
    box = offices.path("vp", "outbox")
    secret = tmp_path / "secret.edxml"
    secret.write_bytes(offices.letter())
    (box / "link.edxml").symlink_to(secret)
    (box / "second-name.edxml").hardlink_to(secret)
    os.mkfifo(box / "pipe.edxml")
    (box / "folder.edxml").mkdir()
    (box / "away.edxml").symlink_to("/nowhere")
    offices.settle("vp")
    refused = ("link.edxml", "second-name.edxml", "pipe.edxml", "away.edxml")
    assert codes(offices) == dict.fromkeys(refused, "EDX111")
    assert offices.files("vp", "outbox") == ["folder.edxml"]  # a folder may be filled still
    assert secret.stat().st_nlink == 2
    assert accepted(offices) == 0


@pytest.mark.parametrize("name", ["a\nb.edxml", "a\u202eb.edxml", "x" * 240 + ".edxml", "\udcff.edxml", "văn bản"])
def test_odd_names_are_told_by_what_can_be_seen_of_them(offices: FolderNode, name: str) -> None:
    offices.turn("vp")
    (offices.path("vp", "outbox") / name).write_bytes(offices.letter())
    offices.settle("vp")
    assert offices.files("vp", "outbox") == []
    if plain(name) == name:
        assert accepted(offices) == 1
    else:
        assert codes(offices) == {plain(name): "EDX111"}
        assert accepted(offices) == 0


def test_a_file_larger_than_the_limit_is_not_read(offices: FolderNode, pki: Path) -> None:
    offices.turn("vp")
    with (offices.path("vp", "outbox") / "lon.edxml").open("wb") as file:
        file.truncate(offices.settings.limits.max_bytes + 1)
        file.seek(-1, os.SEEK_END)
        file.write(b">")
    offices.settle("vp")
    assert codes(offices) == {"lon.edxml": "EDX102"}


def test_a_link_in_the_place_of_a_part_leads_to_no_loss(offices: FolderNode, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "a.edxml").write_bytes(offices.letter())
    offices.path("vp", "outbox").symlink_to(elsewhere)
    for _ in range(2):
        with pytest.raises(Setback, match="EDX630"):
            offices.settle("vp")
    assert [each.name for each in elsewhere.iterdir()] == ["a.edxml"]


def test_what_grows_is_left_alone(offices: FolderNode) -> None:
    """A copy in place: the kernel tells when its writer has closed it."""
    offices.turn("vp")
    data = offices.letter()
    with (offices.path("vp", "outbox") / "a.edxml").open("wb") as file:
        file.write(data[:1000])
        file.flush()
        offices.settle("vp", seconds=STALLED_SECONDS + 1)
        assert offices.files("vp", "outbox") == ["a.edxml"]  # its writer may take as long as it likes
        file.write(data[1000:])
    offices.settle("vp", seconds=CLOSED_SECONDS)
    assert offices.files("vp", "outbox") == []
    assert accepted(offices) == 1


def test_what_nobody_tells_of_is_left_alone_until_it_is_quiet_and_ends(offices: FolderNode) -> None:
    """A copy over a share, or one that began before this process did."""
    offices.path("vp", "outbox").mkdir()
    data, file = offices.letter(), offices.path("vp", "outbox", "a.edxml")
    file.write_bytes(data[:1000])
    offices.settle("vp", seconds=QUIET_SECONDS)
    assert offices.files("vp", "outbox") == ["a.edxml"]  # quiet, but it ends in the middle
    offices.restart()
    offices.turn("vp")
    file.write_bytes(data)
    offices.restart()
    offices.settle("vp", seconds=QUIET_SECONDS - 1)
    assert offices.files("vp", "outbox") == ["a.edxml"]
    offices.now += 1
    offices.turn("vp")
    assert accepted(offices) == 1


def test_a_file_that_changes_while_it_is_read_comes_again(
    offices: FolderNode, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = offices.letter()
    lay(offices, "a.edxml", data[:-10])
    given = outbox.received_body

    def meanwhile(*arguments: object) -> object:
        body = given(*arguments)  # type: ignore[arg-type]
        with offices.path("vp", ".work", "claimed", "a.edxml").open("ab") as file:
            file.write(data[-10:])
        return body

    monkeypatch.setattr(outbox, "received_body", meanwhile)
    waits = offices.settle("vp", seconds=STALLED_SECONDS)
    assert waits is not None
    assert waits.code == "EDX428"
    assert offices.files("vp", "outbox") == ["a.edxml"]
    monkeypatch.undo()
    offices.now += 60
    offices.settle("vp")
    assert accepted(offices) == 1


def test_names_of_files_under_way_are_passed_over(offices: FolderNode) -> None:
    names = ("a.edxml.part", ".a.edxml", "~$a.edxml", "a.edxml.tmp", "Thumbs.db", "desktop.ini", "a.crdownload")
    assert all(is_passed_over(name) for name in names)
    assert not is_passed_over("a.edxml")
    for name in names:
        lay(offices, name, b"<edXML>")
    offices.settle("vp", seconds=100)
    assert set(offices.files("vp", "outbox")) == set(names)
    assert offices.files("vp", "failed") == []


def test_so_many_files_are_taken_at_once_and_no_more(offices: FolderNode, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outbox, "BATCH", 2)
    for number in range(5):
        lay(offices, f"{number}.edxml", offices.letter(f"{number}/UBND"))
    offices.settle("vp")
    assert len(offices.files("vp", "outbox")) == 3
    offices.turn("vp")
    offices.turn("vp")
    assert accepted(offices) == 5


def test_so_many_letters_lie_in_an_inbox_and_no_more(offices: FolderNode, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inbox, "MOST", 2)
    for number in range(3):
        lay(offices, f"{number}.edxml", offices.letter(f"{number}/UBND"))
    offices.settle("vp")
    offices.work()
    offices.turn("vpcp")
    offices.turn("vpcp")
    letters = [name for name in offices.files("vpcp", "inbox") if name.endswith(".edxml")]
    assert len(letters) == 2
    for name in letters:
        offices.path("vpcp", "inbox", name).rename(offices.path("vpcp", "done", name))
    offices.turn("vpcp")
    offices.turn("vpcp")
    assert len([name for name in offices.files("vpcp", "inbox") if name.endswith(".edxml")]) == 1


def test_a_disk_that_is_full_or_read_only_is_named_and_loses_nothing(
    offices: FolderNode, monkeypatch: pytest.MonkeyPatch
) -> None:
    lay(offices, "a.edxml", offices.letter())
    new_file = durable.new_file
    for number in (errno.ENOSPC, errno.EROFS):

        def refuses(*_: object, number: int = number, **__: object) -> object:
            raise OSError(number, os.strerror(number))

        monkeypatch.setattr(durable, "new_file", refuses)
        offices.now += 100
        with pytest.raises(Setback, match="EDX630"):
            offices.settle("vp")
        monkeypatch.setattr(durable, "new_file", new_file)
    offices.settle("vp")
    assert offices.files("vp", "sent", month()) == ["a.edxml", "a.edxml.json"]
    assert accepted(offices) == 1


def test_a_folder_that_is_away_is_not_made(offices: FolderNode) -> None:
    offices.path("vp").rmdir()
    with pytest.raises(Setback, match="EDX630"):
        offices.turn("vp")
    assert not offices.path("vp").exists()
    [_, (_, finding), _] = [(None, None), *folders.folders(offices.settings)]
    assert finding is not None
    assert finding.code == "EDX630"


def test_only_one_process_serves_a_folder(offices: FolderNode) -> None:
    with OfficeFolder(offices.path("vp")), pytest.raises(Setback, match="EDX630"):
        offices.turn("vp")
    offices.turn("vp")


def test_doctor_names_what_waits_and_who_may_look(offices: FolderNode, monkeypatch: pytest.MonkeyPatch) -> None:
    offices.path("vp").chmod(0o770)
    offices.path("vpcp").chmod(0o775)
    offices.turn()
    lay(offices, "a.edxml", offices.letter())
    found = dict(folders.folders(offices.settings)).values()
    assert [finding and finding.code for finding in found] == [None, "EDX907"]
    monkeypatch.setattr(folders, "WAITS_SECONDS", -1.0)
    found = dict(folders.folders(offices.settings)).values()
    assert [finding and finding.code for finding in found] == ["EDX631", "EDX907"]


def test_the_parts_are_for_the_group_that_the_folder_is_for(offices: FolderNode) -> None:
    offices.path("vpcp").chmod(0o2770)
    name = offices.deliver()
    assert offices.path("vpcp", "inbox").stat().st_mode & 0o7777 == 0o2770
    assert offices.path("vpcp", ".work").stat().st_mode & 0o777 == 0o700
    assert offices.path("vpcp", "inbox", f"{name}.edxml").stat().st_mode & 0o777 == 0o660
    assert offices.path("vpcp", "inbox", name).stat().st_mode & 0o777 == 0o770
    assert "Trích yếu" in read(offices.path("vpcp", "inbox", name, "0.txt"))
