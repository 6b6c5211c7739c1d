"""``edxml-router trace``: what became of a document, as this node knows it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Final

import click

from edxml_router.cli.acting import account
from edxml_router.cli.asking import database_option, open_asked
from edxml_router.cli.commands import Command, exit_with
from edxml_router.cli.entries import erasures, show_differences, show_lines
from edxml_router.cli.session import Session, json_option, pass_session, wide_option
from edxml_router.cli.waiting import waiting_reason
from edxml_router.core.delivery.lifecycle import outcome
from edxml_router.core.delivery.values import Delivery, EnvelopeRow
from edxml_router.core.delivery.views import Hindrance
from edxml_router.core.link.statement import EndStatement, Evidence
from edxml_router.core.link.wire import Hop
from edxml_router.core.problems import EXIT_REFUSED, PROBLEMS, Finding
from edxml_router.core.retention.values import RemovedBody
from edxml_router.services import auditor
from edxml_router.services.asking import readings
from edxml_router.services.auditor import DocumentHistory, EnvelopeStory
from edxml_router.services.waiting import hindrances
from edxml_router.shapes.history import history_shape, refused_history_shape
from edxml_router.shapes.proof import proof_status, read_statement
from edxml_router.wiring.reading import DatabasePlace

_SHOWN: Final = 50  # recipients in a table without --all


@click.command(cls=Command)
@click.argument("document")
@click.option("--recipient", metavar="CODE", help="Only the way to this agency.")
@click.option("--events", is_flag=True, help="Show every journal entry as well.")
@click.option("--all", "everything", is_flag=True, help="Show all recipients of a long list.")
@database_option
@wide_option
@json_option
@pass_session
def trace(
    session: Session,
    document: str,
    recipient: str | None,
    events: bool,
    everything: bool,
    database: DatabasePlace | None,
    as_json: bool,
) -> None:
    """Trace a DOCUMENT: hops, signature, outcome per recipient.

    DOCUMENT is a DocumentId, or the beginning (8 characters or more) of an envelope's SHA-256. Statuses about a
    document have its DocumentId and are shown with it, the oldest first. If it was only ever refused, the exit status
    is that of the refusal.

    The story is that of the journal's entries. Rows of the tables that do not follow from them are named, and not
    believed; the exit status is 70 then.
    """
    asking = {"document": document, "recipient": recipient}
    with (
        open_asked(session, database) as asked,
        readings.noted(asked, account(), "trace", asking, session.problem) as reading,
    ):
        past = auditor.history(asked.views, document, asked.canonical(recipient) if recipient else "")
        reading.count = len(past.told) or len(past.refused)
        deliveries = [one for told in past.told for one in told.trace.deliveries]
        # A copy's workers are not there, and an older one has no place for what they knew.
        kept_by = {} if database else hindrances(asked.views, deliveries, datetime.now(UTC))
    if not past.told:
        if past.refused or past.lines or as_json:
            _show_refused(session, document, past, as_json=as_json)
        _end_with_differences(session, past)
        codes = {*(one.code for one in past.refused), *(one.entry.code for one in past.lines)} & PROBLEMS.keys()
        exit_with([Finding(code) for code in codes])
        click.get_current_context().exit(EXIT_REFUSED)
    for told in past.told:
        if as_json:
            differing = [*auditor.differences(told.trace.damages), *past.unfounded]
            facts = (told.trace, told.paths, told.proofs, told.changes, past.refused, kept_by, differing, told.gone)
            session.json(history_shape(*facts))
            continue
        _show(session, told, None if everything else _SHOWN, kept_by)
        if events:
            show_lines(session, told.trace.lines)
    if past.refused:
        numbers = ", ".join(f"{item.number} ({item.code})" for item in past.refused)
        session.note(session.say("trace.also_refused", numbers=numbers), "yellow")
    _end_with_differences(session, past)


def _end_with_differences(session: Session, past: DocumentHistory) -> None:
    found = [finding for told in past.told for finding in auditor.differences(told.trace.damages)]
    show_differences(session, [*found, *past.unfounded])


def _show_refused(session: Session, document: str, past: DocumentHistory, *, as_json: bool) -> None:
    if as_json:
        session.json(refused_history_shape(past.refused, past.lines, past.unfounded))
        return
    session.line(session.say("trace.refused", document=document), "bold red")
    for item in past.refused:
        session.problem(Finding(item.code, item.where, item.detail), out=True)
        times = {"at": session.shown(item.last_at), "peer": item.peer, "channel": item.channel, "count": item.count}
        session.line("  " + session.say("trace.quarantined", number=item.number, digest=item.digest, **times))
    if past.lines:
        show_lines(session, past.lines)


def _show(session: Session, told: EnvelopeStory, most: int | None, kept_by: Mapping[int, Hindrance]) -> None:
    envelope, deliveries, paths = told.trace.envelope, told.trace.deliveries, told.paths
    kind = session.say(f"kind.{envelope.kind}")
    what = envelope.status_code or session.say(f"business.{envelope.business}")
    session.line(f"{envelope.document_id}  ({kind}, {what})", "bold")
    rows = [
        ("col.envelope", f"{envelope.digest}, {envelope.size} B"),
        ("col.sender", envelope.sender),
        ("trace.accepted", f"{session.shown(envelope.accepted_at)}, {envelope.peer} ({envelope.channel})"),
        ("trace.signature", _signature(session, envelope)),
        ("trace.hops", trail(session, envelope.hops)),
        ("trace.outcome", session.say(f"outcome.{outcome(one.state for one in deliveries)}")),
    ]
    if told.gone is not None:
        rows.append(("trace.body", removed(session, told.gone)))
    rows += [("trace.redacted", told) for told in erasures(session, told.trace.lines)]
    if envelope.business and envelope.refers_to:
        rows.append((f"trace.changes.{envelope.business}", ", ".join(envelope.refers_to)))
    for one in told.changes:
        said = one.envelope.document_id, session.shown(one.envelope.accepted_at), session.say(f"outcome.{one.outcome}")
        rows.append((f"trace.changed.{one.envelope.business}", ", ".join(said)))
    width = max(len(session.say(key)) for key, _ in rows)
    for key, value in rows:
        session.line(f"  {session.say(key):<{width}}  {value}")
    shown = deliveries[:most]
    session.table(
        ("#id", "recipient", "state", "at", "proof", "route", "problem"),
        [
            (
                one.id,
                one.recipient,
                session.say(f"state.{one.state}"),
                one.updated_at,
                proof(session, told.proofs.get(one.recipient)),
                trail(session, paths[one.recipient]) if one.recipient in paths else one.route,
                _problem(session, one, kept_by.get(one.id)),
            )
            for one in shown
        ],
        spare=("id", "proof", "route"),
    )
    if told.trace.untold:
        names = ", ".join(each or session.say("col.envelope") for each in told.trace.untold[:_SHOWN])
        session.line(session.say("trace.table_only", names=names), "yellow")
    if len(deliveries) > len(shown):
        session.line(session.say("trace.more", count=len(deliveries) - len(shown)))


def _signature(session: Session, envelope: EnvelopeRow) -> str:
    signer = f", SPKI {envelope.signer[:16]}…" if envelope.signer else ""
    return f"{session.say(f'signature.{envelope.indication}')} ({envelope.reason}{signer})"


def removed(session: Session, gone: RemovedBody) -> str:
    """Why a body is not here."""
    at = session.shown(gone.removal.at)
    return session.say("retention.removed", at=at, rule=gone.removal.rule, position=gone.position)


def trail(session: Session, hops: Sequence[Hop]) -> str:
    """The nodes passed, each with the time of its own clock. The day is given where it changes, so that a clock that is
    days ahead shows."""
    steps, day = [], None
    for hop in hops:
        at = hop.at.astimezone()
        steps.append(f"{hop.node} {at:%H:%M:%S}" if at.date() == day else f"{hop.node} {session.shown(at)}")
        day = at.date()
    return " → ".join(steps)


def proof(session: Session, evidence: Evidence | None) -> str:
    """Whether the node where a delivery ended has signed that, and which one it was."""
    if evidence is None:
        return ""
    end = read_statement(EndStatement.read, evidence.end) if evidence.end else None
    status, doubt = proof_status(evidence), evidence.doubt
    said = session.say(f"proof.{status}")
    if status == "proven" and end is not None:
        return f"{said}: {end.node} {session.shown(end.at)}"
    return f"{said} ({doubt.code})" if doubt else said


def _problem(session: Session, delivery: Delivery, hindrance: Hindrance | None) -> str:
    if hindrance is not None or not delivery.code:
        return waiting_reason(session, delivery, hindrance)
    title = PROBLEMS[delivery.code].title[session.language] if delivery.code in PROBLEMS else ""
    detail = session.detail(delivery.detail)
    return f"{delivery.code} {title}" + (f": {detail}" if detail else "")
