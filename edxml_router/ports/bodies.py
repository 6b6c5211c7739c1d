"""The bytes of accepted envelopes.

An adapter keeps these promises or raises; a driver's own exception never crosses a port: it becomes a Setback (passing)
or a Defect. One contract suite runs on every adapter. All times are aware datetimes in UTC.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Protocol

from edxml_router.core.body import Body
from edxml_router.core.link.wire import Chunk, Transfer


class Bodies(Protocol):
    """The documents by digest. Small ones live in the database, large ones in files."""

    def receive(self, pieces: Iterable[bytes]) -> Body:
        """Store a document that arrives in pieces. Nothing refers to it yet, and it may be gone after a crash.

        The caller discards it in the end. Raises Setback EDX601 or EDX622, and whatever ``pieces`` raises.
        """

    def stage(self, bodies: Mapping[str, Body]) -> None:
        """Write the large ones among these durably, before the transaction that refers to them.

        A crash leaves an unreferenced file, which the sweep removes. Raises Setback EDX601 when the disk is
        full or below the reserve.
        """

    def read(self, digests: Iterable[str]) -> Mapping[str, bytes]:
        """The bytes, each checked against its digest; one that is damaged or missing is left out."""

    def open(self, digests: Iterable[str]) -> Mapping[str, Body]:
        """Like :meth:`read`, but bodies larger than ``skeleton.LARGE`` stay on disk; they are checked too.

        Discarding such a body removes nothing.
        """

    def keep_chunk(self, peer: str, chunk: Chunk, piece: bytes, quota: int) -> bool:
        """Keep a piece of a body that ``peer`` sends in chunks (durable, idempotent), or answer False.

        False means that the bodies begun by this peer would take more than ``quota`` bytes once complete.
        """

    def assembled(self, peer: str, transfer: Transfer) -> Body | None:
        """The whole body, once all chunks are here and the digest matches; None while some are missing.

        On disk when it is larger than ``skeleton.LARGE``; the caller discards it in the end.

        Chunks that add up to another digest are dropped, with None as the answer: they will be sent again.
        """

    def remove(self, digests: Iterable[str], older_than: timedelta, now: datetime) -> None:
        """Let go of the files of these, as far as no row refers to them any more and nobody has touched them for
        ``older_than``. A crash before leaves them to the sweep."""

    def drop_chunks(self, peer: str, envelope: str) -> None:
        """The pieces are no longer needed."""


class Damages(Protocol):
    """The part of a book about bodies that no longer are what their digests say, until they are mended."""

    def note(self, digests: Iterable[str], now: datetime) -> Sequence[str]:
        """These cannot be read. Returns those of which that is news, which it journals."""

    def claim(self, now: datetime, limit: int) -> Sequence[str]:
        """Those whose turn it is to be asked for; they are not claimed again for a pause that grows."""

    def open(self, digest: str) -> bool:
        """Whether this one is damaged, as far as is known."""

    def mend(self, digest: str, size: int, data: bytes | None, now: datetime, actor: str) -> None:
        """It is whole again, by ``actor``; ``data`` are its bytes where they are kept in the database and not in a
        file. Journalled."""
