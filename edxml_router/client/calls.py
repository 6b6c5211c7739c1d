"""The calls of the gateway as values, and what is common to both clients: no network here.

A client carries a :class:`GatewayCall` out and gives the answer's JSON back.
"""

from __future__ import annotations

import base64
import hashlib
import json
import random
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

from edxml_router.client.problem import ProblemError

PIECE: Final = 256 * 1024  # bytes
WAIT: Final = 30  # seconds that an answer may be held back while there is nothing
TRIES: Final = 6
VIETNAM: Final = timezone(timedelta(hours=7))
_DRAFTS: Final = {
    "letter": "/v1/letters",
    "recall": "/v1/recalls",
    "update": "/v1/updates",
    "replacement": "/v1/replacements",
    "status": "/v1/statuses",
}
_FIRST_PAUSE, _LONGEST_PAUSE = 0.5, 30.0  # seconds; doubled each time


@dataclass(frozen=True, slots=True)
class GatewayCall:
    """One request. ``content`` is a file's path or bytes; ``wait`` is how long the answer may take beside the usual."""

    method: str
    path: str
    params: Mapping[str, str | int] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    content: bytes | Path | None = None
    json: Any = None
    files: Sequence[Path] = ()  # sent beside ``json``, as a form
    wait: float = 0.0  # seconds


def submit(envelope: bytes | Path) -> GatewayCall:
    """Under its digest, so that it may be repeated: what was accepted is not sent again."""
    digest, size = _measured(envelope)
    named = base64.b64encode(digest).decode()
    headers = {
        "content-type": "application/xml",
        "content-length": str(size),
        "content-digest": f"sha-256=:{named}:",
    }
    return GatewayCall("PUT", f"/v1/envelopes/{digest.hex()}", headers=headers, content=envelope)


def write(kind: str, draft: Mapping[str, Any], files: Sequence[Path]) -> GatewayCall:
    """``kind``: letter, recall, update, replacement or status. A new letter gets its day and a status its moment here,
    so that a draft which is sent again is known as the same."""
    now = datetime.now(VIETNAM)
    dated = {"letter": {"date": now.date().isoformat()}, "status": {"at": now.isoformat(timespec="seconds")}}
    return GatewayCall("POST", _DRAFTS[kind], json={**dated.get(kind, {}), **draft}, files=files)


def sent(cursor: str, limit: int) -> GatewayCall:
    return GatewayCall("GET", "/v1/sent", {"cursor": cursor, "limit": limit})


def inbox(cursor: str, limit: int, wait: int) -> GatewayCall:
    return GatewayCall("GET", "/v1/inbox", {"cursor": cursor, "limit": limit, "wait": wait}, wait=wait)


def events(cursor: str, limit: int, wait: int) -> GatewayCall:
    return GatewayCall("GET", "/v1/events", {"cursor": cursor, "limit": limit, "wait": wait}, wait=wait)


def content(letter: str) -> GatewayCall:
    return GatewayCall("GET", f"/v1/inbox/{_part(letter)}/content")


def confirm(letter: str) -> GatewayCall:
    return GatewayCall("POST", f"/v1/inbox/{_part(letter)}/confirm")


def confirm_all(letters: Sequence[str]) -> GatewayCall:
    return GatewayCall("POST", "/v1/inbox/confirm", json={"letters": list(letters)})


def send_back(letter: str, reason: str) -> GatewayCall:
    return GatewayCall("POST", f"/v1/inbox/{_part(letter)}/return", json={"reason": reason})


def agencies(words: str, under: str, limit: int) -> GatewayCall:
    return GatewayCall("GET", "/v1/agencies", {"q": words, "under": under, "limit": limit})


def agency(code: str) -> GatewayCall:
    return GatewayCall("GET", f"/v1/agencies/{_part(code)}")


def form(call: GatewayCall, opened: ExitStack) -> list[tuple[str, tuple[str, Any, str]]] | None:
    """A draft with its files as the parts of a form; the files are read while they are sent."""
    if not call.files:
        return None
    draft = json.dumps(call.json, ensure_ascii=False).encode()
    files = [(path.name, opened.enter_context(path.open("rb")), "application/octet-stream") for path in call.files]
    return [("draft", ("draft.json", draft, "application/json")), *(("file", each) for each in files)]


def _part(text: str) -> str:
    return quote(text, safe="")


def _measured(envelope: bytes | Path) -> tuple[bytes, int]:
    digest, size = hashlib.sha256(), 0
    for piece in pieces(envelope):
        digest.update(piece)
        size += len(piece)
    return digest.digest(), size


def pieces(envelope: bytes | Path) -> Iterator[bytes]:
    """The bytes, or those of a file, never all of it at once."""
    if isinstance(envelope, bytes):
        yield envelope
        return
    with envelope.open("rb") as file:
        while piece := file.read(PIECE):
            yield piece


def pause(attempt: int, problem: ProblemError | None) -> float:
    """Seconds to wait after attempt number ``attempt`` (1, 2, …); at least what the gateway has asked for."""
    grown: float = min(_FIRST_PAUSE * 2 ** (attempt - 1), _LONGEST_PAUSE) * random.uniform(0.5, 1.0)  # noqa: S311  # no secret
    asked = problem.retry_after if problem is not None and problem.retry_after is not None else 0.0
    return max(grown, asked)


class Download:
    """A letter on its way into a file: what has come is kept beside it, and the next attempt goes on behind that.

    The file has its name once it is whole and its digest is right.
    """

    def __init__(self, letter: str, folder: Path) -> None:
        self._digest = letter[:64]
        self.path = folder / f"{letter}.edxml"
        self._partial = folder / f"{letter}.partial"
        self.call_path = f"/v1/inbox/{_part(letter)}"

    @property
    def done(self) -> int:
        """Bytes that are here."""
        return self._partial.stat().st_size if self._partial.exists() else 0

    def headers(self) -> Mapping[str, str]:
        if not self.done:
            return {}
        return {"range": f"bytes={self.done}-", "if-range": f'"sha-256:{self._digest}"'}

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
