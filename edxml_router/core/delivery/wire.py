"""What travels on a link, version ``edx/1``: a transfer, its chunks, receipts, and inquiries.

A message's body is one line of JSON (the manifest), a line feed, and then the envelope's bytes, untouched.
The manifest is in the body and not in AMQP headers because a header frame holds 128 KiB at most, and a circular
to ten thousand communes does not fit. See docs/protocol.md. Unreadable messages raise Refusal EDX704.

A neighbour may be hostile, or broken: what is decoded here fits everywhere behind. Numbers fit the columns of a
database, instants are in UTC, texts can be stored, lists are no longer than what a node of this version sends.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, Final, NamedTuple, TypeVar

from edxml_router.core.delivery.journal import instant
from edxml_router.core.problems import PROBLEMS, Refusal

T = TypeVar("T")

VERSION: Final = "edx/1"
MANIFEST_LIMIT: Final = 4 * 1024 * 1024  # bytes; ten thousand recipients of 35 characters need 0.4 MiB
LIST_LIMIT: Final = 10_000  # recipients, receipts or chunks of one message
HOPS_LIMIT: Final = 16  # nodes; the tree has four levels: three nodes up and three down besides the highest
NAME_LIMIT: Final = 64  # characters of a node's name
TEXT_LIMIT: Final = 1000  # characters of any other text
RECEIPTS_LIMIT: Final = 16 * 1024 * 1024  # bytes of a message of receipts, which is nothing but a manifest
CERTIFICATES_LIMIT: Final = 4  # of the signer and those above it, shown with receipts
CERTIFICATE_LIMIT: Final = 16 * 1024  # characters of one, in base64
RECEIPTS_TOGETHER: Final = 1000  # receipts of one message: be their texts as long as they may, it is not too large
GENERATION_LIMIT: Final = 1_000_000  # more than any operator resends, less than what a column of 32 bits holds
_NO_NAME: Final = "a letter is named by its SHA-256 and its recipient, as the inbox shows it"


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


class Outcome(StrEnum):
    """What a receipt says about one delivery. ``accepted``: the far node has committed it."""

    ACCEPTED = "accepted"
    CONFIRMED = "confirmed"
    RETURNED = "returned"
    EXPIRED = "expired"
    CANCELLED = "cancelled"
    UNKNOWN = "unknown"  # answer to an inquiry about something never committed here


@dataclass(frozen=True, slots=True)
class Receipt:
    """The outcome of one delivery, on its way back to the sender."""

    envelope: str
    recipient: str
    generation: int
    outcome: Outcome
    at: datetime
    code: str = ""
    detail: str = ""
    hops: tuple[Hop, ...] = ()


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
        return _digest(envelope), _text(recipient, NAME_LIMIT)
    except (TypeError, ValueError) as error:
        raise Refusal("EDX606", where=text[:150], detail=_NO_NAME) from error


class Report(NamedTuple):
    """A message of receipts: what it says, the bytes that are signed, the signature (base64, empty without one), and
    the certificates (DER) that the signer shows, its own first. What is shown proves nothing by itself."""

    receipts: tuple[Receipt, ...]
    signed: bytes
    signature: str
    certificates: tuple[bytes, ...] = ()


@dataclass(frozen=True, slots=True)
class Objection:
    """Why the receiver's receipts cannot be counted here; with an empty ``code`` they count again."""

    code: str
    detail: str


def encode_transfer(transfer: Transfer, body: bytes = b"") -> bytes:
    return (
        _line(
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
            }
        )
        + body
    )


def decode_transfer(data: bytes) -> tuple[Transfer, bytes]:
    """The manifest and the envelope's bytes (empty when they travel as chunks)."""
    fields, body = _split(data)
    return _reading(
        lambda: Transfer(
            _text(fields["transfer"]),
            _digest(fields["envelope"]),
            _number(fields["size"]),
            _texts(fields["recipients"]),
            _number(fields["generation"], GENERATION_LIMIT),
            _read_hops(fields["hops"]),
            _instant(fields["expires"]),
            bool(fields["urgent"]),
            _number(fields["chunks"], LIST_LIMIT),
        )
    ), body


def encode_chunk(chunk: Chunk, piece: bytes) -> bytes:
    return (
        _line(
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
    fields, piece = _split(data)
    chunk = _reading(
        lambda: Chunk(
            _digest(fields["envelope"]),
            _number(fields["number"]),
            _number(fields["count"], LIST_LIMIT),
            _number(fields["size"]),
            _digest(fields["digest"]),
        )
    )
    if not chunk.number < chunk.count:
        raise Refusal("EDX704", where="number", detail=f"chunk {chunk.number} of {chunk.count}")
    if len(piece) * max(1, chunk.count - 1) > chunk.size:
        detail = f"{len(piece)} bytes in one of {chunk.count} pieces of {chunk.size}"
        raise Refusal("EDX704", where="size", detail=detail)
    if hashlib.sha256(piece).hexdigest() != chunk.digest:
        raise Refusal("EDX704", where="digest", detail="not the piece that the manifest names")
    return chunk, piece


def encode_inquiry(inquiry: Inquiry) -> bytes:
    return _line(
        {
            "v": VERSION,
            "envelope": inquiry.envelope,
            "recipients": list(inquiry.recipients),
            "generation": inquiry.generation,
        }
    )


def decode_inquiry(data: bytes) -> Inquiry:
    fields, _ = _split(data)
    return _reading(
        lambda: Inquiry(
            _digest(fields["envelope"]),
            _texts(fields["recipients"]),
            _number(fields["generation"], GENERATION_LIMIT),
        )
    )


def encode_receipts(
    receipts: tuple[Receipt, ...], sign: Callable[[bytes], str] | None = None, certificates: Sequence[bytes] = ()
) -> bytes:
    """The receipts as one line of JSON, then one line with the node's signature over the first (or nothing).

    ``sign`` takes the bytes of the first line without its line feed and returns text. ``certificates`` (DER) are shown
    beside the receipts: the signer's, then those above it.
    """
    shown = [base64.b64encode(each).decode() for each in certificates[:CERTIFICATES_LIMIT]]
    line = _line(
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
                }
                for item in receipts
            ],
            # In the signed line, where a node that does not know them passes over them.
            **({"certificates": shown} if shown else {}),
        }
    )
    return line + (sign(line[:-1]).encode() if sign else b"")


def decode_receipts(data: bytes) -> Report:
    """The receipts and what is to prove them.

    A problem's code that only a newer version knows stands in the detail: nobody here could explain it.
    """
    fields, signature = _split(data, RECEIPTS_LIMIT)
    receipts = _reading(
        lambda: tuple(
            Receipt(
                _digest(item["envelope"]),
                _text(item["recipient"]),
                _number(item["generation"], GENERATION_LIMIT),
                Outcome(item["outcome"]),
                _instant(item["at"]),
                *_reason(_text(item.get("code", "")), _text(item.get("detail", ""))),
                _read_hops(item.get("hops", [])),
            )
            for item in _list(fields["receipts"])
        )
    )
    shown = _reading(lambda: tuple(map(_certificate, _list(fields.get("certificates", []), CERTIFICATES_LIMIT))))
    return Report(receipts, data[: data.find(b"\n")], _reading(lambda: signature.decode("ascii")), shown)


def encode_objection(objection: Objection) -> bytes:
    return _line({"v": VERSION, "objection": objection.code, "detail": _sendable(objection.detail)})


def decode_objection(data: bytes) -> Objection:
    fields, _ = _split(data)
    return _reading(lambda: Objection(_text(fields["objection"], 20), _text(fields["detail"])))


def _certificate(value: Any) -> bytes:
    return base64.b64decode(_text(value, CERTIFICATE_LIMIT), validate=True)


def _line(fields: dict[str, Any]) -> bytes:
    return json.dumps(fields, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"


def _split(data: bytes, most: int = MANIFEST_LIMIT) -> tuple[dict[str, Any], bytes]:
    end = data.find(b"\n", 0, most)
    if end < 0:
        raise Refusal("EDX704", detail="no manifest line")
    fields = _reading(lambda: json.loads(data[:end]))
    if not isinstance(fields, dict) or fields.get("v") != VERSION:
        raise Refusal("EDX704", where="v", detail=f"not {VERSION}")
    return fields, data[end + 1 :]


def _reading(read: Callable[[], T]) -> T:
    try:
        return read()
    except (KeyError, ValueError, TypeError, OverflowError, RecursionError) as error:
        raise Refusal(
            "EDX704", where=str(error)[:80] if isinstance(error, KeyError) else "manifest"
        ) from error


def _sendable(detail: str) -> str:
    """What :func:`_text` takes: one odd detail must not make the others of its message unreadable."""
    return detail.replace("\0", "\ufffd")[:TEXT_LIMIT]


def _reason(code: str, detail: str) -> tuple[str, str]:
    return (code, detail) if not code or code in PROBLEMS else ("", f"{code}: {detail}"[:TEXT_LIMIT])


def _text(value: Any, most: int = TEXT_LIMIT) -> str:
    if not isinstance(value, str) or len(value) > most or "\0" in value:
        raise TypeError
    value.encode()  # JSON can name half a character, which no database takes
    return value


def _list(value: Any, most: int = LIST_LIMIT) -> list[Any]:
    if not isinstance(value, list) or len(value) > most:
        raise TypeError
    return value


def _texts(value: Any) -> tuple[str, ...]:
    """Different texts: each will be answered on its own, and the answer is longer than the question."""
    texts = tuple(_text(item) for item in _list(value))
    if len(set(texts)) < len(texts):
        raise ValueError
    return texts


def _number(value: Any, most: int = 2**53 - 1) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= most:
        raise TypeError
    return value


def _digest(value: Any) -> str:
    text = _text(value)
    if len(text) != 64 or not set(text) <= set("0123456789abcdef"):
        raise TypeError
    return text


def _instant(value: Any) -> datetime:
    at = datetime.fromisoformat(_text(value))
    if at.tzinfo is None:
        raise ValueError
    return at.astimezone(UTC)


def _hops(hops: tuple[Hop, ...]) -> list[list[str]]:
    return [[hop.node, instant(hop.at)] for hop in hops]


def _read_hops(value: Any) -> tuple[Hop, ...]:
    return tuple(Hop(_text(node, NAME_LIMIT), _instant(at)) for node, at in _list(value, HOPS_LIMIT))
