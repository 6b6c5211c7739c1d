"""Write the journal as tiles, a little at a time: what is full for good, the rest with each checkpoint.

    writer = TileWriter(views, folder, origin)
    while not writer.step(16).complete: …

A step writes at most so many bundles with the tiles over them. When all of a signed checkpoint are there, what is not
full follows, and last the checkpoint itself: whoever reads it finds everything that it speaks of. A file is never
written a second time, but for the checkpoint; one that has other bytes than the journal is left as it is, and told. A
crash loses nothing: the checkpoint in the folder says up to where all is there, and what is behind it is looked at
again. What is before it is not, so full tiles may be taken away (to an archive), and do not come back.

Nothing is written that does not lead to the signed root. Raises Setback EDX605 where the journal does not, EDX691 where
the folder is another journal's, EDX692 where it cannot be written; and what the views raise.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from edxml_router.core.delivery.journal import leaf_bytes, leaf_hash
from edxml_router.core.detail import Detail
from edxml_router.core.problems import Setback
from edxml_router.core.proof.checkpoint import TreeHead, read_head
from edxml_router.core.proof.note import read_note
from edxml_router.core.proof.tiles import (
    CHECKPOINT_NAME,
    WIDTH,
    bundle,
    edge_of,
    edge_root,
    entries_name,
    folded,
    long_name,
    tile_name,
)
from edxml_router.core.wording import in_words
from edxml_router.ports.views import Views
from edxml_router.stages.witness.stamping import signed_note
from edxml_router.store.tiles.folder import TileFolder

BUNDLES: Final = 16  # a step: 4096 entries, some 40 files, a few hundred milliseconds on a slow disk


@dataclass(frozen=True, slots=True)
class TilesWritten:
    """A step: the files written, how many entries of the journal are in the folder now, of how many in the end."""

    files: int
    entries: int
    size: int
    complete: bool


@dataclass(frozen=True, slots=True)
class TilesStanding:
    """How many ``entries`` the folder is complete up to, how many a signed checkpoint speaks of, and since when the
    first is waiting that is not in the folder."""

    entries: int
    size: int
    since: datetime | None


class TileWriter:
    """Writes the tiles of the log named ``origin`` into a folder."""

    def __init__(self, views: Views, folder: TileFolder, origin: str) -> None:
        self._views = views
        self._folder = folder
        self._origin = origin
        self._group: int | None = None  # of 256 entries: the next to be written; None before the folder was looked at
        self._target: tuple[TreeHead, bytes] | None = None

    def step(self, bundles: int = BUNDLES) -> TilesWritten:
        """Go on, with at most so many bundles."""
        with folder_troubles(self._folder):
            return self._step(bundles)

    def standing(self) -> TilesStanding:
        """How far the folder is. Writes nothing."""
        with folder_troubles(self._folder):
            published, newest = self._published(), self._newest()
        entries, size = published.size if published else 0, newest[0].size if newest else 0
        waiting = self._views.leaves(entries, entries + 1) if entries < size else ()
        return TilesStanding(entries, size, waiting[0][2] if waiting else None)

    def _step(self, bundles: int) -> TilesWritten:
        published = self._published()
        if self._target is None:
            self._target = self._newest()
            if self._target is None:
                return TilesWritten(0, 0, 0, complete=True)
        if self._group is None:
            self._group = published.size // WIDTH if published else 0
        head, note = self._target
        if published is not None and published.size >= head.size:
            self._target = None
            renewed = published.size == head.size and self._folder.read(CHECKPOINT_NAME) != note  # cosigned meanwhile
            if renewed:
                self._folder.write({CHECKPOINT_NAME: note})
            return TilesWritten(int(renewed), published.size, published.size, complete=True)
        files, full = 0, head.size // WIDTH
        until = min(full, self._group + bundles)
        while self._group < until:
            files += self._full(self._group)
            self._group += 1
        if self._group < full:
            return TilesWritten(files, self._group * WIDTH, head.size, complete=False)
        files += self._edge(head)
        self._folder.write({CHECKPOINT_NAME: note})
        # A crash before this line: tiles without a checkpoint that speaks of them, which are found and left.
        self._target = None
        return TilesWritten(files + 1, head.size, head.size, complete=True)

    def _newest(self) -> tuple[TreeHead, bytes] | None:
        found = self._views.signed_checkpoint()
        if found is None or found.note is None:
            return None
        head = _head(found.note)
        if head is None or head.origin != self._origin:  # of before the log was named anew
            return None
        return head, signed_note(self._views, found)

    def _published(self) -> TreeHead | None:
        """What the folder is complete up to. Raises Setback EDX691 where that is no beginning of this journal."""
        data = self._folder.read(CHECKPOINT_NAME)
        if data is None:
            return None
        head = _head(data)
        newest = self._views.checkpoint()
        if (
            head is None
            or head.origin != self._origin
            or newest is None
            or head.size > newest.size
            or self._views.root_at(head.size) != head.root
        ):
            raise self._another(CHECKPOINT_NAME)
        return head

    def _full(self, group: int) -> int:
        """Write a full bundle, its tile, and each tile above that becomes full with it. Returns the files."""
        hashes, files = self._entries(group, WIDTH)
        if folded(hashes) != self._views.subtrees(1, group, 1)[0]:
            raise _damaged(group * WIDTH)
        files[tile_name(0, group)] = b"".join(hashes)
        level, number = 1, group
        while number % WIDTH == WIDTH - 1:
            number //= WIDTH
            files[tile_name(level, number)] = b"".join(self._views.subtrees(level, number * WIDTH, WIDTH))
            level += 1
        written = self._put(files)
        for name in files:
            self._folder.forget_parts(name)
        return written

    def _edge(self, head: TreeHead) -> int:
        """Write the tiles that are not full, if they lead to the root. Returns the files."""
        files: dict[str, bytes] = {}
        parts = []
        for level, number, width in edge_of(head.size):
            if level == 0:
                hashes, entries = self._entries(number, width)
                files |= entries
            else:
                hashes = list(self._views.subtrees(level, number * WIDTH, width))
            parts.append(hashes)
            files[tile_name(level, number, width)] = b"".join(hashes)
        if edge_root(parts) != head.root:
            raise Setback(
                "EDX605",
                where=Detail("checkpoint {size}", size=head.size),
                detail=Detail("the root does not fit the entries before it"),
            )
        return self._put(files)

    def _entries(self, group: int, width: int) -> tuple[list[bytes], dict[str, bytes]]:
        """The leaf hashes of a bundle, and the files that it is."""
        first = group * WIDTH
        found = self._views.leaves(first, first + width)
        if len(found) != width:
            raise _damaged(first)
        leaves = [leaf_bytes(entry, stamp) for _, entry, stamp in found]
        data, long = bundle(leaves)
        files = {long_name(first + index): leaf for index, leaf in long.items()}
        files[entries_name(group, width)] = data
        return [leaf_hash(leaf) for leaf in leaves], files

    def _put(self, files: dict[str, bytes]) -> int:
        """Write what is not there. Raises Setback EDX691 for a file that is there and is another one."""
        missing = {}
        for name, data in files.items():
            there = self._folder.read(name)
            if there is None:
                missing[name] = data
            elif there != data:
                raise self._another(name)
        self._folder.write(missing)
        return len(missing)

    def _another(self, name: str) -> Setback:
        return Setback("EDX691", where=str(self._folder.path / name))


def _head(note: bytes) -> TreeHead | None:
    try:
        return read_head(read_note(note).text)
    except ValueError:
        return None


def _damaged(place: int) -> Setback:
    told = Detail("an entry is missing, or another")
    return Setback("EDX605", where=Detail("place {place}", place=place), detail=told)


@contextmanager
def folder_troubles(folder: TileFolder) -> Iterator[None]:
    """Explain what the system says of the folder. That somebody holds it is for the caller to explain."""
    try:
        yield
    except BlockingIOError:
        raise
    except OSError as error:
        raise Setback("EDX692", where=str(error.filename or folder.path), detail=in_words(error)) from error
