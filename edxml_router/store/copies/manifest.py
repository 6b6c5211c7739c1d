"""What a copy says of itself, and whether it still is what was written.

    write_manifest(folder, Manifest(…), files)   # manifest.json and SHA256SUMS, the last two files of a copy
    manifest = read_manifest(folder)             # Refusal EDX677
    for finding in changed_files(folder): …      # EDX678, one for each file that is not as it was written

``SHA256SUMS`` has the form of ``sha256sum``, so that whoever keeps copies can look after them without this program. It
names every file but itself. It finds what a disk or a transfer has changed; who may write to the copy could write the
sums again, and against that stands the signed checkpoint in ``manifest.json``, which covers the journal and, by the
digests in its entries, the bodies.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path, PurePosixPath
from typing import Final

from edxml_router.core.detail import Detail
from edxml_router.core.link.manifest import exact_instant
from edxml_router.core.problems import Finding, Refusal
from edxml_router.core.wording import in_words
from edxml_router.disk import durable

FORM: Final = "edxml-router copy 1"
MANIFEST: Final = "manifest.json"
SUMS: Final = "SHA256SUMS"
_MOST: Final = 64 * 1024 * 1024  # bytes of a manifest that are read: it names each body that was missing

Progress = Callable[[int], None]  # one more of what takes long


@dataclass(frozen=True, slots=True)
class Manifest:
    """What is in a copy. ``size`` and ``root`` are of the journal as far as it was numbered, ``checkpoint`` is the
    newest signed note over it, with the cosignatures of neighbours, or empty; ``missing`` are bodies that the node
    itself no longer had."""

    node: str
    made_at: datetime
    version: str
    schema: str
    database: str  # "sqlite" or "postgresql": what the node had; the copy is a file of SQLite
    epoch: str
    entries: int
    size: int
    root: str
    checkpoint: str
    bodies: int
    bytes: int
    missing: Sequence[str] = ()
    configuration: bool = False  # whether node.toml and the files that it names, keys too, are in it


def write_manifest(folder: Path, manifest: Manifest, sums: Mapping[str, str]) -> str:
    """Write both files durably. ``sums`` are the digests by path. Returns the manifest's own digest."""
    fields = asdict(manifest) | {"made_at": exact_instant(manifest.made_at), "missing": list(manifest.missing)}
    data = json.dumps({"form": FORM, **fields}, ensure_ascii=False, indent=1).encode() + b"\n"
    own = hashlib.sha256(data).hexdigest()
    lines = "".join(f"{digest}  {path}\n" for path, digest in sorted({**sums, MANIFEST: own}.items()))
    durable.write([(folder / MANIFEST, data), (folder / SUMS, lines.encode())])
    return own


def read_manifest(folder: Path) -> Manifest:
    """Raises Refusal EDX677 where there is none that this version understands."""
    path = folder / MANIFEST
    try:
        if path.stat().st_size > _MOST:
            raise _no_copy(path, Detail("more than {most} bytes", most=_MOST))
        fields = json.loads(path.read_bytes())
    except OSError as error:
        raise _no_copy(path, in_words(error)) from error
    except ValueError as error:
        raise _no_copy(path, Detail("not JSON")) from error
    try:
        if fields.pop("form") != FORM:
            raise _no_copy(path, Detail("of another version"))
        given = {**fields, "made_at": datetime.fromisoformat(fields["made_at"]), "missing": tuple(fields["missing"])}
        return Manifest(**given)
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise _no_copy(path, Detail("it lacks what a manifest has")) from error


def changed_files(folder: Path, progress: Progress | None = None) -> Iterator[Finding]:
    """Read every file of a copy again: what is gone, or not what was written. Raises Refusal EDX677."""
    for name, digest in _sums(folder):
        path = folder / name
        try:
            if file_digest(path) != digest:
                yield Finding("EDX678", str(path), Detail("its bytes are others than those that were written"))
        except OSError as error:
            yield Finding("EDX678", str(path), in_words(error))
        if progress:
            progress(1)


def files_of(folder: Path) -> list[str]:
    """The paths that a copy names. Raises Refusal EDX677."""
    return [name for name, _ in _sums(folder)]


def file_digest(path: Path) -> str:
    """SHA-256 (hex) of a file. Raises OSError."""
    with path.open("rb", buffering=0) as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _sums(folder: Path) -> list[tuple[str, str]]:
    path = folder / SUMS
    try:
        rows = [line.split("  ", 1) for line in path.read_text("utf-8").splitlines()]
    except (OSError, UnicodeDecodeError) as error:
        raise _no_copy(path, in_words(error)) from error
    found = [(row[1], row[0]) for row in rows if len(row) == 2 and _inside(row[1])]
    names = {name for name, _ in found}
    if len(found) != len(rows) or MANIFEST not in names:
        raise _no_copy(path, Detail("not a list of digests and paths"))
    return found


def _inside(name: str) -> bool:
    """Whether a path stays in the folder: the list may be a stranger's."""
    path = PurePosixPath(name)
    return bool(name) and not path.is_absolute() and ".." not in path.parts


def _no_copy(path: Path, detail: str) -> Refusal:
    return Refusal("EDX677", where=str(path), detail=detail)
