"""Whether tiles are those of a journal, by a checkpoint alone: every file read, every one that is wrong named.

    found = check_tiles(read, head)             # read("tile/0/000") gives bytes, None where there is no such file

Two roots are computed, one from the entries and one from the tiles that are not full. Trust goes from above: the hashes
of these tiles lead to the root that the checkpoint tells, each hash in a tile vouches for the tile below it, and the
tiles of level 0 for the entries. Where a tile is wrong, what is below it is computed anew, so that one wrong file is
named as one. In memory is one bundle, and one tile of each level.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final

from edxml_router.core.delivery.journal import MerkleTree, leaf_hash
from edxml_router.core.detail import Detail, said
from edxml_router.core.proof.checkpoint import TreeHead
from edxml_router.core.proof.tiles import (
    WIDTH,
    edge_of,
    edge_root,
    entries_name,
    folded,
    long_name,
    read_bundle,
    read_tile,
    tile_name,
)

NAMED: Final = 100  # files that are named; the others are counted
# So many more files may be missing than are there, until no more are looked for: whoever signs a checkpoint may write
# any size into it, and would keep who verifies a folder busy for years.
LACKING_MAX: Final = 10_000
ReadFile = Callable[[str], bytes | None]


@dataclass(slots=True)
class TileCheck:
    """What was found. ``wrong`` are names of files with what is wrong with each, ``missing`` those that are not there:
    the first hundred, and how many in all. A root is None where a file is missing without which there is none."""

    size: int
    files: int = 0
    missing: list[str] = field(default_factory=list)
    missing_count: int = 0
    wrong: list[tuple[str, str]] = field(default_factory=list)
    wrong_count: int = 0
    root_by_entries: bytes | None = None
    root_by_tiles: bytes | None = None
    sound: bool = False

    def add(self, name: str, detail: str) -> None:
        """Name a file that is wrong."""
        self.wrong_count += 1
        if self.wrong_count <= NAMED:
            self.wrong.append((name, detail))

    def miss(self, name: str) -> None:
        """Name a file that is not there."""
        self.missing_count += 1
        if self.missing_count <= NAMED:
            self.missing.append(name)


def check_tiles(read: ReadFile, head: TreeHead, progress: Callable[[int], None] | None = None) -> TileCheck:
    """Check all files of a journal of the head's size. ``progress`` gets the number of entries that are done."""
    check = _Checking(read, head.size, progress or (lambda _count: None))
    edge = edge_of(head.size)
    given = [check.tile(*each) for each in edge]
    whole = [each for each in given if each is not None]
    if head.size and len(whole) == len(edge):
        check.found.root_by_tiles = edge_root(whole)
    trusted = check.found.root_by_tiles == head.root
    by_level = reversed(list(zip(edge, given, strict=True)))  # the highest is over the first entries
    computed = [check.below(*each, given=hashes, trusted=trusted) for each, hashes in by_level]
    found = check.found
    if check.leaves is not None:
        found.root_by_entries = check.leaves.root()
    if not trusted:
        _blame_edge(found, edge, given, computed[::-1], head.root)
    whole_set = not found.wrong_count and not found.missing_count
    found.sound = whole_set and found.root_by_entries == head.root and (trusted or not head.size)
    return found


def _blame_edge(
    found: TileCheck,
    edge: Sequence[tuple[int, int, int]],
    given: Sequence[list[bytes] | None],
    computed: Sequence[list[bytes] | None],
    root: bytes,
) -> None:
    """The tiles at the edge do not lead to the root. If what is below them does, those that differ are wrong."""
    below = [each for each in computed if each is not None]
    right = len(below) == len(edge) and bool(edge) and edge_root(below) == root
    for (level, number, width), told, mine in zip(edge, given, computed, strict=True):
        if told is not None and told != mine:
            name = tile_name(level, number, width)
            found.add(name, Detail("it has other hashes than the journal") if right else _UNSURE)


_UNSURE: Final = Detail("it does not fit what is below it; either may be wrong")


class _Checking:
    def __init__(self, read: ReadFile, size: int, progress: Callable[[int], None]) -> None:
        self._read = read
        self._progress = progress
        self.found = TileCheck(size)
        self.leaves: MerkleTree | None = MerkleTree()  # None once an entry is missing

    def tile(self, level: int, number: int, width: int) -> list[bytes] | None:
        """The hashes in a tile; None, and named, where they cannot be had."""
        data = self._either(lambda wide: tile_name(level, number, wide), width)
        try:
            return None if data is None else read_tile(data, width)
        except ValueError as error:
            self.found.add(tile_name(level, number, width), said(error))
            return None

    def below(
        self,
        level: int,
        number: int,
        width: int,
        *,
        given: list[bytes] | None,
        trusted: bool,
        want: bytes | None = None,
    ) -> list[bytes] | None:
        """The hashes that a tile should have; None where what is below it does not tell. ``given`` are those it has,
        ``trusted`` if something vouches for them; ``want`` is the hash over the right ones, if that is known."""
        vouched = given if trusted else None
        computed: list[bytes] | None
        if level == 0:
            computed = self._leaves(number, width, vouched)
        else:
            computed = []
            for index in range(width):
                if self.found.missing_count > self.found.files + LACKING_MAX:
                    self.leaves, computed = None, None
                    break
                below = number * WIDTH + index
                one = self._subtree(level - 1, below, vouched[index] if vouched else None)
                if one is None:
                    computed = None
                elif computed is not None:
                    computed.append(one)
        if vouched is not None or computed is None:
            return vouched
        if want is not None:
            if level == 0 and folded(computed) != want:
                self.found.add(entries_name(number, width), Detail("its entries are not those of the journal"))
        elif given is not None and given != computed and width == WIDTH:
            self.found.add(tile_name(level, number), _UNSURE)
        return computed

    def _subtree(self, level: int, number: int, want: bytes | None) -> bytes | None:
        """Check a full tile and what is below it; the hash over it, as far as that is known."""
        given = self.tile(level, number, WIDTH)
        trusted = want is not None and given is not None and folded(given) == want
        if want is not None and given is not None and not trusted:
            self.found.add(tile_name(level, number), Detail("it has other hashes than the journal"))
        hashes = self.below(level, number, WIDTH, given=given, trusted=trusted, want=want)
        return want if want is not None else folded(hashes) if hashes is not None else None

    def _leaves(self, number: int, width: int, vouched: list[bytes] | None) -> list[bytes] | None:
        """The hashes of the leaves in a bundle, compared with those that are vouched for."""
        name = entries_name(number, width)
        hashes = self._bundle(number, width)
        self._progress(width)
        if hashes is None:
            self.leaves = None
            return None
        if vouched is not None and vouched != hashes:
            differ = [index for index, (one, other) in enumerate(zip(vouched, hashes, strict=True)) if one != other]
            place = number * WIDTH + differ[0]
            told = Detail("{count} entries are others, from place {place} on", count=len(differ), place=place)
            self.found.add(name, told)
        if self.leaves is not None:
            self.leaves.extend(hashes)
        return hashes

    def _bundle(self, number: int, width: int) -> list[bytes] | None:
        data = self._either(lambda wide: entries_name(number, wide), width)
        try:
            leaves = [] if data is None else read_bundle(data, width)
        except ValueError as error:
            self.found.add(entries_name(number, width), said(error))
            return None
        hashes = []
        for place, leaf in enumerate(leaves, number * WIDTH):
            whole = leaf or self._read(long_name(place))
            if whole is None:
                self.found.miss(long_name(place))
                return None
            self.found.files += not leaf
            hashes.append(leaf_hash(whole))
        return hashes or None

    def _either(self, name: Callable[[int], str], width: int) -> bytes | None:
        """The file that is so wide, or the full one that has come in its place since, or one of a later checkpoint;
        None, and named as missing, where there is none."""
        for each in (width, WIDTH, *range(width + 1, WIDTH)) if width < WIDTH else (WIDTH,):
            data = self._read(name(each))
            if data is not None:
                self.found.files += 1
                return data
        self.found.miss(name(width))
        return None
