"""Paths as text: the proof of one entry (https://c2sp.org/tlog-proof), and what a witness is asked with
(https://c2sp.org/tlog-witness, ``add-checkpoint``).

    entry_proof(73894, path, checkpoint)        # a file .tlog-proof
    index, path, checkpoint = read_entry_proof(data)
    witness_request(old, path, checkpoint)
    old, path, checkpoint = read_witness_request(data)

Checkpoints go in and come out as the bytes of their notes.
"""

from __future__ import annotations

import base64
from collections.abc import Iterable, Sequence
from typing import Final

from edxml_router.core.detail import Detail
from edxml_router.core.proof.checkpoint import read_count
from edxml_router.core.proof.note import NOTE_BYTES
from edxml_router.core.proof.paths import HASH_BYTES, PATH_LENGTH

_PROOF: Final = "c2sp.org/tlog-proof@v1"
REQUEST_BYTES: Final = NOTE_BYTES + 64 * PATH_LENGTH  # longest: a hash takes a line of 45
_EXTRA_LENGTH: Final = 4096


def entry_proof(place: int, path: Iterable[bytes], checkpoint: bytes) -> bytes:
    """The proof of the entry at this place, under a checkpoint."""
    return f"{_PROOF}\nindex {place}\n{_written(path)}\n".encode() + checkpoint


def read_entry_proof(data: bytes) -> tuple[int, list[bytes], bytes]:
    """The place, the path and the checkpoint. What others have put into ``extra`` is passed over: nothing signs it.
    Raises ValueError."""
    head, checkpoint = _divided(data, REQUEST_BYTES + _EXTRA_LENGTH)
    first, *lines = head
    if lines and lines[0].startswith("extra "):
        lines = lines[1:]
    if first != _PROOF or not lines or not lines[0].startswith("index "):
        raise ValueError(Detail("not a proof of an entry"))
    return read_count(lines[0].removeprefix("index ")), _read_path(lines[1:]), checkpoint


def witness_request(old: int, path: Iterable[bytes], checkpoint: bytes) -> bytes:
    """A checkpoint to be cosigned, with the path from the size that the witness has cosigned last."""
    return f"old {old}\n{_written(path)}\n".encode() + checkpoint


def read_witness_request(data: bytes) -> tuple[int, list[bytes], bytes]:
    """The old size, the path and the checkpoint. Raises ValueError."""
    (first, *lines), checkpoint = _divided(data, REQUEST_BYTES)
    if not first.startswith("old "):
        raise ValueError(Detail("not a question to a witness"))
    return read_count(first.removeprefix("old ")), _read_path(lines), checkpoint


def _divided(data: bytes, most: int) -> tuple[list[str], bytes]:
    """The lines before the first empty one, and what is behind it."""
    head, blank, rest = data.partition(b"\n\n")
    if len(data) > most or not blank or not head.isascii():
        raise ValueError(Detail("not lines, an empty one, and a checkpoint"))
    return head.decode("ascii").split("\n"), rest


def _written(path: Iterable[bytes]) -> str:
    return "".join(f"{base64.b64encode(each).decode()}\n" for each in path)


def _read_path(lines: Sequence[str]) -> list[bytes]:
    if len(lines) > PATH_LENGTH:
        raise ValueError(Detail("more than {most} hashes", most=PATH_LENGTH))
    path = []
    for line in lines:
        try:
            each = base64.b64decode(line, validate=True)
        except ValueError:
            each = b""
        if len(each) != HASH_BYTES or base64.b64encode(each).decode() != line:
            raise ValueError(Detail("not a hash in base64"))
        path.append(each)
    return path
