"""``edxml-router comply``: the controls of the law that concern an exchange, and how this node stands."""

from __future__ import annotations

from collections import Counter
from typing import Final

import click

from edxml_router.cli.commands import Command, exit_with
from edxml_router.cli.session import Session, json_option, pass_session
from edxml_router.core.detail import Detail
from edxml_router.services.compliance.assessing import Assessment, assess
from edxml_router.services.compliance.rules import LEVELS
from edxml_router.shapes.evidence.control import ControlShape, control_shape

_STYLES: Final = {"met": "green", "gap": "bold red", "not-measured": "yellow"}
_WORDS: Final = {"met": Detail("met"), "gap": Detail("gap"), "not-measured": Detail("not measured")}
_VERIFIED: Final = Detail("text verified")


@click.command(cls=Command)
@click.option("--level", type=click.Choice([str(one) for one in LEVELS]), required=True, help="Security level.")
@json_option
@pass_session
def comply(session: Session, level: str, as_json: bool) -> None:
    """Measure the controls of TCVN 14423 and QCVN 12 of 2026.

    Of each control that concerns an exchange: the rule and clause, the setting, the value in effect, what was measured,
    the gap, and what helps. What cannot be seen from here is "not measured", never "met". The official texts were not
    at hand: each row says where its wording is from, and this is no assessment in the sense of the law.

    Exit status 1 with a gap.
    """
    found: list[Assessment] = []
    for one in assess(session.settings(), int(level)):
        found.append(one)
        if as_json:
            session.json(_shape(one))
        else:
            _show(session, one)
    counts = Counter(one.measurement.compliance for one in found)
    if not as_json:
        told = Detail(
            "{met} met, {gaps} gaps, {others} not measured, of {all} controls of level {level}",
            met=counts["met"], gaps=counts["gap"], others=counts["not-measured"], all=len(found), level=level,
        )  # fmt: skip
        session.line(session.detail(told), "bold red" if counts["gap"] else "bold green")
    exit_with([one.finding for one in found])


def _shape(one: Assessment) -> ControlShape:
    control, measured = one.control, one.measurement
    return control_shape(
        control.name,
        (control.rule.name, control.clause, control.rule.verified, control.rule.source),
        control.least_level,
        control.requirement,
        control.setting,
        (measured.compliance, measured.in_effect, measured.evidence),
        control.remedy,
        one.finding,
    )


def _show(session: Session, one: Assessment) -> None:
    control, measured = one.control, one.measurement
    word = session.detail(_WORDS[measured.compliance])
    session.line(f"{word}: {session.detail(control.requirement)}", _STYLES[measured.compliance])
    source = Detail("text not verified: {source}", source=control.rule.source)
    verified = _VERIFIED if control.rule.verified else source
    where = " ".join(part for part in (control.rule.name, control.clause) if part)
    lines = {
        Detail("rule"): f"{where} ({session.detail(verified)})",
        Detail("setting"): control.setting,
        Detail("in effect"): session.detail(measured.in_effect),
        Detail("measured"): session.detail(measured.evidence),
        Detail("remedy"): session.detail(control.remedy) if measured.compliance == "gap" else "",
    }
    width = max(len(session.detail(name)) for name in lines)
    for name, text in lines.items():
        if text and text != "–":
            session.line(f"  {session.detail(name):<{width}}  {text}")
