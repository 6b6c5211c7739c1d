"""What proves the journal to others: checkpoints and proofs."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypedDict

from edxml_router.core.delivery.views import Checkpoint
from edxml_router.core.link.manifest import instant
from edxml_router.core.problems import Finding
from edxml_router.core.proof.witness import LogFork, WitnessedLog, WitnessStanding
from edxml_router.shapes.form import Digest, Instant
from edxml_router.shapes.problem import ProblemShape, problem_shape


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


class NeighbourLogShape(TypedDict):
    """A neighbour's journal as it was cosigned here, and what it cosigned of ours; null where nothing was."""

    neighbour: str
    origin: str | None
    size: int | None
    at: Instant | None
    text: str | None
    cosigned_size: int
    answered_at: Instant | None
    problems: list[ProblemShape]


class ForkShape(TypedDict):
    """Evidence: two checkpoints that one log signed, and that cannot both be true."""

    neighbour: str
    origin: str
    kind: str
    at: Instant
    known: str
    shown: str


def neighbour_log_shape(
    peer: str, log: WitnessedLog | None, standing: WitnessStanding | None, findings: Iterable[Finding]
) -> NeighbourLogShape:
    return {
        "neighbour": peer,
        "origin": log.origin if log else None,
        "size": log.size if log else None,
        "at": instant(log.at) if log else None,
        "text": log.note.decode() if log else None,
        "cosigned_size": standing.size if standing else 0,
        "answered_at": instant(standing.answered_at) if standing and standing.answered_at else None,
        "problems": [problem_shape(one) for one in findings],
    }


def fork_shape(fork: LogFork) -> ForkShape:
    return {
        "neighbour": fork.peer,
        "origin": fork.origin,
        "kind": str(fork.kind),
        "at": instant(fork.at),
        "known": fork.known.decode(),
        "shown": fork.shown.decode(),
    }
