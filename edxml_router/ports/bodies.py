"""The bytes of accepted envelopes.

An adapter keeps these promises or raises; a driver's own exception never crosses a port: it becomes a Setback (passing)
or a Defect. One contract suite runs on every adapter. All times are aware datetimes in UTC.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
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
