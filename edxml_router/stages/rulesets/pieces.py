"""Cut what changes little into pieces that mostly stay the same: a catalogue of which one row is new, a revocation list
of which the end is new.

    names = [part_name(one) for one in line_pieces(table)]     # or der_pieces(data)

Where it is cut follows from the bytes around, so that whatever stands before or behind a change is cut as it was, and
is kept once.
"""

from __future__ import annotations

import hashlib
import re
import zlib
from collections.abc import Iterator
from typing import Final

_LINES: Final = 0xFF  # one line of 256 ends a piece: some 20 kB of a catalogue
_CUT: Final = re.compile(rb"\x5a[\x00-\x03]", re.DOTALL)  # one place of 16,384 in bytes without order
_PIECE_MAX: Final = 64 * 1024  # bytes


def part_name(data: bytes) -> str:
    """SHA-256, hex: the name under which a piece is kept."""
    return hashlib.sha256(data).hexdigest()


def line_pieces(data: bytes) -> Iterator[bytes]:
    """Pieces of a text in lines; together they are the text."""
    start = end = 0
    for line in data.splitlines(keepends=True):
        end += len(line)
        if zlib.crc32(line) & _LINES == 0 or end - start >= _PIECE_MAX:
            yield data[start:end]
            start = end
    if start < len(data):
        yield data[start:]


def der_pieces(data: bytes) -> Iterator[bytes]:
    """Pieces of a list or answer in DER; together they are all of it."""
    start = 0
    for match in _CUT.finditer(data):
        yield from _bounded(data[start : match.end()])
        start = match.end()
    if start < len(data):
        yield from _bounded(data[start:])


def _bounded(piece: bytes) -> Iterator[bytes]:
    for at in range(0, len(piece), _PIECE_MAX):
        yield piece[at : at + _PIECE_MAX]
