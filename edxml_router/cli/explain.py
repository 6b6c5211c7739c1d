"""``edxml-router explain``: what a problem code means, who must act, and what to do."""

from __future__ import annotations

import click

from edxml_router.cli.commands import Command
from edxml_router.cli.session import Session, json_option, pass_session
from edxml_router.core.problems import FAMILIES, PROBLEMS
from edxml_router.services import naming
from edxml_router.shapes.problem import explanation_shape


@click.command(cls=Command)
@click.argument("code", required=False)
@json_option
@pass_session
def explain(session: Session, code: str | None, as_json: bool) -> None:
    """Explain a problem CODE; without it, list all of them.

    CODE is as shown (EDX304), its number, or its name (signature-doubled).
    """
    if code is None:
        _list(session, as_json)
        return
    problem = naming.problem_named(code)
    if as_json:
        session.json(explanation_shape(problem))
        return
    session.line(f"{problem.code} {problem.title[session.language]}", "bold")
    session.line(problem.remedy[session.language])
    rows = {
        "family": session.detail(FAMILIES[problem.family]),
        "who": session.say(f"actor.{problem.actor}"),
        "weight": session.say(f"weight.{problem.weight}"),
        "http": str(problem.http_status),
        "exit": str(problem.exit_status),
    }
    width = max(len(session.say(f"explain.{key}")) for key in rows)
    for key, value in rows.items():
        session.line(f"  {session.say(f'explain.{key}'):<{width}}  {value}")


def _list(session: Session, as_json: bool) -> None:
    if as_json:
        for problem in PROBLEMS.values():
            session.json(explanation_shape(problem))
        return
    rows = [(problem.code, problem.title[session.language]) for problem in PROBLEMS.values()]
    session.table(("code", "problem"), rows)
