"""A control of the law, and how a node stands to it."""

from __future__ import annotations

from typing import Literal, TypedDict

from edxml_router.core.problems import Finding
from edxml_router.language.catalogues import told
from edxml_router.shapes.problem import ProblemShape, problem_shape


class ControlShape(TypedDict):
    """What a rule asks of a node, and what was measured; in both languages."""

    control: str
    rule: str
    clause: str | None
    text_verified: bool
    source: str
    source_vi: str
    least_level: int
    requirement: str
    requirement_vi: str
    setting: str | None
    in_effect: str
    in_effect_vi: str
    measured: str
    measured_vi: str
    compliance: Literal["met", "gap", "not-measured"]
    remedy: str
    remedy_vi: str
    problem: ProblemShape | None


def control_shape(
    name: str,
    rule: tuple[str, str, bool, str],
    least_level: int,
    requirement: str,
    setting: str,
    measured: tuple[Literal["met", "gap", "not-measured"], str, str],
    remedy: str,
    finding: Finding | None,
) -> ControlShape:
    """``rule``: how it is cited, its clause, whether its text was verified, and where that is from; ``measured``: how
    it stands, the value in effect, and what was found."""
    cited, clause, verified, source = rule
    compliance, in_effect, evidence = measured
    helps = {"en": str(remedy), "vi": told("vi", remedy)}
    return {
        "control": name,
        "rule": cited,
        "clause": clause or None,
        "text_verified": verified,
        "source": str(source),
        "source_vi": told("vi", source),
        "least_level": least_level,
        "requirement": str(requirement),
        "requirement_vi": told("vi", requirement),
        "setting": setting or None,
        "in_effect": str(in_effect),
        "in_effect_vi": told("vi", in_effect),
        "measured": str(evidence),
        "measured_vi": told("vi", evidence),
        "compliance": compliance,
        "remedy": helps["en"],
        "remedy_vi": helps["vi"],
        "problem": problem_shape(finding, helps) if finding else None,
    }
