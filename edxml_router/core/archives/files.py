"""The files of a package, as its METS.xml lists them."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class PackedFile:
    """A file in a package: its path below the root, the bytes that it has, and their SHA-256 (hex). ``name`` is unique
    in the package, and an XML name; ``data``: None for a letter, which is read when it is written."""

    name: str
    path: str
    media_type: str
    size: int
    digest: str
    data: bytes | None = None


def packed_file(name: str, path: str, media_type: str, data: bytes) -> PackedFile:
    """A file whose bytes are at hand."""
    return PackedFile(name, path, media_type, len(data), hashlib.sha256(data).hexdigest(), data)
