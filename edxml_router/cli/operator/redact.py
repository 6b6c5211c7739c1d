"""``edxml-router redact``: erase what could name a person, and keep every proof."""

from __future__ import annotations

import click

from edxml_router.cli.acting import account
from edxml_router.cli.commands import Command
from edxml_router.cli.session import Session, json_option, pass_session
from edxml_router.core.delivery.entries.redaction import require_ground
from edxml_router.services.retention import redacting
from edxml_router.services.retention.redacting import RedactionPlan
from edxml_router.shapes.keeping.redaction import planned_redaction_shape, redaction_shape
from edxml_router.wiring.opening import node_of


@click.command(cls=Command)
@click.argument("document")
@click.option("--recipient", metavar="CODE", default="", help="Only what the office of this agency wrote.")
@click.option("--letter", is_flag=True, help="Remove the letter's bytes as well.")
@click.option("--ground", metavar="NUMBER", default="", help="Number of the law, order or request.")
@click.option("--dry-run", is_flag=True, help="Only show what would go.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@json_option
@pass_session
def redact(
    session: Session,
    document: str,
    recipient: str,
    letter: bool,
    ground: str,
    dry_run: bool,
    yes: bool,
    as_json: bool,
) -> None:
    """Erase words about a DOCUMENT that could name a person.

    These are what people wrote when they sent it back: words that the journal does not hold, only a digest of them.
    Words and salt go, here and for good; entries and their proofs stay, and `journal verify` names each erasure. A
    signed statement of the outcome that has the words in it goes with them. Codes, times and agencies are no person's
    words, and stay.

    DOCUMENT is a DocumentId, or the beginning (8 characters or more) of an envelope's SHA-256. What goes is shown
    first. A document that is held stays as it is. Other nodes on the way, and back-ups, keep what they have.
    """
    settings = session.settings()
    if not dry_run:
        require_ground(ground)
    with node_of(settings) as node:
        plan = redacting.plan_redaction(node, document, recipient, letter=letter)
        if as_json and dry_run:
            session.json(planned_redaction_shape(plan.document, plan.words, plan.letters))
            return
        if not as_json:
            _show(session, plan)
        if dry_run:
            return
        if not yes:
            click.confirm(session.say("redact.sure"), abort=True, err=True)
        done = redacting.redact(node, plan, account(), ground)
        forgotten = redacting.forget(node)
    if as_json:
        for one in done:
            session.json(redaction_shape(one))
        return
    words = sum(len(one.commitments) for one in done)
    letters = sum(one.letter for one in done)
    session.line(session.say("redact.done", words=words, letters=letters), "green")
    if not forgotten:
        session.line(session.say("redact.later"), "yellow")


def _show(session: Session, plan: RedactionPlan) -> None:
    for one in plan.words:
        session.line(session.say("redact.words", recipient=one.recipient, digest=one.digest[:16]), "bold")
        session.line(f"  {one.words}")
    for digest in plan.letters:
        session.line(session.say("redact.letter", digest=digest[:16]), "bold")
    if plan.written:
        session.line(session.say("redact.written", count=plan.written), "yellow")
