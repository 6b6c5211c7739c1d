"""What the door does to bytes on their way: a letter changed, a body that ends in the middle."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from dataclasses import replace
from typing import Final

from edxml_router.demo.axis.doors.replies import Reply

_SUBJECT: Final = re.compile(rb"(<(?:\w+:)?Subject>)([^<]*)")
ADDED: Final = " (đã bị sửa)".encode()


class Spoiler:
    """Passes the pieces of a body through, and cuts or changes it in the middle. ``length`` of the whole, if known.

    A changed byte stays a letter: of base64 and of XML, so that only a digest or a signature tells of it.
    """

    def __init__(self, length: int | None, *, cuts: bool, damages: bool) -> None:
        self._middle = length // 2 if length is not None else 0
        self._cuts, self._damages, self._here = cuts, damages, 0
        self.over = False

    def __call__(self, piece: bytes) -> bytes:
        at = self._middle - self._here
        self._here += len(piece)
        if at >= len(piece) or not (self._cuts or self._damages):
            return piece
        if self._cuts:
            self.over = True
            return piece[: max(at, 1)]
        found = re.compile(rb"[A-Za-z0-9]").search(piece, max(at, 0))
        if found is None:
            return piece
        self._damages = False
        place = found.start()
        return piece[:place] + (b"B" if piece[place] == ord("A") else b"A") + piece[place + 1 :]


def with_another_subject(reply: Reply) -> Reply:
    """The letter in an answer with a word more in its subject, and digests that are right for that: its name and its
    signature alone tell of it. In the SDK's way the letter is in ``data``."""
    data = reply.data
    try:
        told = json.loads(data)
        told["data"] = base64.b64encode(_changed(base64.b64decode(told["data"]))).decode()
        data = json.dumps(told).encode()
    except (ValueError, TypeError, KeyError):
        data = _changed(data)
    digest = hashlib.sha256(data).digest()
    given = {"repr-digest": f"sha-256=:{base64.b64encode(digest).decode()}:", "etag": f'"sha-256:{digest.hex()}"'}
    return replace(reply, data=data, fields=[(name, given.get(name.lower(), value)) for name, value in reply.fields])


def _changed(data: bytes) -> bytes:
    return _SUBJECT.sub(lambda found: found[1] + found[2] + ADDED, data, count=1)
