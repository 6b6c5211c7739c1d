"""The bytes of a document in transit: small ones in memory, large ones on disk, both read alike.

    for piece in body.pieces(): …
    body.whole()                    # of what is known to be small, or goes out in one message
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import Final, Protocol

PIECE_BYTES: Final = 1024 * 1024


class Body(Protocol):
    """A document that can be read any number of times and that nobody else can change.

        A body on disk raises Setback EDX601 or EDX622 when the disk fails.
    """

    @property
    def digest(self) -> str:
        """SHA-256 of the bytes, hex: the identity of an envelope."""

    @property
    def size(self) -> int:
        """In bytes."""

    @property
    def held(self) -> bytes | None:
        """The bytes, if they are in memory; None for a body on disk."""

    def __len__(self) -> int: ...

    def pieces(self, start: int = 0, stop: int | None = None) -> Iterator[bytes]:
        """The bytes from ``start`` up to ``stop``, in order, in non-empty pieces."""

    def whole(self) -> bytes:
        """The whole document, in memory."""

    def discard(self) -> None:
        """Release it; a staged file stays on disk. Idempotent."""


class MemoryBody:
    """A :class:`Body` in memory."""

    __slots__ = ("_digest", "held")

    def __init__(self, data: bytes, digest: str = "") -> None:
        self.held: bytes = data
        self._digest = digest

    def __eq__(self, other: object) -> bool:
        return isinstance(other, MemoryBody) and self.held == other.held

    def __hash__(self) -> int:
        return hash(self.held)

    @property
    def digest(self) -> str:
        if not self._digest:
            self._digest = hashlib.sha256(self.held).hexdigest()
        return self._digest

    @property
    def size(self) -> int:
        return len(self.held)

    def __len__(self) -> int:
        return len(self.held)

    def pieces(self, start: int = 0, stop: int | None = None) -> Iterator[bytes]:
        end = self.size if stop is None else stop
        for at in range(start, end, PIECE_BYTES):
            yield self.held[at : min(at + PIECE_BYTES, end)]

    def whole(self) -> bytes:
        return self.held

    def discard(self) -> None:
        return None


NOTHING: Final = MemoryBody(b"")
