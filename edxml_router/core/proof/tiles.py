"""The journal as files (https://c2sp.org/tlog-tiles): their names, which of them a tree has, and what is in them.

    tile_name(1, 1234067)                   # tile/1/x001/x234/067
    entries_name(4, 17)                     # tile/entries/004.p/17
    for level, number, width in tiles_of(size): …
    data = bundle(leaves); leaves = read_bundle(data)

A tile has the hashes of 256 complete subtrees, each over 256**level leaves; the last one of a level has as many as
there are. A bundle has the leaves of a tile of level 0, each behind its length in two bytes. A leaf may be longer than
two bytes can tell, when a letter refers to hundreds of others: then the length is 0, which no leaf of a journal has,
and the leaf is a file of its own (:func:`long_name`). Readers that do not know of it find this one leaf missing.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from edxml_router.core.detail import Detail
from edxml_router.core.proof.paths import HASH_BYTES, node_hash

WIDTH: Final = 256  # hashes of a full tile, leaves of a full bundle
CHECKPOINT_NAME: Final = "checkpoint"
LEAF_LENGTH: Final = 0xFFFF  # bytes of the longest leaf that stands in a bundle
BUNDLE_BYTES: Final = WIDTH * (2 + LEAF_LENGTH)
LONG_BYTES: Final = 16 * 1024 * 1024  # most that is read of a leaf in a file of its own
_LENGTH: Final = struct.Struct(">H")


def tile_name(level: int, number: int, width: int = WIDTH) -> str:
    """The name of a tile; of one that is not full, with its ``width``."""
    return f"tile/{level}/{_written(number)}{_part(width)}"


def entries_name(number: int, width: int = WIDTH) -> str:
    """The name of a bundle."""
    return f"tile/entries/{_written(number)}{_part(width)}"


def long_name(place: int) -> str:
    """The name of the file with the leaf at this place, which is too long for its bundle."""
    return f"tile/long/{_written(place)}"


def tiles_of(size: int) -> Iterator[tuple[int, int, int]]:
    """Level, number and width of every tile that a tree of this size has, level by level."""
    level = 0
    while size:
        full, rest = divmod(size, WIDTH)
        for number in range(full):
            yield level, number, WIDTH
        if rest:
            yield level, full, rest
        level, size = level + 1, full


def edge_of(size: int) -> list[tuple[int, int, int]]:
    """Level, number and width of the tiles that are not full, from below. The root is over their hashes alone, since
    each level's full tiles are hashes of the level above."""
    found, level = [], 0
    while size:
        size, rest = divmod(size, WIDTH)
        if rest:
            found.append((level, size, rest))
        level += 1
    return found


def bundle(leaves: Sequence[bytes]) -> tuple[bytes, Mapping[int, bytes]]:
    """The bundle with these leaves, and by their index the leaves that are too long for it."""
    long = {index: leaf for index, leaf in enumerate(leaves) if len(leaf) > LEAF_LENGTH}
    inside = (b"" if index in long else leaf for index, leaf in enumerate(leaves))
    return b"".join(_LENGTH.pack(len(leaf)) + leaf for leaf in inside), long


def read_bundle(data: bytes, width: int) -> list[bytes]:
    """The first ``width`` leaves of a bundle; empty where one is in a file of its own. Raises ValueError."""
    leaves, at = [], 0
    while at < len(data):
        start = at + _LENGTH.size
        end = start + _LENGTH.unpack_from(data, at)[0] if start <= len(data) else start
        if end > len(data):
            raise ValueError(Detail("it ends in the middle of an entry"))
        leaves.append(data[start:end])
        at = end
    if len(leaves) < width:
        raise ValueError(Detail("{count} entries, not {expected}", count=len(leaves), expected=width))
    return leaves[:width]


def read_tile(data: bytes, width: int) -> list[bytes]:
    """The first ``width`` hashes of a tile. Raises ValueError."""
    if len(data) % HASH_BYTES or len(data) < width * HASH_BYTES:
        count = len(data) // HASH_BYTES
        raise ValueError(Detail("{count} hashes, not {expected}", count=count, expected=width))
    return [data[at : at + HASH_BYTES] for at in range(0, width * HASH_BYTES, HASH_BYTES)]


def folded(hashes: Sequence[bytes]) -> bytes:
    """The root over hashes of complete subtrees of one height: a power of two of them."""
    while len(hashes) > 1:
        hashes = [node_hash(left, right) for left, right in zip(hashes[::2], hashes[1::2], strict=True)]
    return hashes[0]


def edge_root(parts: Sequence[Sequence[bytes]]) -> bytes:
    """The root of a tree with these hashes in its tiles that are not full, from below."""
    # Each part is a tree by itself, to the right of those above: RFC 6962 divides behind the largest complete one, so
    # what is right of it is joined first.
    peaks: list[bytes] = []
    for part in parts:
        peaks += reversed(_peaks(part))
    found = peaks[0]
    for left in peaks[1:]:
        found = node_hash(left, found)
    return found


def _peaks(hashes: Sequence[bytes]) -> list[bytes]:
    """The roots of the complete subtrees over these, the largest first."""
    found, start = [], 0
    while start < len(hashes):
        count = 1 << (len(hashes) - start).bit_length() - 1
        found.append(folded(hashes[start : start + count]))
        start += count
    return found


def _written(number: int) -> str:
    """A number in groups of three digits, all but the last behind an ``x``: 1234067 is ``x001/x234/067``."""
    found = f"{number % 1000:03}"
    while number := number // 1000:
        found = f"x{number % 1000:03}/{found}"
    return found


def _part(width: int) -> str:
    return "" if width == WIDTH else f".p/{width}"
