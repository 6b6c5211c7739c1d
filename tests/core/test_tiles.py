"""Tiles: their names, which a tree has, and the root that they lead to; compared with RFC 6962 as it is written."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import pytest

from edxml_router.core.proof.checkpoint import TreeHead
from edxml_router.core.proof.tiles import (
    LEAF_LENGTH,
    bundle,
    edge_of,
    edge_root,
    entries_name,
    read_bundle,
    read_tile,
    tile_name,
    tiles_of,
)
from edxml_router.services.proof.tile_checking import LACKING_MAX, check_tiles


def tree_hash(hashes: Sequence[bytes]) -> bytes:
    """MTH of RFC 6962, 2.1, over hashes of leaves."""
    if len(hashes) == 1:
        return hashes[0]
    middle = 1
    while 2 * middle < len(hashes):
        middle *= 2
    return hashlib.sha256(b"\x01" + tree_hash(hashes[:middle]) + tree_hash(hashes[middle:])).digest()


def files_of(leaves: Sequence[bytes]) -> dict[str, bytes]:
    """All files of a journal with these leaves."""
    files: dict[str, bytes] = {}
    level = [hashlib.sha256(b"\0" + leaf).digest() for leaf in leaves]
    for number in range(0, len(leaves), 256):
        part = leaves[number : number + 256]
        files[entries_name(number // 256, len(part))] = b"".join(len(one).to_bytes(2, "big") + one for one in part)
    height = 0
    while level:
        for number in range(0, len(level), 256):
            part = level[number : number + 256]
            files[tile_name(height, number // 256, len(part))] = b"".join(part)
        full = len(level) // 256 * 256
        level = [tree_hash(level[number : number + 256]) for number in range(0, full, 256)]
        height += 1
    return files


@pytest.mark.parametrize(
    ("number", "written"), [(0, "000"), (7, "007"), (999, "999"), (1000, "x001/000"), (1234067, "x001/x234/067")]
)
def test_names_are_those_of_the_specification(number: int, written: str) -> None:
    assert tile_name(0, number) == f"tile/0/{written}"
    assert tile_name(12, number, 5) == f"tile/12/{written}.p/5"
    assert entries_name(number, 255) == f"tile/entries/{written}.p/255"


def test_the_tiles_of_a_tree() -> None:
    assert list(tiles_of(0)) == []
    assert list(tiles_of(1)) == [(0, 0, 1)]
    assert list(tiles_of(257)) == [(0, 0, 256), (0, 1, 1), (1, 0, 1)]
    # The example in the specification.
    found = list(tiles_of(70_000))
    assert found[-1] == (2, 0, 1)
    assert [each for each in found if each[2] < 256] == edge_of(70_000) == [(0, 273, 112), (1, 1, 17), (2, 0, 1)]


@pytest.mark.parametrize("size", [1, 2, 3, 7, 255, 256, 257, 511, 513, 1000])
def test_the_edge_leads_to_the_root(size: int) -> None:
    hashes = [hashlib.sha256(bytes([0]) + str(number).encode()).digest() for number in range(size)]
    files = files_of([str(number).encode() for number in range(size)])
    parts = [read_tile(files[tile_name(*each)], each[2]) for each in edge_of(size)]
    assert edge_root(parts) == tree_hash(hashes)


def test_bundles() -> None:
    leaves = [b"a", b"x" * LEAF_LENGTH, b"y" * (LEAF_LENGTH + 1), b"{}"]
    data, long = bundle(leaves)
    assert long == {2: leaves[2]}
    assert data[:3] == b"\0\x01a"
    assert read_bundle(data, 4) == [b"a", leaves[1], b"", b"{}"]
    for wrong in (data[:-1], data[:1], data + b"\0"):
        with pytest.raises(ValueError, match="middle of an entry"):
            read_bundle(wrong, 4)
    with pytest.raises(ValueError, match="4 entries, not 5"):
        read_bundle(data, 5)


def test_damage_in_a_tree_of_three_levels() -> None:
    leaves = [b"%d" % number for number in range(65_536 + 3)]
    files = files_of(leaves)
    head = TreeHead("log", len(leaves), tree_hash([hashlib.sha256(b"\0" + leaf).digest() for leaf in leaves]))
    counted: list[int] = []
    found = check_tiles(files.get, head, counted.append)
    assert (found.sound, found.files, sum(counted)) == (True, len(files), len(leaves))
    name = "tile/1/000"
    changed = files | {name: files[name][:40] + bytes([files[name][40] ^ 1]) + files[name][41:]}
    found = check_tiles(changed.get, head)
    assert ([one for one, _ in found.wrong], found.missing, found.sound) == ([name], [], False)
    found = check_tiles({key: value for key, value in files.items() if key != name}.get, head)
    assert (found.wrong, found.missing, found.sound) == ([], [name], False)


def test_a_checkpoint_of_any_size_keeps_nobody_busy() -> None:
    """Its signer may write what he likes into it; no folder has so many files."""
    found = check_tiles(lambda _name: None, TreeHead("x", 2**62 + 1, bytes(32)))
    assert not found.sound
    assert LACKING_MAX < found.missing_count < 2 * LACKING_MAX
    assert len(found.missing) == 100
