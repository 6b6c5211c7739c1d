"""The health of a node: everything it depends on, with what is wrong and what helps.

    for outcome in examine(session.config_file): …

The checks are independent: a failing one does not hide the next. A check gives a remark or a finding, or nothing when
all is well; its detail is shown either way. Nothing is changed, and no messages are sent.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from importlib import import_module
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path
from typing import Final

from edxml_router.config import ConfigErrors, Settings, load
from edxml_router.core.problems import Finding, Trouble
from edxml_router.shapes.node import Result, result_of

DISTRIBUTION: Final = "edxml-router"
PATIENCE: Final = 5  # seconds that the database has for an answer to a check
Findings = Iterator[tuple[str, Finding | None]]
Check = Callable[[Settings], Findings]
_NAME: Final = re.compile(r"[A-Za-z0-9._-]+")


@dataclass(frozen=True, slots=True)
class CheckResult:
    """What one check found; ``finding`` is None when all is well."""

    check: str
    detail: str
    finding: Finding | None = None

    @property
    def result(self) -> Result:
        return result_of(self.finding)


def run_checks(config_file: Callable[[], Path]) -> Iterator[CheckResult]:
    """Check the packages, then the configuration, then all that it names. ``config_file`` is asked once the packages
    have been looked at, and may raise what there is to say when there is no configuration."""
    for detail, finding in _packages():
        yield CheckResult("packages", detail, finding)
    try:
        settings = load(config_file())
    except ConfigErrors as errors:
        for finding in errors.findings:
            yield CheckResult("config", finding.where, finding)
        return
    except Trouble as trouble:
        yield CheckResult("config", trouble.finding.where, trouble.finding)
        return
    yield CheckResult("config", str(settings.path))
    for remark in settings.remarks:
        yield CheckResult("config", remark.where, remark)
    # Imported only now: a library that is missing has been named above, and is no reason to say nothing else.
    checks = import_module("edxml_router.services.health.checks")
    instead: Mapping[str, Check] = {}
    for name, check in checks.CHECKS.items():
        for outcome in _outcomes(name, instead.get(name, check), settings):
            yield outcome
            if name == "database" and outcome.finding:
                instead = checks.WITHOUT_DATABASE


def _outcomes(name: str, check: Check, settings: Settings) -> Iterator[CheckResult]:
    try:
        for detail, finding in check(settings):
            yield CheckResult(name, detail, finding)
    except ConfigErrors as errors:
        for finding in errors.findings:
            yield CheckResult(name, finding.where, finding)
    except Trouble as trouble:
        yield CheckResult(name, trouble.finding.where, trouble.finding)


def _packages() -> Findings:
    """The packages needed at run time; whether their versions fit is up to the installer."""
    found: list[str] = []
    for text in requires(DISTRIBUTION) or ():
        name = _NAME.match(text)
        if name is None or "extra ==" in text:
            continue
        try:
            found.append(f"{name[0]} {version(name[0])}")
        except PackageNotFoundError:
            yield name[0], Finding("EDX904", "Python", text)
    yield ", ".join(found), None
