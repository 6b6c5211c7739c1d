"""A document that was handed to an archive."""

from __future__ import annotations

from typing import TypedDict

from edxml_router.shapes.form import Digest


class ExportShape(TypedDict):
    """The package that was written."""

    package: str
    digest: Digest
    file: str
    size: int
    entry_count: int
    letter: bool
    certificate: bool


def export_shape(
    name: str, digest: str, file: str, size: int, entries: int, *, letter: bool, certificate: bool
) -> ExportShape:
    return {
        "package": name,
        "digest": digest,
        "file": file,
        "size": size,
        "entry_count": entries,
        "letter": letter,
        "certificate": certificate,
    }
