"""What responders (OCSP) have answered, in one file, and the certificates they are still to be asked about.

    rows = held(folder)                     # by the SHA-256 of the certificate
    keep(folder, rows.values())             # the process that asks, and no other
    note(folder, certificate)               # any process that met a certificate and knows nothing of it
    noted(folder); forget(folder, names)    # the process that asks

The file has a line for each certificate: when it was asked about, the certificate, the answer (both DER in base64).
It is replaced whole, so that every worker sees the same answers. A line that is damaged counts as missing: then nothing
is known until it is asked about again. Nothing here says that an answer is good. Raises OSError.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding

from edxml_router.disk import durable

MOST_NOTES: Final = 1000  # there may be more certificates below an anchor than anybody means to use
_NOTE: Final = ".cert"


@dataclass(frozen=True, slots=True)
class KeptAnswer:
    """A certificate, what was answered about it, and when it was asked."""

    certificate: bytes
    answer: bytes
    asked: datetime


def path_of(folder: Path) -> Path:
    """The file of the answers."""
    return folder / "answers"


def held(folder: Path) -> dict[bytes, KeptAnswer]:
    """All rows, who was met first coming first; none where there is no file."""
    try:
        lines = path_of(folder).read_bytes().splitlines()
    except FileNotFoundError:
        return {}
    rows = {}
    for line in lines:
        with suppress(ValueError):
            asked, certificate, answer = line.split(b" ")
            row = KeptAnswer(
                _decoded(certificate), _decoded(answer), datetime.fromisoformat(asked.decode()).astimezone(UTC)
            )
            rows[_name(row.certificate)] = row
    return rows


def keep(folder: Path, rows: Iterable[KeptAnswer]) -> None:
    """Write these rows in the place of all others; durable."""
    lines = [
        b" ".join((row.asked.isoformat().encode(), base64.b64encode(row.certificate), base64.b64encode(row.answer)))
        for row in rows
    ]
    durable.write([(path_of(folder), b"\n".join([*lines, b""]))])


def open_notes(folder: Path) -> None:
    """Make the folder for notes, so that it belongs to who runs the node."""
    durable.make_folder(folder / "met")


def note_met(folder: Path, certificate: x509.Certificate) -> None:
    """Remember that ``certificate`` was met. Not made durable, because whoever sent it comes again; and an error only
    means that it stays unknown."""
    path = _note(folder, digest_of(certificate))
    with suppress(OSError):
        if path.exists():
            return
        open_notes(folder)
        there = sorted(path.parent.glob(f"*{_NOTE}"), key=lambda each: each.stat().st_mtime_ns)
        for old in there[: max(0, len(there) + 1 - MOST_NOTES)]:
            old.unlink(missing_ok=True)
        under_way = durable.temporary(path.parent)
        under_way.write_bytes(certificate.public_bytes(Encoding.DER))
        under_way.replace(path)


def noted(folder: Path) -> Mapping[bytes, bytes]:
    """The certificates (DER) that were met, by their SHA-256."""
    try:
        paths = sorted((folder / "met").iterdir())
    except FileNotFoundError:
        return {}
    found = {}
    for path in paths:
        if path.suffix != _NOTE:
            continue
        try:
            certificate = path.read_bytes()
        except OSError:
            certificate = b""
        if path.stem == _name(certificate).hex():
            found[_name(certificate)] = certificate
        else:  # damaged, or left by an operator whose files others cannot read: it is noted again
            path.unlink(missing_ok=True)
    return found


def remove_notes(folder: Path, names: Iterable[bytes]) -> None:
    """Remove the notes of these."""
    for each in names:
        _note(folder, each).unlink(missing_ok=True)


def digest_of(certificate: x509.Certificate) -> bytes:
    """What a certificate goes by: its SHA-256."""
    return certificate.fingerprint(hashes.SHA256())


def _note(folder: Path, name: bytes) -> Path:
    return folder / "met" / f"{name.hex()}{_NOTE}"


def _name(der: bytes) -> bytes:
    return hashlib.sha256(der).digest()


def _decoded(text: bytes) -> bytes:
    return base64.b64decode(text, validate=True)
