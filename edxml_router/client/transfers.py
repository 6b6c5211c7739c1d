"""Letters on their way, of which a part may have arrived: :class:`Download` into a file, :class:`EnvelopeUpload`."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from edxml_router.client.calls import GatewayCall, pieces, quoted

PART: Final = "application/partial-upload"


class Download:
    """A letter on its way into a file: what has come is kept beside it, and the next attempt goes on behind that.

    The file has its name once it is whole and its digest is right.
    """

    def __init__(self, letter: str, folder: Path) -> None:
        self._digest = letter[:64]
        self.path = folder / f"{letter}.edxml"
        self._partial = folder / f"{letter}.partial"
        self._call_path = f"/v1/inbox/{quoted(letter)}"

    @property
    def done(self) -> int:
        """Bytes that are here."""
        return self._partial.stat().st_size if self._partial.exists() else 0

    def call(self) -> GatewayCall:
        """What is asked for next."""
        headers: Mapping[str, str] = {}
        if self.done:
            headers = {"range": f"bytes={self.done}-", "if-range": f'"sha-256:{self._digest}"'}
        return GatewayCall("GET", self._call_path, headers=headers, into=self)

    def begin(self, status: int) -> None:
        """What follows goes behind what is here (206), or is the whole (200)."""
        if status != 206:
            self._partial.unlink(missing_ok=True)

    def write(self, piece: bytes) -> None:
        with self._partial.open("ab") as file:
            file.write(piece)

    def finish(self) -> Path:
        """The file under its name. Raises ValueError, and begins anew, where it is not what the letter's name says."""
        digest = hashlib.sha256()
        for piece in pieces(self._partial):
            digest.update(piece)
        if digest.hexdigest() != self._digest:
            self._partial.unlink()
            raise ValueError("what came is not the letter that was asked for")
        self._partial.replace(self.path)
        return self.path


@dataclass(frozen=True, slots=True)
class EnvelopeUpload:
    """An envelope that is handed in, and how its digest and size are told (RFC 9530; the uploads are those of
    draft-ietf-httpbis-resumable-upload-15)."""

    envelope: bytes | Path
    digest: bytes
    size: int

    @classmethod
    def of(cls, envelope: bytes | Path) -> EnvelopeUpload:
        digest, size = hashlib.sha256(), 0
        for piece in pieces(envelope):
            digest.update(piece)
            size += len(piece)
        return cls(envelope, digest.digest(), size)

    def whole(self) -> GatewayCall:
        """All at once, under its digest, so that it may be repeated: what was accepted is not sent again."""
        headers = {
            "content-type": "application/xml",
            "content-length": str(self.size),
            "content-digest": self._field,
        }
        return GatewayCall("PUT", f"/v1/envelopes/{self.digest.hex()}", headers=headers, content=self.envelope)

    def begin(self) -> GatewayCall:
        """With nothing, so that nothing is lost when the answer, which says where it is, does not come."""
        headers = {
            "content-type": "application/xml",
            "content-length": "0",
            "upload-complete": "?0",
            "upload-length": str(self.size),
            "repr-digest": self._field,
        }
        return GatewayCall("POST", "/v1/envelopes", headers=headers)

    def rest(self, place: str, offset: int) -> GatewayCall:
        """All that is not there yet; nothing, where only the answer did not come."""
        headers = {
            "content-type": PART,
            "content-length": str(self.size - offset),
            "upload-offset": str(offset),
            "upload-complete": "?1",
        }
        return GatewayCall("PATCH", place, headers=headers, content=self.envelope, offset=offset)

    @property
    def _field(self) -> str:
        return f"sha-256=:{base64.b64encode(self.digest).decode()}:"
