"""How a face passes an envelope to a service: under a name of its own, read no further than allowed.

A ``Read`` gets the name, the most bytes to read, and a function that stores a large envelope; it returns bytes or the
stored body. It raises Refusal EDX102 (too large), EDX111 (not readable).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from itertools import chain, islice
from typing import Final

from edxml_router.core.body import PIECE_BYTES, Body, MemoryBody
from edxml_router.core.detail import Detail
from edxml_router.core.problems import Refusal
from edxml_router.core.xml.skeleton import LARGE_BYTES

UNREADABLE: Final = "EDX111"
Receive = Callable[[Iterable[bytes]], Body]
Read = Callable[[str, int, Receive], Body]


def received_body(take: Callable[[int], bytes], name: str, most: int, receive: Receive) -> Body:
    """The envelope that ``take`` gives so many bytes of at a time: of at most ``most`` bytes, and one larger than LARGE
    on disk; the caller discards it."""
    begun = take(min(LARGE_BYTES, most) + 1)
    if len(begun) <= LARGE_BYTES:
        _require_fit(len(begun), name, most)
        return MemoryBody(begun)
    # It may have grown since it was measured, and a stream has no size: so many pieces and no more.
    rest = iter(lambda: take(PIECE_BYTES), b"")
    body = receive(chain((begun,), islice(rest, (most - len(begun)) // PIECE_BYTES + 2)))
    if len(body) > most:
        body.discard()
    _require_fit(len(body), name, most)
    return body


def _require_fit(size: int, name: str, most: int) -> None:
    if size > most:
        raise Refusal("EDX102", where=name, detail=Detail("more than {most} bytes", most=most))
