"""``edxml-router audit replay``: judge a letter again by the rules of its day."""

from __future__ import annotations

import click

from edxml_router.cli.acting import account
from edxml_router.cli.asking import database_option, open_asked
from edxml_router.cli.commands import Command, Group
from edxml_router.cli.session import Session, json_option, pass_session, wide_option
from edxml_router.core.problems import EXIT_REFUSED, PROBLEMS
from edxml_router.services.asking import readings
from edxml_router.services.replay import judging
from edxml_router.services.replay.judging import ReplayedDecision
from edxml_router.shapes.evidence.replay import deviation_shape, replay_shape
from edxml_router.wiring.reading import DatabasePlace


@click.group(cls=Group)
def audit() -> None:
    """Look again at what this node decided."""


@audit.command(cls=Command)
@click.argument("document")
@click.option("--recipient", metavar="CODE", help="Of the routes only the one to this agency.")
@click.option(
    "--rules",
    type=click.Choice(["then", "today"]),
    default="then",
    show_default=True,
    help="Those of the day of the decision, or those in force now.",
)
@database_option
@wide_option
@json_option
@pass_session
def replay(
    session: Session,
    document: str,
    recipient: str | None,
    rules: str,
    database: DatabasePlace | None,
    as_json: bool,
) -> None:
    """Judge a DOCUMENT again and compare with what was decided.

    It is judged as it was then: by the rules that the entry of the decision names, at that moment, with the revocation
    lists and answers of then. With --rules today it is judged as if it came now, by the rules in force now, which tells
    what has changed since.

    DOCUMENT is a DocumentId, or the beginning (8 characters or more) of an envelope's SHA-256. What was refused can be
    judged again as long as it lies in the quarantine.

    The exit status is 0 when everything comes out the same, and 1 when something does not, or cannot. Nothing is
    changed; that the letter was looked at becomes an entry of the journal.
    """
    today = rules == "today"
    asking = {"document": document, "recipient": recipient, "rules": rules}
    with (
        open_asked(session, database) as asked,
        readings.noted(asked, account(), "audit replay", asking, session.problem) as reading,
    ):
        replayed = judging.replay(
            asked,
            document,
            asked.canonical(recipient) if recipient else "",
            (lambda: judging.rules_today(session.settings())) if today else None,
        )
        reading.count = 1
    if as_json:
        session.json(_shape(replayed))
    else:
        _show(session, replayed)
    if not replayed.same:
        click.get_current_context().exit(EXIT_REFUSED)


def _shape(replayed: ReplayedDecision) -> object:
    decided = replayed.decided
    return replay_shape(
        decided.digest,
        decided.document,
        decided.at,
        decided.line.position,
        accepted=decided.accepted,
        code=decided.line.entry.code,
        judged=replayed.outcome,
        judged_code=replayed.code,
        rules=decided.rules,
        judged_rules=replayed.digests,
        today=replayed.today,
        program=replayed.program,
        unjudged=replayed.unjudged,
        same=replayed.same,
        deviations=[deviation_shape(one.name, one.recipient, one.then, one.now) for one in replayed.differences],
    )


def _show(session: Session, replayed: ReplayedDecision) -> None:
    decided = replayed.decided
    session.line(decided.document or decided.digest, "bold")
    place = "–" if decided.line.position is None else session.shown(decided.line.position)
    then = session.say("replay.decided_at", at=session.shown(decided.at), position=place)
    used = session.say("replay.of_today") if replayed.today else session.say(
        "replay.of_then", digest=decided.rules.get("set", "")[:16], program=replayed.program
    )  # fmt: skip
    rows = [
        ("col.envelope", decided.digest),
        ("replay.decided", f"{_outcome(session, decided.outcome, decided.line.entry.code)}, {then}"),
        ("replay.rules", used),
        ("replay.judged", _outcome(session, replayed.outcome, replayed.code)),
    ]
    width = max(len(session.say(key)) for key, _ in rows)
    for key, value in rows:
        session.line(f"  {session.say(key):<{width}}  {value}")
    if replayed.judged.trouble is not None and not replayed.same:
        session.problem(replayed.judged.trouble.finding, out=True)
    for name, old, new in replayed.tools:
        session.line(session.say(f"replay.other_{name}", then=old, now=new), "yellow")
    if replayed.unjudged:
        session.line(session.say("replay.unjudged", code=replayed.unjudged), "yellow")
    elif replayed.same:
        session.line(session.say("replay.same"), "green")
    else:
        session.line(session.say("replay.differs", count=len(replayed.differences)), "red")
        session.table(
            ("what", "recipient", "then", "now"),
            [
                (
                    session.say(f"replay.what.{one.name}"),
                    one.recipient,
                    _value(session, one.name, one.then),
                    _value(session, one.name, one.now),
                )
                for one in replayed.differences
            ],
            spare=("recipient",),
        )


def _value(session: Session, name: str, value: str) -> str:
    return session.say(f"replay.outcome.{value}") if name == "outcome" else value or "–"


def _outcome(session: Session, outcome: str, code: str) -> str:
    said = session.say(f"replay.outcome.{outcome}")
    title = PROBLEMS[code].title[session.language] if code in PROBLEMS else ""
    return f"{said}: {code} {title}" if code else said
