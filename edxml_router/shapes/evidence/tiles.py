"""The journal as tiles."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol, TypedDict

from edxml_router.shapes.form import Digest
from edxml_router.shapes.node import DamageShape


class Written(Protocol):
    """What was written, as far as it is shown."""

    @property
    def files(self) -> int: ...
    @property
    def size(self) -> int: ...


class Checked(Protocol):
    """What was found in a folder."""

    size: int
    files: int
    sound: bool
    root_by_entries: bytes | None
    root_by_tiles: bytes | None
    missing: list[str]
    missing_count: int
    wrong: list[tuple[str, str]]
    wrong_count: int


class TilesShape(TypedDict):
    """The journal, written as files."""

    folder: str
    size: int
    file_count: int


class TileCheckShape(TypedDict):
    """What the verification of a folder of tiles found."""

    folder: str
    sound: bool
    size: int
    file_count: int
    root_by_entries: Digest | None
    root_by_tiles: Digest | None
    missing: list[str]
    missing_count: int
    damages: list[DamageShape]
    damage_count: int


def tiles_shape(folder: Path, done: Written) -> TilesShape:
    return {"folder": str(folder), "size": done.size, "file_count": done.files}


def tile_check_shape(folder: Path, found: Checked) -> TileCheckShape:
    damages: Sequence[DamageShape] = [{"where": name, "detail": detail} for name, detail in found.wrong]
    return {
        "folder": str(folder),
        "sound": found.sound,
        "size": found.size,
        "file_count": found.files,
        "root_by_entries": found.root_by_entries.hex() if found.root_by_entries else None,
        "root_by_tiles": found.root_by_tiles.hex() if found.root_by_tiles else None,
        "missing": list(found.missing),
        "missing_count": found.missing_count,
        "damages": list(damages),
        "damage_count": found.wrong_count,
    }
