"""A node's health: checks, configuration, the journal's proof, and who has to repeat what after a restore."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Literal, TypedDict

from edxml_router.core.delivery.views import Verification
from edxml_router.core.link.manifest import exact_instant, instant
from edxml_router.core.link.resync import Recovery
from edxml_router.core.problems import Finding, Weight
from edxml_router.shapes.form import Digest, Instant
from edxml_router.shapes.keeping.redaction import RedactionShape, redaction_shape
from edxml_router.shapes.problem import ProblemShape, problem_or_none, problem_shape

Result = Literal["ok", "warning", "failed"]


class HealthShape(TypedDict):
    """What one check of ``doctor`` found."""

    check: str
    result: Result
    detail: str
    problem: ProblemShape | None


class ConfigurationShape(TypedDict):
    """Whether a configuration is right, with all that is wrong or remarkable in it."""

    file: str
    correct: bool
    problems: list[ProblemShape]


class SettingShape(TypedDict):
    """One setting in effect; ``default`` says that the file does not set it."""

    name: str
    value: object
    default: bool


class SettingsShape(TypedDict):
    """The settings in effect."""

    file: str
    settings: list[SettingShape]


class DamageShape(TypedDict):
    """One thing that is wrong in a journal."""

    where: str
    detail: str


class VerificationShape(TypedDict):
    """What the verification of a journal found."""

    sound: bool
    size: int
    root: Digest
    unnumbered: int
    unnumbered_since: Instant | None
    checkpoints: int
    damages: list[DamageShape]
    damage_count: int
    uncovered: int
    covered_from: int | None
    envelope_rows: int
    delivery_rows: int
    body_rows: int
    filed_bodies: int
    read_bodies: int
    indexed_entries: int
    compared_entries: int
    redactions: list[RedactionShape]
    redaction_count: int


class RecoveryShape(TypedDict):
    """Who has not repeated yet what was handed in since a back-up."""

    party: str
    since: Instant
    epoch: str


class LinkShape(TypedDict):
    """The files that connect a child node or an office."""

    name: str
    role: str
    files: list[str]
    missing: list[str]  # what it still lacks to work: child_unproven, own_unproven, no_tls_key


def result_of(finding: Finding | None) -> Result:
    if finding is None:
        return "ok"
    return "warning" if finding.problem.weight is Weight.REMARK else "failed"


def health_shape(check: str, detail: str, finding: Finding | None) -> HealthShape:
    return {"check": check, "result": result_of(finding), "detail": detail, "problem": problem_or_none(finding)}


def configuration_shape(file: str, mistakes: Iterable[Finding], remarks: Iterable[Finding]) -> ConfigurationShape:
    wrong = [problem_shape(one) for one in mistakes]
    return {"file": file, "correct": not wrong, "problems": wrong + [problem_shape(one) for one in remarks]}


def verification_shape(result: Verification, filed_bodies: int) -> VerificationShape:
    return {
        "sound": result.sound,
        "size": result.size,
        "root": result.root,
        "unnumbered": result.unnumbered,
        "unnumbered_since": exact_instant(result.unnumbered_since) if result.unnumbered_since else None,
        "checkpoints": result.checkpoints,
        "damages": [{"where": one.where, "detail": one.detail} for one in result.damages],
        "damage_count": result.damage_count,
        "uncovered": result.uncovered,
        "covered_from": result.covered_from,
        "envelope_rows": result.envelopes,
        "delivery_rows": result.deliveries,
        "body_rows": result.bodies,
        "filed_bodies": filed_bodies,
        "read_bodies": result.files,
        "indexed_entries": result.indexed,
        "compared_entries": result.index_compared,
        "redactions": [redaction_shape(one) for one in result.redactions],
        "redaction_count": result.redaction_count,
    }


def recovery_shape(one: Recovery) -> RecoveryShape:
    return {"party": one.party, "since": instant(one.since), "epoch": one.epoch}


def instant_or_none(at: datetime | None) -> str | None:
    return instant(at) if at else None
