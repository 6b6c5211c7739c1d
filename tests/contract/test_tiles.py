"""The journal as files: what is written, when, and what is found when a file is changed."""

from __future__ import annotations

import hashlib
import os
import shutil
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from edxml_router.core.delivery.journal import Entry
from edxml_router.core.problems import Setback
from edxml_router.core.proof.checkpoint import TreeHead, read_checkpoint
from edxml_router.core.proof.note import NoteSigner
from edxml_router.core.proof.tiles import LEAF_LENGTH, WIDTH, entries_name, tile_name, tiles_of
from edxml_router.services.proof.tile_checking import TileCheck, check_tiles
from edxml_router.store.journal.sequencer import number_entries
from edxml_router.store.ledger import SqlLedger
from edxml_router.store.tiles.folder import TileFolder
from edxml_router.store.tiles.writing import TilesWritten, TileWriter
from tests.contract.databases import NOW
from tests.contract.test_log import note

ORIGIN = "edxml-router/h53"
SIGNER = NoteSigner(ORIGIN, Ed25519PrivateKey.from_private_bytes(bytes(32)))


def sign(size: int, root: bytes) -> bytes:
    return SIGNER.sign(TreeHead(ORIGIN, size, root).text).data


def grow(ledger: SqlLedger, count: int) -> None:
    """That many more entries, under one signed checkpoint."""
    note(ledger, *(f"mục {number}" for number in range(count)))
    assert number_entries(ledger, count, sign) == count


@pytest.fixture
def folder(tmp_path: Path) -> TileFolder:
    return TileFolder(tmp_path / "tiles")


def written(ledger: SqlLedger, folder: TileFolder, bundles: int = 16) -> TilesWritten:
    writer = TileWriter(ledger.views, folder, ORIGIN)
    while True:
        step = writer.step(bundles)
        if step.complete:
            return step


def names(folder: TileFolder) -> set[str]:
    return {str(path.relative_to(folder.path)) for path in folder.path.rglob("*") if path.is_file()}


def expected(size: int) -> set[str]:
    """As the specification has it."""
    tiles = list(tiles_of(size))
    bundles = {entries_name(number, width) for level, number, width in tiles if level == 0}
    return {"checkpoint", *bundles, *(tile_name(*each) for each in tiles)}


def checked(folder: TileFolder) -> TileCheck:
    data = folder.read("checkpoint")
    assert data is not None
    head, _ = read_checkpoint(data, (SIGNER.verifier,))
    return check_tiles(folder.read, head)


def test_the_files_are_those_of_the_specification(ledger: SqlLedger, folder: TileFolder) -> None:
    assert written(ledger, folder).size == 0
    assert names(folder) == set()
    grow(ledger, 2 * WIDTH + 3)
    assert written(ledger, folder).entries == 515
    assert names(folder) == expected(515) == {
        "checkpoint", "tile/0/000", "tile/0/001", "tile/0/002.p/3", "tile/1/000.p/2",
        "tile/entries/000", "tile/entries/001", "tile/entries/002.p/3",
    }  # fmt: skip
    # By hand: the first entry is where the format says, and its hash begins the first tile.
    bundle, tile = folder.read("tile/entries/000"), folder.read("tile/0/000")
    assert bundle is not None and tile is not None
    length = int.from_bytes(bundle[:2], "big")
    [(_, entry, _)] = ledger.views.leaves(0, 1)
    assert bundle[2 : 2 + length].startswith(entry[:-1])
    assert tile[:32] == hashlib.sha256(b"\0" + bundle[2 : 2 + length]).digest()
    assert len(tile) == 8192
    for name in names(folder):
        assert stat.S_IMODE((folder.path / name).stat().st_mode) & 0o137 == 0
    found = checked(folder)
    assert found.sound
    assert found.root_by_entries == found.root_by_tiles == ledger.views.root_at(515)


def test_parts_go_when_their_tile_is_full_and_full_ones_stay_as_they_are(ledger: SqlLedger, folder: TileFolder) -> None:
    for count in (3, 200, 100):
        grow(ledger, count)
        written(ledger, folder)
        assert checked(folder).sound
    assert names(folder) == expected(303)
    before = (folder.path / "tile/0/000").stat()
    grow(ledger, 209)
    written(ledger, folder)
    assert names(folder) == expected(512) | {"tile/1/000.p/1"}  # that of an earlier checkpoint, until it is full
    assert os.path.samestat(before, (folder.path / "tile/0/000").stat())
    assert not (folder.path / "tile/0/001.p").exists()


def test_a_writer_that_is_ended_anywhere_leaves_what_the_next_completes(
    ledger: SqlLedger, folder: TileFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    grow(ledger, 2 * WIDTH + 7)
    write = TileFolder.write

    def cut(self: TileFolder, files: dict[str, bytes]) -> None:
        cut_after[0] -= 1
        if cut_after[0] < 0:
            raise KeyboardInterrupt
        write(self, files)

    monkeypatch.setattr(TileFolder, "write", cut)
    seen = set()
    for after in range(5):
        shutil.rmtree(folder.path, ignore_errors=True)
        cut_after = [after]
        try:
            written(ledger, folder, 1)
        except KeyboardInterrupt:
            seen.add(len(names(folder)))
            assert "checkpoint" not in names(folder)  # nobody is told of what is not there
            cut_after = [1000]
            written(ledger, folder, 1)
        assert names(folder) == expected(2 * WIDTH + 7)
        assert checked(folder).sound
    assert len(seen) == 4


def test_what_was_taken_to_an_archive_does_not_come_back(ledger: SqlLedger, folder: TileFolder) -> None:
    grow(ledger, 600)
    written(ledger, folder)
    (folder.path / "tile/entries/000").unlink()
    grow(ledger, 10)
    written(ledger, folder)
    assert "tile/entries/000" not in names(folder)
    found = checked(folder)
    assert (found.missing, found.wrong, found.sound) == (["tile/entries/000"], [], False)
    assert found.root_by_entries is None


def test_a_step_has_a_bound(ledger: SqlLedger, folder: TileFolder) -> None:
    grow(ledger, 4 * WIDTH)
    writer = TileWriter(ledger.views, folder, ORIGIN)
    steps = [writer.step(1) for _ in range(4)]
    assert [one.entries for one in steps] == [256, 512, 768, 1024]
    assert [one.files for one in steps] == [2, 2, 2, 4]  # the last also the level above, and the checkpoint
    assert [one.complete for one in steps] == [False, False, False, True]


def test_an_entry_that_is_longer_than_a_bundle_can_tell(ledger: SqlLedger, folder: TileFolder) -> None:
    with ledger.book() as book:
        book.journal.note([Entry(NOW, "test.noted", detail="ế" * LEAF_LENGTH), Entry(NOW, "test.noted", detail="b")])
    number_entries(ledger, 10, sign)
    written(ledger, folder)
    assert names(folder) == expected(2) | {"tile/long/000"}
    assert checked(folder).sound
    (folder.path / "tile/long/000").write_bytes(b"{}")
    assert [name for name, _ in checked(folder).wrong] == ["tile/entries/000.p/2"]
    (folder.path / "tile/long/000").unlink()
    assert checked(folder).missing == ["tile/long/000"]


# --- damage ---


@pytest.fixture
def whole(ledger: SqlLedger, folder: TileFolder) -> Iterator[TileFolder]:
    grow(ledger, 3 * WIDTH + 5)
    written(ledger, folder)
    yield folder


@pytest.mark.parametrize("name", sorted(expected(3 * WIDTH + 5) - {"checkpoint"}))
@pytest.mark.parametrize("how", ["changed", "cut", "missing"])
def test_each_damaged_file_is_named_and_no_other(whole: TileFolder, name: str, how: str) -> None:
    path = whole.path / name
    data = path.read_bytes()
    if how == "changed":
        at = len(data) // 2
        path.write_bytes(data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :])
    elif how == "cut":
        path.write_bytes(data[:-1])
    else:
        path.unlink()
    found = checked(whole)
    assert not found.sound
    assert found.missing == ([name] if how == "missing" else [])
    assert [one for one, _ in found.wrong] == ([] if how == "missing" else [name])


def test_a_folder_that_was_made_anew_from_other_entries(whole: TileFolder, ledger: SqlLedger, tmp_path: Path) -> None:
    """Everything in it fits, but for the checkpoint that was kept."""
    kept = whole.read("checkpoint")
    assert kept is not None
    head, _ = read_checkpoint(kept, (SIGNER.verifier,))
    other = TileFolder(tmp_path / "other")
    grow(ledger, WIDTH - 5)
    written(ledger, other)
    assert checked(other).sound
    assert check_tiles(other.read, head).sound  # the earlier checkpoint, by the full tiles
    wrong = check_tiles(other.read, TreeHead(head.origin, head.size, bytes(32)))
    assert not wrong.sound
    assert wrong.root_by_entries == head.root


def test_another_journals_folder_is_left_alone(whole: TileFolder, ledger: SqlLedger) -> None:
    before = {name: whole.read(name) for name in names(whole)}
    grow(ledger, 5)
    with pytest.raises(Setback, match="EDX691"):
        TileWriter(ledger.views, whole, "edxml-router/khac").step()
    for size, root in ((10_000, bytes(32)), (10, bytes(32))):
        whole.write({"checkpoint": sign(size, root)})
        with pytest.raises(Setback, match="EDX691"):
            TileWriter(ledger.views, whole, ORIGIN).step()
    whole.write({"checkpoint": before["checkpoint"] or b""})
    assert {name: whole.read(name) for name in names(whole)} == before
    (whole.path / "tile/0").joinpath("003.p/10").write_bytes(bytes(320))
    with pytest.raises(Setback, match="EDX691"):  # nothing is written over
        written(ledger, whole)


def test_what_does_not_lead_to_the_signed_root_is_not_written(ledger: SqlLedger, folder: TileFolder) -> None:
    note(ledger, "a", "b")
    number_entries(ledger, 10, lambda size, root: sign(size, bytes(32)))
    with pytest.raises(Setback, match="EDX605"):
        written(ledger, folder)
    assert names(folder) == set()


def test_a_folder_that_cannot_be_written(ledger: SqlLedger, tmp_path: Path) -> None:
    grow(ledger, 3)
    (tmp_path / "file").write_text("")
    with pytest.raises(Setback, match="EDX692"):
        TileWriter(ledger.views, TileFolder(tmp_path / "file" / "tiles"), ORIGIN).step()
