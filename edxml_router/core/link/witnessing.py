"""The messages ``checkpoint`` and ``cosigned`` of a link: a question to a witness, and its answer.

Behind the manifest line stands what https://c2sp.org/tlog-witness has as the body of a request or an answer. Unreadable
messages raise Refusal EDX704.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import IntEnum
from typing import Final

from edxml_router.core.detail import said
from edxml_router.core.link import manifest
from edxml_router.core.link.manifest import instant
from edxml_router.core.problems import Refusal
from edxml_router.core.proof.note import NOTE_BYTES
from edxml_router.core.proof.texts import REQUEST_BYTES, read_witness_request

_LINE_BYTES: Final = 1000  # of the manifest, which has a handful of numbers


class WitnessStatus(IntEnum):
    """What a witness answers, by the numbers of tlog-witness."""

    COSIGNED = 200
    MISTAKEN = 400  # the old size is above the checkpoint's
    UNPROVEN = 403  # no known key has signed it
    UNKNOWN = 404  # no key of that log is known
    CONFLICT = 409  # another size was cosigned last: the answer says which
    INCONSISTENT = 422  # it does not continue what was cosigned


@dataclass(frozen=True, slots=True)
class WitnessQuestion:
    """A checkpoint to be cosigned; ``old`` is what the witness is believed to have cosigned last. ``sent_at`` is of the
    asker's clock, and tells a repeat from what is new."""

    sent_at: datetime
    old: int
    path: tuple[bytes, ...]
    note: bytes
    inventories: bool = False  # whether the asker knows inventories of links (edxml_router.core.link.inventory)


@dataclass(frozen=True, slots=True)
class WitnessAnswer:
    """What became of the checkpoint of ``size`` entries. ``known``: the size that the witness has cosigned last;
    ``lines``: its cosignatures; ``old``: what the question took ``known`` for."""

    size: int
    status: WitnessStatus
    known: int = 0
    lines: str = ""
    old: int = 0


def encode_question(sent_at: datetime, request: bytes) -> bytes:
    return manifest.line({"v": manifest.VERSION, "sent": instant(sent_at), "inventories": True}) + request


def decode_question(data: bytes) -> WitnessQuestion:
    _require_short(data, REQUEST_BYTES)
    fields, request = manifest.split(data, _LINE_BYTES)
    sent_at = manifest.read_fields(lambda: manifest.read_moment(fields["sent"]))
    try:
        old, path, note = read_witness_request(request)
    except ValueError as error:
        raise Refusal("EDX704", where="checkpoint", detail=said(error)) from error
    return WitnessQuestion(sent_at, old, tuple(path), note, fields.get("inventories") is True)


def encode_answer(answer: WitnessAnswer) -> bytes:
    numbers = {"size": answer.size, "old": answer.old, "status": int(answer.status), "known": answer.known}
    return manifest.line({"v": manifest.VERSION, **numbers}) + answer.lines.encode()


def decode_answer(data: bytes) -> WitnessAnswer:
    _require_short(data, NOTE_BYTES)
    fields, lines = manifest.split(data, _LINE_BYTES)
    return manifest.read_fields(
        lambda: WitnessAnswer(
            manifest.read_number(fields["size"]),
            WitnessStatus(manifest.read_number(fields["status"], 999)),
            manifest.read_number(fields["known"]),
            lines.decode("utf-8"),
            manifest.read_number(fields["old"]),
        )
    )


def _require_short(data: bytes, most: int) -> None:
    if len(data) > most + _LINE_BYTES:
        raise Refusal("EDX704", where="manifest", detail=str(len(data)))
