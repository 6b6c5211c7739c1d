"""Write the files of a package into one file, ZIP or TAR, a piece at a time.

    pack(out, PackageForm.ZIP, "edxml-8f0c…", files, letter.pieces, now)

The letter is hashed while it is written: what does not give its digest is not handed on. Raises Refusal EDX603.
"""

from __future__ import annotations

import hashlib
import io
import tarfile
import zipfile
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from enum import StrEnum
from typing import BinaryIO, Final

from edxml_router.core.archives.files import PackedFile
from edxml_router.core.detail import Detail
from edxml_router.core.problems import Refusal

_MODE: Final = 0o644
_EARLIEST: Final = 1980  # in a ZIP


class PackageForm(StrEnum):
    """What a package is packed in."""

    ZIP = "zip"
    TAR = "tar"


def pack(
    out: BinaryIO, form: PackageForm, root: str, files: Sequence[PackedFile], letter: Iterable[bytes], now: datetime
) -> None:
    """Write all files below the folder ``root``; ``letter`` are the bytes of the one that has none of its own."""
    if form is PackageForm.ZIP:
        _zip(out, root, files, letter, now)
    else:
        _tar(out, root, files, letter, now)


def _zip(out: BinaryIO, root: str, files: Sequence[PackedFile], letter: Iterable[bytes], now: datetime) -> None:
    at = (max(now.year, _EARLIEST), now.month, now.day, now.hour, now.minute, now.second)
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for file in files:
            member = zipfile.ZipInfo(f"{root}/{file.path}", at)
            member.compress_type, member.external_attr = zipfile.ZIP_DEFLATED, _MODE << 16
            with archive.open(member, "w", force_zip64=file.data is None) as target:
                for piece in _pieces(file, letter):
                    target.write(piece)


def _tar(out: BinaryIO, root: str, files: Sequence[PackedFile], letter: Iterable[bytes], now: datetime) -> None:
    with tarfile.open(fileobj=out, mode="w|", format=tarfile.PAX_FORMAT) as archive:
        for file in files:
            member = tarfile.TarInfo(f"{root}/{file.path}")
            member.size, member.mode, member.mtime = file.size, _MODE, int(now.timestamp())
            pieces = _pieces(file, letter)
            archive.addfile(member, io.BufferedReader(_Read(pieces)))
            deque(pieces, maxlen=0)  # as many bytes as were told are read; what is behind them, and the digest, are not


def _pieces(file: PackedFile, letter: Iterable[bytes]) -> Iterator[bytes]:
    if file.data is not None:
        yield file.data
        return
    digest, size = hashlib.sha256(), 0
    for piece in letter:
        digest.update(piece)
        size += len(piece)
        yield piece
    if (digest.hexdigest(), size) != (file.digest, file.size):
        raise Refusal("EDX603", where=file.digest, detail=Detail("its bytes are others than those that were accepted"))


class _Read(io.RawIOBase):
    """Pieces as a file that is read."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        super().__init__()
        self._pieces, self._left = pieces, memoryview(b"")

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]  # what BufferedReader gives
        while not self._left:
            piece = next(self._pieces, None)
            if piece is None:
                return 0
            self._left = memoryview(piece)
        count = min(len(buffer), len(self._left))
        buffer[:count] = self._left[:count]
        self._left = self._left[count:]
        return count
