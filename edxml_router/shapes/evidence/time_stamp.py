"""Time stamps over a journal's checkpoints."""

from __future__ import annotations

import base64
from typing import TypedDict

from edxml_router.core.link.manifest import instant
from edxml_router.core.proof.witness import KeptTimeStamp
from edxml_router.shapes.form import Instant


class TimeStampShape(TypedDict):
    """A time stamp (RFC 3161): ``token`` in base64, over the UTF-8 bytes of ``text``."""

    authority: str
    size: int
    at: Instant
    taken_at: Instant
    text: str
    token: str


def time_stamp_shape(stamp: KeptTimeStamp) -> TimeStampShape:
    return {
        "authority": stamp.authority,
        "size": stamp.size,
        "at": instant(stamp.at),
        "taken_at": instant(stamp.taken_at),
        "text": stamp.note.decode(),
        "token": base64.b64encode(stamp.token).decode(),
    }
