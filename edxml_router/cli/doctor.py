"""``edxml-router doctor``: everything a node depends on, each with what is wrong and what helps.

Every check stands alone: one that fails does not hide the next. A check answers with a remark or a finding, or
nothing when all is well; its detail is shown either way. Nothing is changed, and nobody gets a message.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from importlib import import_module
from importlib.metadata import PackageNotFoundError, requires, version
from typing import Final

import click

from edxml_router.cli.commands import Command
from edxml_router.cli.session import Session, json_option, pass_session
from edxml_router.config import ConfigErrors, Settings, load
from edxml_router.core.problems import Finding, Trouble
from edxml_router.shapes.node import health_shape, result_of

DISTRIBUTION: Final = "edxml-router"
Check = Callable[[Settings], Iterator[tuple[str, Finding | None]]]
_NAME: Final = re.compile(r"[A-Za-z0-9._-]+")


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one check found; ``finding`` is None when all is well."""

    check: str
    detail: str
    finding: Finding | None = None

    @property
    def result(self) -> str:
        return result_of(self.finding)


@click.command(cls=Command)
@json_option
@pass_session
def doctor(session: Session, as_json: bool) -> None:
    """Check everything that the node depends on.

    Looks at packages, configuration, database, disk, certificates, catalogue, clock, hubs, and whether the node runs.

    Exit status 0 when everything is in order or only worth a remark, else that of the gravest finding.
    """
    outcomes: list[Outcome] = []
    for outcome in _examine(session):
        outcomes.append(outcome)
        _show(session, outcome, as_json)
    failed = [outcome.finding for outcome in outcomes if outcome.finding and outcome.result == "failed"]
    remarks = sum(outcome.result == "warning" for outcome in outcomes)
    if not as_json:
        _sum_up(session, len(failed), remarks)
    if failed:
        click.get_current_context().exit(max(finding.problem.exit_status for finding in failed))


def _sum_up(session: Session, failed: int, remarks: int) -> None:
    if failed:
        session.line(session.say("doctor.bad", count=failed), "bold red")
    elif remarks:
        session.line(session.say("doctor.remarks", count=remarks), "bold yellow")
    else:
        session.line(session.say("doctor.good"), "bold green")


def _examine(session: Session) -> Iterator[Outcome]:
    for detail, finding in _packages():
        yield Outcome("packages", detail, finding)
    try:
        settings = load(session.config_file())
    except ConfigErrors as errors:
        for finding in errors.findings:
            yield Outcome("config", finding.where, finding)
        return
    except Trouble as trouble:
        yield Outcome("config", trouble.finding.where, trouble.finding)
        return
    yield Outcome("config", str(settings.path))
    for remark in settings.remarks:
        yield Outcome("config", remark.where, remark)
    # Imported only now: a library that is missing has been named above, and is no reason to say nothing else.
    checkup = import_module("edxml_router.cli.checkup")
    instead: Mapping[str, Check] = {}
    for name, check in checkup.CHECKS.items():
        for outcome in _outcomes(name, instead.get(name, check), settings):
            yield outcome
            if name == "database" and outcome.finding:
                instead = checkup.WITHOUT_DATABASE


def _outcomes(name: str, check: Check, settings: Settings) -> Iterator[Outcome]:
    try:
        for detail, finding in check(settings):
            yield Outcome(name, detail, finding)
    except ConfigErrors as errors:
        for finding in errors.findings:
            yield Outcome(name, finding.where, finding)
    except Trouble as trouble:
        yield Outcome(name, trouble.finding.where, trouble.finding)


def _packages() -> Iterator[tuple[str, Finding | None]]:
    """What the program needs at run time; whether the versions fit is the installer's business."""
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


def _show(session: Session, outcome: Outcome, as_json: bool) -> None:
    finding = outcome.finding
    if as_json:
        session.json(health_shape(outcome.check, outcome.detail, finding))
        return
    style = {"ok": "green", "warning": "yellow", "failed": "bold red"}[outcome.result]
    name, result = session.say(f"doctor.{outcome.check}"), session.say(f"doctor.{outcome.result}")
    session.line(f"{result:<9} {name}: {session.detail(outcome.detail)}", style)
    if finding:
        session.problem(finding, out=True)
