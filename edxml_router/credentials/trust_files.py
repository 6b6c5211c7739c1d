"""The operator's trust in files: the table of bindings, changed line by line, authorities' certificates, and noticing
that a file changed.

    append(path, BindingRow(Act.BLOCK, "H53.02", since=now, reason="…"))
    end(path, Act.BIND, key, "H53.02", now)
    add_certificate(path, certificate)     # to a file of anchors or intermediates
    marks = fingerprint(paths)             # differs after any change: the running node reads its rules again

Remarks and the order of lines stay as they are. Two changes at once wait for each other. Fails with
:class:`Refusal` EDX606 (nothing to end), EDX901 (the table is wrong), EDX902, EDX908.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from datetime import datetime
from pathlib import Path

from cryptography import x509

from edxml_router.core.detail import Detail
from edxml_router.core.problems import Refusal
from edxml_router.core.trust.bindings import COLUMNS, Act, BindingRow, Bindings, read_row, write_row
from edxml_router.core.trust.certificate import read_all, write_pem
from edxml_router.core.wording import in_words
from edxml_router.credentials.keys import write_over
from edxml_router.disk import locks

Fingerprint = tuple[tuple[int, int, int, int] | None, ...]


def read(path: Path) -> Bindings:
    """The table; an empty one where the file does not exist yet."""
    return Bindings.from_csv("\n".join(_lines(path)).encode(), str(path))


def blocks(path: Path) -> tuple[BindingRow, ...]:
    """The blocks in a table that may have mistakes; nothing from a file that cannot be read."""
    return tuple(row for row in legible(path) if row.act is Act.BLOCK)


def legible(path: Path) -> tuple[BindingRow, ...]:
    """The rows without a mistake; nothing from a file that cannot be read."""
    try:
        text = path.read_text(encoding="utf-8-sig", errors="replace")
    except OSError:
        return ()
    rows = (_row(line) for line in text.splitlines())
    return tuple(row for row in rows if row is not None)


def append(path: Path, row: BindingRow) -> BindingRow:
    """Add a row; the file is made where there is none. A row that says as much and is there already stays alone, and
    is returned instead.

    A block is added to a table with mistakes too: a running node applies it (:func:`blocks`), and it must not wait
    until somebody has found them."""
    with _alone(path):
        lines = _lines(path) or [",".join(COLUMNS)]
        for there in map(_row, lines):
            if there is not None and _covers(there, row):
                return there
        _write(path, [*lines, write_row(row)], checked=row.act is not Act.BLOCK)
    return row


def _covers(there: BindingRow, row: BindingRow) -> bool:
    same = (there.act, there.subject, there.agency) == (row.act, row.subject, row.agency)
    return same and there.since <= row.since and row.until <= there.until


def end(path: Path, act: Act, subject: str, agency: str, at: datetime) -> None:
    """End every row of this act, subject and agency that is not over at ``at``; EDX606 if there is none.

    A row that would only have begun later is taken out.
    """
    with _alone(path):
        ended = 0
        lines: list[str] = []
        for line in _lines(path):
            row = _row(line)
            if row is None or (row.act, row.subject, row.agency) != (act, subject, agency) or row.until <= at:
                lines.append(line)
                continue
            ended += 1
            if row.since < at:
                lines.append(write_row(replace(row, until=at)))
        if not ended:
            what = f"{act} {subject} {agency}".strip()
            raise Refusal(
                "EDX606", where=what, detail=Detail("`edxml-router trust list` shows what is in {path}", path=path)
            )
        _write(path, lines)


def fingerprint(paths: Iterable[Path]) -> Fingerprint:
    """What changes when a file is written, replaced, made or removed."""
    return tuple(_stamp(path) for path in paths)


def _stamp(path: Path) -> tuple[int, int, int, int] | None:
    try:
        status = path.stat()
    except OSError:
        return None
    # The time of the last change of mode or owner too: then it may have become readable.
    return status.st_mtime_ns, status.st_ctime_ns, status.st_size, status.st_ino


def _row(line: str) -> BindingRow | None:
    try:
        return read_row(line)
    except ValueError:
        return None  # kept as it is; writing names it with all other mistakes


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text(encoding="utf-8-sig").splitlines()
    except FileNotFoundError:
        return []
    except UnicodeDecodeError as error:
        raise Refusal("EDX901", where=str(path), detail=Detail("not UTF-8")) from error
    except OSError as error:
        raise Refusal("EDX902", where=str(path), detail=in_words(error)) from error


def add_certificate(path: Path, certificate: x509.Certificate) -> bool:
    """Add a certificate at the end of a file, which is made where there is none and becomes PEM if it is not; False if
    it is there already."""
    with _alone(path):
        try:
            data = path.read_bytes() if path.exists() else b""
        except OSError as error:
            raise Refusal("EDX902", where=str(path), detail=in_words(error)) from error
        there = read_all(data, str(path)) if data.strip() else ()
        if certificate in there:
            return False
        if there and b"-----BEGIN " not in data:  # DER or PKCS#7, behind which nothing can be put
            data = write_pem(there)
        write_over(path, data + (b"" if data.endswith(b"\n") or not data else b"\n") + write_pem([certificate]))
    return True


def _write(path: Path, lines: Sequence[str], *, checked: bool = True) -> None:
    """Otherwise only a table that can be read is written: the node would keep its old rules."""
    data = ("\n".join(lines) + "\n").encode()
    if checked:
        Bindings.from_csv(data, str(path))
    write_over(path, data)


@contextmanager
def _alone(path: Path) -> Iterator[None]:
    """The folder is locked, not the file: the file is replaced."""
    with ExitStack() as stack:
        try:
            stack.enter_context(locks.folder_locked(path.parent))
        except OSError as error:
            raise Refusal("EDX908", where=str(path), detail=in_words(error)) from error
        yield
