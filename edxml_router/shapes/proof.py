"""What proves the journal to others: checkpoints and proofs."""

from __future__ import annotations

from typing import TypedDict

from edxml_router.core.delivery.views import Checkpoint
from edxml_router.core.link.manifest import instant
from edxml_router.shapes.form import Digest, Instant


class CheckpointShape(TypedDict):
    """A signed checkpoint of a journal; ``text`` is the whole of it, as c2sp.org/tlog-checkpoint has it."""

    origin: str
    size: int
    root: Digest
    at: Instant
    text: str


def checkpoint_shape(origin: str, checkpoint: Checkpoint, text: str) -> CheckpointShape:
    return {
        "origin": origin,
        "size": checkpoint.size,
        "root": checkpoint.root,
        "at": instant(checkpoint.at),
        "text": text,
    }
