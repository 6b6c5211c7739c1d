"""What the two ends of a link believe to have gone over it, and where they differ."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import TypedDict

from edxml_router.core.link.inventory.values import LinkGap
from edxml_router.core.link.manifest import instant
from edxml_router.core.problems import Finding
from edxml_router.shapes.form import Digest, Instant
from edxml_router.shapes.problem import ProblemShape, problem_or_none, problem_shape


class LinkGapShape(TypedDict):
    """A delivery that one end of a link lists and the other does not know, or of which each believes that something
    else became of it; ``evidence`` is the note in which the neighbour has signed that."""

    neighbour: str
    direction: str
    lacking: str
    digest: Digest
    recipient: str
    sender: str
    document: str
    at: Instant
    found_at: Instant
    other: Digest | None
    outcome_here: str | None
    outcome_there: str | None
    excused: bool
    problem: ProblemShape
    evidence: str


class LinkComparisonShape(TypedDict):
    """How it stands with one neighbour: up to when the node itself has compared what went over the link, what was
    compared now, and the gaps that there are, as many as were asked for."""

    neighbour: str
    reached: Instant | None
    compared: int
    complete: bool
    problem: ProblemShape | None
    gap_count: int
    gaps: list[LinkGapShape]
    next: int | None


def link_gap_shape(gap: LinkGap, evidence: str) -> LinkGapShape:
    return {
        "neighbour": gap.peer,
        "direction": str(gap.direction),
        "lacking": str(gap.lacking),
        "digest": gap.digest,
        "recipient": gap.recipient,
        "sender": gap.sender,
        "document": gap.document,
        "at": instant(gap.at),
        "found_at": instant(gap.found_at),
        "other": gap.other or None,
        "outcome_here": gap.outcome_here or None,
        "outcome_there": gap.outcome_there or None,
        "excused": gap.excused,
        "problem": problem_shape(gap.finding),
        "evidence": evidence,
    }


def link_comparison_shape(
    peer: str,
    reached: datetime | None,
    compared: int,
    finding: Finding | None,
    count: int,
    gaps: Iterable[tuple[LinkGap, str]],
    following: int | None,
) -> LinkComparisonShape:
    return {
        "neighbour": peer,
        "reached": instant(reached) if reached else None,
        "compared": compared,
        "complete": finding is None,
        "problem": problem_or_none(finding),
        "gap_count": count,
        "gaps": [link_gap_shape(gap, evidence) for gap, evidence in gaps],
        "next": following,
    }
