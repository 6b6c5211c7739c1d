"""Checkpoints of a journal (https://c2sp.org/tlog-checkpoint) and cosignatures of witnesses under them
(https://c2sp.org/tlog-cosignature, version 1).

    head = TreeHead("edxml-router/h53", 104832, root)
    note = signer.sign(head.text)
    signature = cosign(witness, head, at)
    at = cosigned_at(signature, head, key)          # ValueError for a false one

A checkpoint says: this journal had so many entries, and this was the root over them. Whoever signs two for one journal
that do not continue each other has been caught. A cosignature says: at this time, this was the longest history of that
journal that the witness knew, and it continues all that it cosigned before.
"""

from __future__ import annotations

import base64
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from edxml_router.core.detail import Detail
from edxml_router.core.proof.note import (
    COSIGNATURE,
    NoteSignature,
    NoteSigner,
    SignedNote,
    VerifierKey,
    is_key_name,
    read_note,
    verified,
)
from edxml_router.core.proof.paths import HASH_BYTES

SIZE_MAX: Final = 2**63 - 1  # entries
_HEADER: Final = "cosignature/v1"  # before what a witness signs; a log of this name could be confused with it
_SIGNATURE_BYTES: Final = 8 + 64
_LATEST: Final = 253_402_300_799  # seconds: the last second that a calendar has


@dataclass(frozen=True, slots=True)
class TreeHead:
    """The journal of this name had ``size`` entries, and this ``root`` over them (32 bytes)."""

    origin: str
    size: int
    root: bytes

    @property
    def text(self) -> str:
        return f"{self.origin}\n{self.size}\n{base64.b64encode(self.root).decode()}\n"


def is_origin(text: str) -> bool:
    """Whether a journal can have this name: that of a key, and no beginning of another kind of text."""
    return is_key_name(text) and text != _HEADER


def read_head(text: str) -> TreeHead:
    """What a checkpoint's text says; lines behind the third are part of what is signed, and mean nothing here. Raises
    ValueError."""
    lines = text.split("\n")
    if len(lines) < 4 or lines.pop() or not all(lines):
        raise ValueError(Detail("not a checkpoint: name, size and root, a line each"))
    origin, size, encoded = lines[:3]
    try:
        root = base64.b64decode(encoded, validate=True)
    except ValueError:
        root = b""
    if not is_origin(origin) or len(root) != HASH_BYTES or base64.b64encode(root).decode() != encoded:
        raise ValueError(Detail("not a checkpoint: name, size and root, a line each"))
    return TreeHead(origin, read_count(size), root)


def read_count(text: str) -> int:
    """A number of entries, in one way of writing. Raises ValueError."""
    if not (text.isascii() and text.isdecimal() and len(text) < 20) or str(int(text)) != text or int(text) > SIZE_MAX:
        raise ValueError(Detail("not a number of entries"))
    return int(text)


def read_checkpoint(data: bytes, keys: tuple[VerifierKey, ...]) -> tuple[TreeHead, SignedNote]:
    """A checkpoint that one of these keys signed in the name of the journal that it is of. Raises ValueError."""
    note = read_note(data)
    head = read_head(note.text)
    if not verified(note, [key for key in keys if key.name == head.origin]):
        raise ValueError(Detail("no known key of {name} has signed it", name=head.origin))
    return head, note


def cosign(signer: NoteSigner, text: str, at: datetime) -> NoteSignature:
    """The statement of a witness about a checkpoint's text. Who calls this has verified it and keeps it."""
    seconds = int(at.timestamp())
    value = signer.raw(_cosigned(text, seconds))
    verifier = signer.verifier.cosigner
    return NoteSignature(verifier.name, verifier.id, seconds.to_bytes(8, "big") + value)


def cosigned_at(signature: NoteSignature, text: str, key: VerifierKey) -> datetime:
    """When the witness with this key cosigned the text. Raises ValueError for what it did not."""
    seconds = int.from_bytes(signature.value[:8], "big")
    if key.kind != COSIGNATURE or not signature.by(key) or len(signature.value) != _SIGNATURE_BYTES:
        raise ValueError(Detail("not a cosignature of {name}", name=key.name))
    if seconds > _LATEST or not key.accepts(_cosigned(text, seconds), signature.value[8:]):
        raise ValueError(Detail("the cosignature of {name} is false", name=key.name))
    return datetime.fromtimestamp(seconds, UTC)


def _cosigned(text: str, seconds: int) -> bytes:
    return f"{_HEADER}\ntime {seconds}\n{text}".encode()
