"""What the conformance kit reports of an e-office system."""

from __future__ import annotations

from typing import Literal, TypedDict

from edxml_router.core.problems import Actor
from edxml_router.shapes.form import Digest, Instant
from edxml_router.shapes.problem import ProblemShape

CaseOutcome = Literal["held", "not-held", "not-tried"]


class SeenShape(TypedDict):
    """Something that was seen, and when."""

    at: Instant | None
    text: str
    text_vi: str


class KitMessageShape(TypedDict):
    """A message that the kit handed in."""

    digest: Digest
    document_id: str
    at: Instant
    accepted: bool
    problem: ProblemShape | None


class ConformanceCaseShape(TypedDict):
    """One rule: what was sent, what was expected, what was seen, and the verdict."""

    case: str
    side: Literal["receives", "sends"]
    title: str
    title_vi: str
    rule: str
    rule_vi: str
    by_hand: bool
    instruction: str | None
    instruction_vi: str | None
    expectation: str
    expectation_vi: str
    verdict: CaseOutcome
    messages: list[KitMessageShape]
    seen: list[SeenShape]
    actor: Actor | None
    remedy: str | None
    remedy_vi: str | None


class ConformanceShape(TypedDict):
    """A run of the kit. ``chosen``: how many cases were to be tried; the others stand there as not tried."""

    started_at: Instant
    ended_at: Instant
    node: str
    agency: str
    counterpart: str
    chosen: int
    held: int
    not_held: int
    not_tried: int
    cases: list[ConformanceCaseShape]
