"""What passes between the clients and their common core, which knows no network: requests, answers and pauses.

A flow of :mod:`edxml_router.client.flows` yields calls and pauses; a client carries each out and sends back what came.
"""

from __future__ import annotations

import json
import random
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeVar
from urllib.parse import quote

from edxml_router.client.problem import ProblemError

if TYPE_CHECKING:
    import httpx

    from edxml_router.client.transfers import Download

T = TypeVar("T")

PIECE: Final = 256 * 1024  # bytes
TRIES: Final = 6
_FIRST_PAUSE, _LONGEST_PAUSE = 0.5, 30.0  # seconds; doubled each time


@dataclass(frozen=True, slots=True)
class GatewayCall:
    """One request. ``content`` is a file's path or bytes, which is sent from ``offset`` on; ``wait`` is how long the
    answer may take beside the usual. The body of a good answer goes to ``into``, if there is one."""

    method: str
    path: str
    params: Mapping[str, str | int] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    content: bytes | Path | None = None
    offset: int = 0
    json: Any = None
    files: Sequence[Path] = ()  # sent beside ``json``, as a form
    wait: float = 0.0  # seconds
    into: Download | None = None


class Pause(NamedTuple):
    """Wait so long before going on."""

    seconds: float


@dataclass(frozen=True, slots=True)
class GatewayAnswer:
    """What came: an answer, or the ``error`` of a line that broke (then ``status`` is 0)."""

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    data: bytes = b""
    error: httpx.TransportError | None = None

    @property
    def trouble(self) -> Exception | None:
        """What is wrong with it: a :class:`ProblemError`, or the error of the line."""
        if self.error is not None or 200 <= self.status < 300:
            return self.error
        return ProblemError.of(self.status, self.data, self.headers.get("retry-after"))

    def told(self) -> Any:
        """Its JSON."""
        return json.loads(self.data)


Flow = Generator[GatewayCall | Pause, GatewayAnswer, T]


def is_passing(trouble: Exception) -> bool:
    """Whether the same call may well succeed later."""
    return trouble.passing if isinstance(trouble, ProblemError) else True


def pause(attempt: int, trouble: Exception | None) -> float:
    """Seconds to wait after attempt number ``attempt`` (1, 2, …); at least what the gateway has asked for."""
    grown: float = min(_FIRST_PAUSE * 2 ** (attempt - 1), _LONGEST_PAUSE) * random.uniform(0.5, 1.0)  # noqa: S311  # no secret
    asked = trouble.retry_after if isinstance(trouble, ProblemError) else None
    return max(grown, asked or 0.0)


def form(call: GatewayCall, opened: ExitStack) -> list[tuple[str, tuple[str, Any, str]]] | None:
    """A draft with its files as the parts of a form; the files are read while they are sent."""
    if not call.files:
        return None
    draft = json.dumps(call.json, ensure_ascii=False).encode()
    files = [(path.name, opened.enter_context(path.open("rb")), "application/octet-stream") for path in call.files]
    return [("draft", ("draft.json", draft, "application/json")), *(("file", each) for each in files)]


def pieces(content: bytes | Path, offset: int = 0) -> Iterator[bytes]:
    """The bytes, or those of a file, from an offset on; never all of a file at once."""
    if isinstance(content, bytes):
        if offset < len(content):
            yield content[offset:]
        return
    with content.open("rb") as file:
        file.seek(offset)
        while piece := file.read(PIECE):
            yield piece


def quoted(text: str) -> str:
    """A part of a path."""
    return quote(text, safe="")
