"""An envelope between a node and an office that travels in chunks: the manifest that follows them.

The chunks are those of a link (:class:`edxml_router.core.link.wire.Chunk`). What follows them has a kind of its own,
``submit-chunks`` from an office and ``envelope-chunks`` to one: a program that does not know chunks must not take a
manifest for the envelope. Unreadable ones raise Refusal EDX704.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from edxml_router.core.link.manifest import LIST_LIMIT, VERSION, digest, line, read_fields, read_number, split
from edxml_router.core.link.wire import Transfer

FROM_OFFICE: Final = "submit-chunks"
TO_OFFICE: Final = "envelope-chunks"


@dataclass(frozen=True, slots=True)
class ChunkedEnvelope:
    """Which envelope the chunks make up, and how many there are."""

    envelope: str  # SHA-256, hex
    size: int  # bytes of the whole
    chunks: int

    def transfer(self, at: datetime) -> Transfer:
        """As a transfer in chunks over a link, without recipients: they are read from the envelope."""
        return Transfer(self.envelope, self.envelope, self.size, (), 0, (), at, chunks=self.chunks, sent_at=at)


def encode_chunked(announced: ChunkedEnvelope) -> bytes:
    return line(
        {"v": VERSION, "envelope": announced.envelope, "size": announced.size, "chunks": announced.chunks}
    )


def decode_chunked(data: bytes) -> ChunkedEnvelope:
    fields, _ = split(data if data.endswith(b"\n") else data + b"\n")
    return read_fields(
        lambda: ChunkedEnvelope(
            digest(fields["envelope"]), read_number(fields["size"]), read_number(fields["chunks"], LIST_LIMIT)
        )
    )
