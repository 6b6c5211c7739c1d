"""Assess a node: measure each control of its level.

    for one in assess(settings, 3): one.control.name, one.measurement.compliance, one.finding

A measure that cannot be taken because something else is broken is not measured, with the problem as its evidence: an
assessment goes on, and never takes silence for consent.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from edxml_router.config import Settings
from edxml_router.core.detail import Detail
from edxml_router.core.problems import Finding, Trouble
from edxml_router.services.compliance.rules import Control, controls_of
from edxml_router.services.compliance.situation import Measurement, Situation, not_measured, opened_situation


@dataclass(frozen=True, slots=True)
class Assessment:
    """One control, and how the node stands."""

    control: Control
    measurement: Measurement

    @property
    def finding(self) -> Finding | None:
        """What is wrong, for a gap."""
        if self.measurement.compliance != "gap":
            return None
        return Finding("EDX668", self.control.name, self.measurement.evidence)


def assess(settings: Settings, level: int) -> Iterator[Assessment]:
    """Every control of this level, in the order of the rules. Raises what opening the database raises."""
    with opened_situation(settings, level) as situation:
        for control in controls_of(level):
            yield Assessment(control, _measured(control, situation))


def _measured(control: Control, situation: Situation) -> Measurement:
    try:
        return control.measure(situation)
    except Trouble as trouble:
        finding = trouble.finding
        told = Detail("{code}: {detail}", code=finding.code, detail=finding.detail or finding.title())
        return not_measured("–", told)
