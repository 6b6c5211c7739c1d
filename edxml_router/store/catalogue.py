"""The agency catalogue on disk: folders of CSV files with a manifest, read into a registry.

A folder holds any of ``agencies.csv``, ``aliases.csv``, ``successions.csv`` and ``levels.csv`` (columns in
``agency_codes/README.md``), and ``manifest.json`` with the rows, digest, source and date of each. The program ships
one folder; a node has its own beside it, whose rows override the packaged ones, code by code. There ``imported.csv``
has the day on which the rows of each agency last changed; who edits the folder by hand takes that file away, and then
all of it counts as changed.

    registry = load(packaged, own)
    report = import_file(path, registry, source="LGSP, 2026-11")
    write(own, report.agencies, report.aliases, source="LGSP", day="2026-11-22")

Writing is atomic per file (temporary file, fsync, rename) under a lock on the folder; repeating it changes
nothing. Fails with :class:`Refusal` EDX902 (unreadable file), EDX906 (no catalogue), and :class:`Setback`
EDX601 (disk full). A row that cannot be used is left out and named in ``registry.findings`` (EDX905).
"""

from __future__ import annotations

import csv
import errno
import gc
import hashlib
import io
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import Any, Generic, NamedTuple

from edxml_router.core.agencies.agency import Agency, Alias
from edxml_router.core.agencies.importing import ImportReport, import_rows
from edxml_router.core.agencies.registry import Registry
from edxml_router.core.agencies.rows import AGENCIES, ALIASES, FILES, LEVELS, SUCCESSIONS, AgencyTable, Value
from edxml_router.core.detail import Detail, said
from edxml_router.core.problems import Finding, Refusal, Setback
from edxml_router.core.wording import in_words
from edxml_router.disk import durable, locks

MANIFEST = "manifest.json"
IMPORTED = "imported.csv"  # of a node's own folder: when the row of an agency, or of one of its aliases, last changed


def load_catalogue(*folders: Path) -> Registry:
    """The registry of one or more folders; where two have a row for one code, the later folder's stands.

    Raises Refusal EDX902 for a folder or file that cannot be read, EDX906 for a file with other columns.
    """
    findings: list[Finding] = []
    digest, base = hashlib.sha256(), hashlib.sha256()
    imported: dict[str, date] = {}
    for folder in folders:
        if not folder.is_dir():
            raise Refusal("EDX902", where=str(folder), detail=Detail("no such folder"))
        dated = (folder / IMPORTED).exists()  # what changes there is known row by row
        if dated:
            imported |= _imported(folder)
        for name in FILES:
            facts = _facts(folder / name)["sha256"].encode() if (folder / name).exists() else b"-"
            digest.update(facts)
            base.update(b"" if dated else facts)

    def every(table: AgencyTable[Value]) -> Iterator[Value]:
        return (row for folder in folders for row in _read(table, folder, findings))

    with _collector_paused():
        agencies, aliases = list(every(AGENCIES)), list(every(ALIASES))
        successions, levels = list(every(SUCCESSIONS)), list(every(LEVELS))
        return Registry.build(
            agencies,
            aliases,
            successions,
            levels,
            digest=digest.hexdigest(),
            findings=findings,
            imported=imported,
            base=base.hexdigest()[:16],
        )


def import_file(path: Path, known: Registry, *, source: str = "", replace_known: bool = False) -> ImportReport:
    """Judge the rows of somebody else's list (:mod:`edxml_router.core.agencies.importing`); writes nothing."""
    try:
        text = path.read_bytes().decode("utf-8")
    except OSError as error:
        raise Refusal("EDX902", where=str(path), detail=in_words(error)) from error
    except UnicodeDecodeError as error:
        raise Refusal(
            "EDX906", where=str(path), detail=Detail("not UTF-8 at byte {place}", place=error.start)
        ) from error
    return import_rows(text, known, source=source or path.name, replace_known=replace_known)


def write(
    folder: Path,
    agencies: Iterable[Agency],
    aliases: Iterable[Alias] = (),
    *,
    source: str = "",
    day: str = "",
) -> None:
    """Put rows into a node's own folder, in place of those with the same code, and renew its manifest.

    ``source`` and ``day`` (yyyy-mm-dd) are noted in the manifest, and the day for each agency whose rows change. Where
    no row is new, no file is touched. Raises Refusal EDX905 when the folder has unreadable rows, because they would be
    lost.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with locks.folder_locked(folder):
            one, two = _merged(AGENCIES, folder, agencies), _merged(ALIASES, folder, aliases)
            codes = {agency.code for agency in one.changed} | {alias.canonical for alias in two.changed}
            if codes:
                # First: a crash behind it leaves agencies that seem to have changed, which harms nobody.
                _note_imported(folder, codes, day)
            changed = [*_write(AGENCIES, folder, one), *_write(ALIASES, folder, two)]
            if changed:
                _replace(folder / MANIFEST, _manifest(folder, changed, source, day))
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise Setback("EDX601", where=str(folder)) from error
        raise Refusal(
            "EDX902", where=str(folder), detail=Detail("writing: {reason}", reason=in_words(error))
        ) from error


def verify(folder: Path) -> tuple[Finding, ...]:
    """Compare the files of a folder with its manifest: EDX906 for each that differs, or is only in one."""
    listed = _listed(folder)
    present = {name: _facts(folder / name) for name in FILES if (folder / name).exists()}
    return tuple(
        Finding("EDX906", where=name, detail=Detail("differs from the manifest"))
        for name in sorted(listed.keys() | present.keys())
        if name not in listed or name not in present or not present[name].items() <= listed[name].items()
    )


def _read(table: AgencyTable[Value], folder: Path, findings: list[Finding]) -> Iterator[Value]:
    """The rows of one file, in order. For a duplicate key the first counts; a missing file has no rows."""
    path = folder / table.file
    if not path.exists():
        return
    seen: set[Any] = set()
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.reader(file)
            if tuple(next(reader, ())) != table.columns:
                detail = Detail("the first line must be {columns}", columns=",".join(table.columns))
                raise Refusal("EDX906", where=str(path), detail=detail)
            for cells in reader:
                try:
                    if len(cells) != len(table.columns):
                        raise ValueError(
                            Detail("{count} cells where {wanted} belong", count=len(cells), wanted=len(table.columns))
                        )
                    row = table.read(cells)
                    key = table.key(row)
                    if key in seen:
                        raise ValueError(Detail("{key} stands in an earlier row", key=cells[0]))
                except (ValueError, Refusal) as error:
                    wrong = error.finding.detail if isinstance(error, Refusal) else said(error)
                    where = f"{table.file} line {reader.line_num}"
                    findings.append(Finding("EDX905", where=where, detail=wrong))
                    continue
                seen.add(key)
                yield row
    except OSError as error:
        raise Refusal("EDX902", where=str(path), detail=in_words(error)) from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise Refusal("EDX906", where=str(path), detail=said(error)) from error


class _Merged(NamedTuple, Generic[Value]):
    """A table with new rows in it, by key, and those that were not there before."""

    rows: Mapping[Any, Value]
    changed: Sequence[Value]


def _merged(table: AgencyTable[Value], folder: Path, new: Iterable[Value]) -> _Merged[Value]:
    findings: list[Finding] = []
    present = {table.key(row): row for row in _read(table, folder, findings)}
    if findings:
        raise Refusal("EDX905", where=findings[0].where, detail=findings[0].detail)
    merged = present | {table.key(row): row for row in new}
    return _Merged(merged, [row for key, row in merged.items() if present.get(key) != row])


def _write(table: AgencyTable[Value], folder: Path, merged: _Merged[Value]) -> Iterator[str]:
    """Write a table anew if rows were added or changed; then yields its file name."""
    if not merged.changed:
        return
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(table.columns)
    writer.writerows(table.cells(merged.rows[key]) for key in sorted(merged.rows))
    _replace(folder / table.file, text.getvalue().encode())
    yield table.file


def _imported(folder: Path) -> dict[str, date]:
    """Raises Refusal EDX906 for a file that says something else."""
    path = folder / IMPORTED
    try:
        with path.open(encoding="utf-8", newline="") as file:
            return {code: date.fromisoformat(day) for code, day in csv.reader(file)}
    except OSError as error:
        raise Refusal("EDX902", where=str(path), detail=in_words(error)) from error
    except (ValueError, csv.Error) as error:
        raise Refusal("EDX906", where=str(path), detail=said(error)) from error


def _note_imported(folder: Path, codes: Iterable[str], day: str) -> None:
    known = _imported(folder) if (folder / IMPORTED).exists() else {}
    known |= dict.fromkeys(codes, date.fromisoformat(day) if day else date.min)
    text = "".join(f"{code},{known[code].isoformat()}\n" for code in sorted(known))
    _replace(folder / IMPORTED, text.encode())


def _facts(path: Path) -> dict[str, Any]:
    """The parts of a file's manifest that can be recomputed."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise Refusal("EDX902", where=str(path), detail=in_words(error)) from error
    # Lines stand for rows; the first is the header.
    return {"rows": max(0, data.count(b"\n") - 1), "sha256": hashlib.sha256(data).hexdigest()}


def _listed(folder: Path) -> dict[str, dict[str, Any]]:
    path = folder / MANIFEST
    if not path.exists():
        return {}
    try:
        return {entry["file"]: entry for entry in json.loads(path.read_bytes())["files"]}
    except OSError as error:
        raise Refusal("EDX902", where=str(path), detail=in_words(error)) from error
    except (ValueError, KeyError, TypeError) as error:
        raise Refusal("EDX906", where=str(path), detail=Detail("unreadable manifest")) from error


def _manifest(folder: Path, changed: Iterable[str], source: str, day: str) -> bytes:
    listed = _listed(folder)
    for name in changed:
        entry = listed.get(name, {"file": name, "source": "", "date": "", "notes": ""})
        sources = [part for part in (entry["source"], source) if part]
        merged = "; ".join(dict.fromkeys("; ".join(sources).split("; ")))
        listed[name] = entry | _facts(folder / name) | {"source": merged, "date": day}
    files = [listed[name] for name in sorted(listed)]
    return (json.dumps({"files": files}, ensure_ascii=False, indent=2) + "\n").encode()


@contextmanager
def _collector_paused() -> Iterator[None]:
    """None of the 150,000 new rows is garbage; scanning them repeatedly costs a fifth of the time."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


def _replace(path: Path, data: bytes) -> None:
    """Replace the file atomically; everybody may read it."""
    durable.write([(path, data)], mode=0o644)
