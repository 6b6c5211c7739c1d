"""What proves the journal to others: checkpoints and proofs; and what proves the outcome of a delivery: signed
statements, as they travel, and what this node makes of them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Literal, TypedDict, TypeVar

from edxml_router.core.delivery.views import Checkpoint
from edxml_router.core.link.manifest import instant
from edxml_router.core.link.statement import EndStatement, Evidence, PassStatement, SignedText
from edxml_router.core.problems import Finding
from edxml_router.core.proof.witness import LogFork, WitnessedLog, WitnessStanding
from edxml_router.shapes.form import Digest, Instant
from edxml_router.shapes.problem import ProblemShape, problem_or_none, problem_shape

_Statement = TypeVar("_Statement", EndStatement, PassStatement)


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
class SignedTextShape(TypedDict):
    """A statement as it was signed: the signature is over the UTF-8 bytes of ``text``."""

    text: str
    signature: str
    signer: Digest


class EndShape(TypedDict):
    """What the node states where a delivery has ended."""

    node: str
    outcome: str
    event: str
    recipient: str
    resolved: str
    generation: int
    code: str | None
    detail: str
    accepted_at: Instant | None
    at: Instant
    signed: SignedTextShape


class PassShape(TypedDict):
    """What a node on the way states: when it had taken the letter, and when it took the outcome and passed it on."""

    node: str
    source: str
    target: str
    accepted_at: Instant | None
    taken_at: Instant
    passed_at: Instant
    signed: SignedTextShape


class ProofShape(TypedDict):
    """What proves the outcome of a delivery. ``own``: it ended at this node."""

    status: Literal["proven", "unproven", "own"]
    problem: ProblemShape | None
    told_by: str | None
    end: EndShape | None
    passes: list[PassShape]


def proof_status(evidence: Evidence) -> Literal["proven", "unproven", "own"]:
    if evidence.told_by == "":
        return "own"
    return "proven" if evidence.proven else "unproven"


def proof_shape(evidence: Evidence | None) -> ProofShape | None:
    """Of a delivery that has not ended there is none. What cannot be read proves nothing, and is left out."""
    if evidence is None:
        return None
    end = read_statement(EndStatement.read, evidence.end) if evidence.end else None
    passes = [(one, read_statement(PassStatement.read, one)) for one in evidence.passes]
    return {
        "status": proof_status(evidence),
        "problem": problem_or_none(evidence.doubt),
        "told_by": evidence.told_by or None,
        "end": _end(end, evidence.end) if end and evidence.end else None,
        "passes": [_pass(said, signed) for signed, said in passes if said],
    }


def read_statement(read: Callable[[str], _Statement], signed: SignedText) -> _Statement | None:
    """The statement in a signed text; None where it is none."""
    try:
        return read(signed.text)
    except ValueError:
        return None


def _end(end: EndStatement, signed: SignedText) -> EndShape:
    return {
        "node": end.node,
        "outcome": end.outcome,
        "event": end.event,
        "recipient": end.recipient,
        "resolved": end.resolved,
        "generation": end.generation,
        "code": end.code or None,
        "detail": end.detail,
        "accepted_at": instant(end.accepted) if end.accepted else None,
        "at": instant(end.at),
        "signed": _signed(signed),
    }


def _pass(said: PassStatement, signed: SignedText) -> PassShape:
    return {
        "node": said.node,
        "source": said.source,
        "target": said.target,
        "accepted_at": instant(said.accepted) if said.accepted else None,
        "taken_at": instant(said.taken),
        "passed_at": instant(said.passed),
        "signed": _signed(signed),
    }


def _signed(signed: SignedText) -> SignedTextShape:
    return {"text": signed.text, "signature": signed.signature, "signer": signed.signer}
