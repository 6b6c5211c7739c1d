"""Letters that wait until their office has signed them.

    waiting = unsigned.keep("vp", data, "rsa-sha256", Coverage.WHOLE, now)
    data = unsigned.signed("vp", waiting.name, value, chain, now, limits)     # to be handed in
    unsigned.drop("vp", waiting.name)                                           # once it was accepted

They are files of the node's data folder, for a day; then the gateway sweeps them, and so does the next that its office
leaves here. Each office may have so many, and so many bytes, waiting: Setback
EDX434. What is not there, not this office's or too old is Refusal EDX433; Setback EDX601, EDX622 for the disk.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from cryptography import x509

from edxml_router.core.detail import Detail
from edxml_router.core.problems import Refusal, Setback
from edxml_router.core.signature import signing
from edxml_router.core.signature.form import Coverage
from edxml_router.core.wording import in_words
from edxml_router.core.xml.safe_xml import Limits
from edxml_router.disk import durable

LIFETIME: Final = timedelta(days=1)
MOST: Final = 500  # letters of one office
MOST_BYTES: Final = 1024 * 1024 * 1024
_FOLDER: Final = "unsigned"
_NAME: Final = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class UnsignedLetter:
    """A letter that waits. ``signed_info``: the bytes to be signed with ``algorithm``."""

    name: str
    algorithm: str
    coverage: Coverage
    signed_info: bytes
    expires_at: datetime

    @property
    def digest(self) -> bytes:
        """Of the bytes to be signed, for tokens that sign a digest."""
        return hashlib.new(self.algorithm.rpartition("-")[2], self.signed_info).digest()


@dataclass(frozen=True, slots=True)
class _Terms:
    algorithm: str
    coverage: str
    until: str


class UnsignedLetters:
    """Those of one node; each office sees its own."""

    def __init__(self, data: Path) -> None:
        self._folder = data / _FOLDER

    def keep(
        self, office: str, data: bytes, algorithm: str, coverage: Coverage, now: datetime, limits: Limits
    ) -> UnsignedLetter:
        """The letter waits from now on; it is on disk when this returns."""
        info = signing.to_sign(data, algorithm, coverage, limits)
        name = hashlib.sha256(info + data).hexdigest()
        self._make_room(office, len(data), now)
        until = now + LIFETIME
        terms = json.dumps(asdict(_Terms(algorithm, str(coverage), until.isoformat()))).encode()
        try:
            # The terms last: without them there is no letter.
            durable.write([(self._file(office, name, "edxml"), data), (self._file(office, name, "json"), terms)])
        except OSError as error:
            raise Setback("EDX622", where=str(self._folder), detail=in_words(error)) from error
        return UnsignedLetter(name, algorithm, coverage, info, until)

    def signed(
        self,
        office: str,
        name: str,
        value: bytes,
        chain: Sequence[x509.Certificate],
        now: datetime,
        limits: Limits,
    ) -> bytes:
        """The letter with its signature. It goes on waiting until :meth:`drop`, so that a wrong value is no loss."""
        terms, data = self._read(office, name, now)
        return signing.with_value(data, terms.algorithm, value, chain, Coverage(terms.coverage), limits)

    def drop(self, office: str, name: str) -> None:
        """It is not needed any more. Idempotent."""
        for kind in ("json", "edxml"):
            with suppress(OSError):
                self._file(office, name, kind).unlink()

    def sweep(self, now: datetime) -> int:
        """Whatever has run out goes, of all offices; how many letters that were."""
        count = 0
        for folder in self._folder.iterdir() if self._folder.is_dir() else ():
            gone: set[str] = set()
            for path in folder.iterdir() if folder.is_dir() and not folder.is_symlink() else ():
                with suppress(OSError):  # also one half of a letter, which a crash has left
                    if _NAME.fullmatch(path.stem) and path.stat().st_mtime < (now - LIFETIME).timestamp():
                        gone.add(path.stem)
            for name in gone:
                self.drop(folder.name, name)
            count += len(gone)
        return count

    def _read(self, office: str, name: str, now: datetime) -> tuple[_Terms, bytes]:
        if _NAME.fullmatch(name):
            with suppress(OSError, ValueError, TypeError):
                terms = _Terms(**json.loads(self._file(office, name, "json").read_bytes()))
                if datetime.fromisoformat(terms.until) > now:
                    return terms, self._file(office, name, "edxml").read_bytes()
        raise Refusal("EDX433", where=name[:150])

    def _make_room(self, office: str, size: int, now: datetime) -> None:
        """What has run out goes; then there must be room."""
        folder = self._folder / office
        count = total = 0
        for path in folder.glob("*.edxml") if folder.is_dir() else ():
            with suppress(OSError):
                status = path.stat()
                if status.st_mtime < (now - LIFETIME).timestamp():
                    self.drop(office, path.stem)
                else:
                    count, total = count + 1, total + status.st_size
        if count >= MOST or total + size > MOST_BYTES:
            detail = Detail("{count} letters, {size} bytes", count=count, size=total)
            raise Setback("EDX434", where=office, detail=detail)

    def _file(self, office: str, name: str, kind: str) -> Path:
        return self._folder / office / f"{name}.{kind}"

