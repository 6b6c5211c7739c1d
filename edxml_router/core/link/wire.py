"""What travels on a link, version ``edx/1``: a transfer, its chunks, receipts, and inquiries.

A message's body is one line of JSON (the manifest), a line feed, and then the envelope's bytes, untouched.
The manifest is in the body and not in AMQP headers because a header frame holds 128 KiB at most, and a circular
to ten thousand communes does not fit. See docs/protocol.md. Unreadable messages raise Refusal EDX704.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Final, NamedTuple

from edxml_router.core.detail import Detail
from edxml_router.core.link import manifest
from edxml_router.core.link.manifest import LIST_LIMIT, TEXT_LIMIT, VERSION, instant
from edxml_router.core.link.statement import OWN, Evidence, evidence_fields, read_evidence
from edxml_router.core.problems import PROBLEMS, Refusal

HOPS_LIMIT: Final = 16  # nodes; the tree has four levels: three nodes up and three down besides the highest
NAME_LIMIT: Final = 64  # characters of a node's name
RECEIPTS_LIMIT: Final = 8 * 1024 * 1024  # bytes of a message of receipts, which is nothing but a manifest
CERTIFICATES_LIMIT: Final = 4  # of the signer and those above it, shown with receipts
CERTIFICATE_LIMIT: Final = 16 * 1024  # characters of one, in base64
RECEIPTS_TOGETHER: Final = 1000  # receipts of one message: be their texts as long as they may, it is not too large
GENERATION_LIMIT: Final = 1_000_000  # more than any operator resends, less than what a column of 32 bits holds
_NO_NAME: Final = Detail("a letter is named by its SHA-256 and its recipient, as the inbox shows it")


@dataclass(frozen=True, slots=True)
class Hop:
    """A node that took the envelope, and when it did."""

    node: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Transfer:
    """One envelope over one link, with the recipients that live behind that link.

    ``generation`` counts the operator's resends: the far side opens an ended delivery again only for a higher
    one, so that a late repeat of an old transfer never does. ``chunks`` is 0 when the body is in the message.

    ``expires_at`` and ``sent_at`` are of the sender's clock, and only the time between them counts: how much was left.
    """

    id: str
    envelope: str  # SHA-256 of the body, hex: the envelope's identity on every node
    size: int
    recipients: tuple[str, ...]
    generation: int
    hops: tuple[Hop, ...]
    expires_at: datetime
    urgent: bool = False
    chunks: int = 0
    sent_at: datetime | None = None  # None from a node of an older version

    @property
    def dated_at(self) -> datetime:
        """The latest that the sender's clock says of itself."""
        return self.sent_at or self.hops[-1].at

    @property
    def left(self) -> timedelta:
        """How much of its lifetime was left when it was sent; never below nothing."""
        return max(self.expires_at - self.dated_at, timedelta())


@dataclass(frozen=True, slots=True)
class Chunk:
    """A numbered piece of a large body; ``digest`` is the SHA-256 of this piece."""

    envelope: str
    number: int  # 0 … count - 1
    count: int
    size: int  # of the whole body
    digest: str


@dataclass(frozen=True, slots=True)
class Inquiry:
    """What became of these? Asked when a final receipt is overdue; answered with receipts from the state."""

    envelope: str
    recipients: tuple[str, ...]
    generation: int


class ReceiptOutcome(StrEnum):
    """What a receipt says about one delivery. ``accepted``: the far node has committed it."""

    ACCEPTED = "accepted"
    CONFIRMED = "confirmed"
    RETURNED = "returned"
    EXPIRED = "expired"
    CANCELLED = "cancelled"
    UNKNOWN = "unknown"  # answer to an inquiry about something never committed here


# The outcomes with which a delivery has ended.
ENDS: Final = frozenset(
    {ReceiptOutcome.CONFIRMED, ReceiptOutcome.RETURNED, ReceiptOutcome.EXPIRED, ReceiptOutcome.CANCELLED}
)


@dataclass(frozen=True, slots=True)
class Receipt:
    """The outcome of one delivery, on its way back to the sender."""

    envelope: str
    recipient: str
    generation: int
    outcome: ReceiptOutcome
    at: datetime
    code: str = ""
    detail: str = ""
    hops: tuple[Hop, ...] = ()
    evidence: Evidence = OWN


def letter_name(envelope: str, recipient: str) -> str:
    """What an office knows a letter by: the envelope's digest and the agency that it is for, "9f…31.H53.31.22".

    It names the letter and not a row: a row's number is given again after a restored back-up, and then the
    confirmation of one letter would end another that nobody has. The whole digest, because of a part of it a sender
    could make two letters with one name.
    """
    return f"{envelope}.{recipient}"


def read_letter_name(text: str) -> tuple[str, str]:
    """The digest and the recipient that make up a name. Raises Refusal EDX606 for what is no such name."""
    envelope, dot, recipient = text.partition(".")
    try:
        if not dot or not recipient:
            raise ValueError
        return manifest.digest(envelope), manifest.read_text(recipient, NAME_LIMIT)
    except (TypeError, ValueError) as error:
        raise Refusal("EDX606", where=text[:150], detail=_NO_NAME) from error


class Report(NamedTuple):
    """A message of receipts: what it says, the bytes that are signed, the signature (base64, empty without one), and
    the certificates (DER) that the signer shows, its own first. What is shown proves nothing by itself."""

    receipts: tuple[Receipt, ...]
    signed: bytes
    signature: str
    certificates: tuple[bytes, ...] = ()
    chains: tuple[tuple[bytes, ...], ...] = ()  # likewise, of those who signed the outcomes


@dataclass(frozen=True, slots=True)
class Objection:
    """Why the receiver's receipts cannot be counted here; with an empty ``code`` they count again."""

    code: str
    detail: str


def encode_transfer(transfer: Transfer, body: bytes = b"") -> bytes:
    return (
        manifest.line(
            {
                "v": VERSION,
                "transfer": transfer.id,
                "envelope": transfer.envelope,
                "size": transfer.size,
                "recipients": list(transfer.recipients),
                "generation": transfer.generation,
                "hops": _hops(transfer.hops),
                "expires": instant(transfer.expires_at),
                "urgent": transfer.urgent,
                "chunks": transfer.chunks,
                **({"sent": instant(transfer.sent_at)} if transfer.sent_at else {}),
            }
        )
        + body
    )


def decode_transfer(data: bytes) -> tuple[Transfer, bytes]:
    """The manifest and the envelope's bytes (empty when they travel as chunks)."""
    fields, body = manifest.split(data)
    return manifest.read_fields(
        lambda: Transfer(
            manifest.read_text(fields["transfer"]),
            manifest.digest(fields["envelope"]),
            manifest.read_number(fields["size"]),
            manifest.read_texts(fields["recipients"]),
            manifest.read_number(fields["generation"], GENERATION_LIMIT),
            _read_hops(fields["hops"]),
            manifest.read_moment(fields["expires"]),
            bool(fields["urgent"]),
            manifest.read_number(fields["chunks"], LIST_LIMIT),
            manifest.read_moment(fields["sent"]) if "sent" in fields else None,
        )
    ), body


def encode_chunk(chunk: Chunk, piece: bytes) -> bytes:
    return (
        manifest.line(
            {
                "v": VERSION,
                "envelope": chunk.envelope,
                "number": chunk.number,
                "count": chunk.count,
                "size": chunk.size,
                "digest": chunk.digest,
            }
        )
        + piece
    )


def decode_chunk(data: bytes) -> tuple[Chunk, bytes]:
    """The manifest and its piece, which is the one described, and no longer than it may be.

    Pieces are of one length but for the last, so all of them together stay below twice the size of the body.
    """
    fields, piece = manifest.split(data)
    chunk = manifest.read_fields(
        lambda: Chunk(
            manifest.digest(fields["envelope"]),
            manifest.read_number(fields["number"]),
            manifest.read_number(fields["count"], LIST_LIMIT),
            manifest.read_number(fields["size"]),
            manifest.digest(fields["digest"]),
        )
    )
    if not chunk.number < chunk.count:
        raise Refusal(
            "EDX704", where="number", detail=Detail("chunk {number} of {count}", number=chunk.number, count=chunk.count)
        )
    if len(piece) * max(1, chunk.count - 1) > chunk.size:
        detail = Detail(
            "{length} bytes in one of {count} pieces of {size}", length=len(piece), count=chunk.count, size=chunk.size
        )
        raise Refusal("EDX704", where="size", detail=detail)
    if hashlib.sha256(piece).hexdigest() != chunk.digest:
        raise Refusal("EDX704", where="digest", detail=Detail("not the piece that the manifest names"))
    return chunk, piece


def encode_inquiry(inquiry: Inquiry) -> bytes:
    return manifest.line(
        {
            "v": VERSION,
            "envelope": inquiry.envelope,
            "recipients": list(inquiry.recipients),
            "generation": inquiry.generation,
        }
    )


def decode_inquiry(data: bytes) -> Inquiry:
    fields, _ = manifest.split(data)
    return manifest.read_fields(
        lambda: Inquiry(
            manifest.digest(fields["envelope"]),
            manifest.read_texts(fields["recipients"]),
            manifest.read_number(fields["generation"], GENERATION_LIMIT),
        )
    )


def encode_receipts(
    receipts: tuple[Receipt, ...],
    sign: Callable[[bytes], str] | None = None,
    certificates: Sequence[bytes] = (),
    chains: Iterable[Sequence[bytes]] = (),
) -> bytes:
    """The receipts as one line of JSON, then one line with the node's signature over the first (or nothing).

    ``sign`` takes the bytes of the first line without its line feed and returns text. ``certificates`` (DER) are shown
    beside the receipts: the signer's, then those above it; and ``chains``, those of who signed the outcomes.
    """
    shown = _shown(certificates)
    others = list(map(_shown, chains))
    line = manifest.line(
        {
            "v": VERSION,
            "receipts": [
                {
                    "envelope": item.envelope,
                    "recipient": item.recipient,
                    "generation": item.generation,
                    "outcome": str(item.outcome),
                    "at": instant(item.at),
                    "code": item.code,
                    "detail": _sendable(item.detail),
                    "hops": _hops(item.hops[:HOPS_LIMIT]),  # or one trail makes all of its message unreadable
                    **evidence_fields(item.evidence),
                }
                for item in receipts
            ],
            # In the signed line, where a node that does not know them passes over them.
            **({"certificates": shown} if shown else {}),
            **({"chains": others} if others else {}),
        }
    )
    return line + (sign(line[:-1]).encode() if sign else b"")


def decode_receipts(data: bytes) -> Report:
    """The receipts and what is to prove them.

    A problem's code that only a newer version knows stands in the detail: nobody here could explain it.
    """
    fields, signature = manifest.split(data, RECEIPTS_LIMIT)
    receipts = manifest.read_fields(
        lambda: tuple(
            Receipt(
                manifest.digest(item["envelope"]),
                manifest.read_text(item["recipient"]),
                manifest.read_number(item["generation"], GENERATION_LIMIT),
                ReceiptOutcome(item["outcome"]),
                manifest.read_moment(item["at"]),
                *_reason(manifest.read_text(item.get("code", "")), manifest.read_text(item.get("detail", ""))),
                _read_hops(item.get("hops", [])),
                read_evidence(item),
            )
            for item in manifest.read_list(fields["receipts"])
        )
    )
    certificates = fields.get("certificates", [])
    shown = manifest.read_fields(lambda: _certificates(certificates))
    chains = manifest.read_fields(lambda: tuple(map(_certificates, manifest.read_list(fields.get("chains", [])))))
    signed = manifest.read_fields(lambda: signature.decode("ascii"))
    return Report(receipts, data[: data.find(b"\n")], signed, shown, chains)


def encode_objection(objection: Objection) -> bytes:
    return manifest.line({"v": VERSION, "objection": objection.code, "detail": _sendable(objection.detail)})


def decode_objection(data: bytes) -> Objection:
    fields, _ = manifest.split(data)
    return manifest.read_fields(
        lambda: Objection(manifest.read_text(fields["objection"], 20), manifest.read_text(fields["detail"]))
    )


def _shown(certificates: Sequence[bytes]) -> list[str]:
    return [base64.b64encode(each).decode() for each in certificates[:CERTIFICATES_LIMIT]]


def _certificates(value: Any) -> tuple[bytes, ...]:
    return tuple(map(_certificate, manifest.read_list(value, CERTIFICATES_LIMIT)))


def _certificate(value: Any) -> bytes:
    return base64.b64decode(manifest.read_text(value, CERTIFICATE_LIMIT), validate=True)


def _sendable(detail: str) -> str:
    """What :func:`manifest.read_text` takes: one odd detail must not make the others of its message unreadable."""
    return detail.replace("\0", "\ufffd")[:TEXT_LIMIT]


def _reason(code: str, detail: str) -> tuple[str, str]:
    return (code, detail) if not code or code in PROBLEMS else ("", f"{code}: {detail}"[:TEXT_LIMIT])


def _hops(hops: tuple[Hop, ...]) -> list[list[str]]:
    return [[hop.node, instant(hop.at)] for hop in hops]


def _read_hops(value: Any) -> tuple[Hop, ...]:
    hops = manifest.read_list(value, HOPS_LIMIT)
    return tuple(Hop(manifest.read_text(node, NAME_LIMIT), manifest.read_moment(at)) for node, at in hops)
