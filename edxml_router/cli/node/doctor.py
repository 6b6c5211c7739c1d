"""``edxml-router doctor``: everything a node depends on, each with what is wrong and what helps."""

from __future__ import annotations

import click

from edxml_router.cli.commands import Command
from edxml_router.cli.session import Session, json_option, pass_session
from edxml_router.services.health.report import CheckResult, run_checks
from edxml_router.shapes.node import health_shape


@click.command(cls=Command)
@json_option
@pass_session
def doctor(session: Session, as_json: bool) -> None:
    """Check everything that the node depends on.

    Looks at packages, configuration, database, disk, certificates, catalogue, clock, hubs, and whether the node runs.

    Exit status 0 when everything is in order or only worth a remark, else that of the gravest finding.
    """
    outcomes: list[CheckResult] = []
    for outcome in run_checks(session.config_file):
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


def _show(session: Session, outcome: CheckResult, as_json: bool) -> None:
    finding = outcome.finding
    if as_json:
        session.json(health_shape(outcome.check, outcome.detail, finding))
        return
    style = {"ok": "green", "warning": "yellow", "failed": "bold red"}[outcome.result]
    name, result = session.say(f"doctor.{outcome.check}"), session.say(f"doctor.{outcome.result}")
    session.line(f"{result:<9} {name}: {session.detail(outcome.detail)}", style)
    if finding:
        session.problem(finding, out=True)
