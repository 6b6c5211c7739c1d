"""Acceptance while a node is to run empty: nothing, whoever brings it."""

from __future__ import annotations

from typing import Final

from edxml_router.core.detail import Detail
from edxml_router.core.problems import Setback
from edxml_router.ports.ledger import Book

DRAINING: Final = "EDX664"


def refuse_when_draining(book: Book) -> None:
    """Asked once for a batch, in its transaction. Raises Setback EDX664: nothing was committed, it is to come again."""
    drain = book.drains.drain()
    if drain is not None:
        raise Setback(DRAINING, detail=Detail("since {at:%Y-%m-%d %H:%M}", at=drain.since.astimezone()))
