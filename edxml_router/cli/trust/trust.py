"""``edxml-router trust``: whom this node trusts, who may sign for which agency, and the kill switch.

Everything is a file: authorities' certificates and the table of bindings. A running node notices a change by itself
within a second or two, in every worker. Each act is journalled with the operator's name and reason.
"""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import click

from edxml_router.cli.acting import account
from edxml_router.cli.commands import Group, exit_with
from edxml_router.cli.session import Session, for_people, json_option, pass_session, what_was_wrong, wide_option
from edxml_router.core.detail import Detail
from edxml_router.core.problems import Finding
from edxml_router.core.trust.bindings import Act, BindingRow, parse_moment
from edxml_router.core.trust.expiry import Expiry
from edxml_router.services.trust import authorities, bindings
from edxml_router.services.trust.bindings import BindingChange, Period
from edxml_router.services.trust.expiries import expiries, needs_attention
from edxml_router.shapes.trust import (
    AuthorityShape,
    ExpiryShape,
    binding_change_shape,
    binding_shape,
    expiry_shape,
)

_FIRST, _LAST = BindingRow(Act.BLOCK, "").since, BindingRow(Act.BLOCK, "").until

_key = click.argument("key", metavar="KEY")
_agency = click.argument("agency", metavar="CODE")
_since = click.option("--since", default="", metavar="WHEN", help="First day, or a moment with a zone; now without.")
_until = click.option("--until", default="", metavar="WHEN", help="Last day, or a moment with a zone.")
_reason = click.option("--reason", required=True, help="Why, and who decided; stands in the table and the journal.")
_why = click.option("--reason", required=True, help="Why, and who decided; stands in the journal.")


@click.group(cls=Group)
def trust() -> None:
    """Say whom to trust, and who may sign for which agency. KEY is a certificate's file, or the SHA-256 of its public
    key, or the beginning of one that `trust status` or `trust list` shows."""


@trust.command("list")
@wide_option
@json_option
@pass_session
def list_(session: Session, as_json: bool) -> None:
    """List bindings, delegations and blocks, and which are in force."""
    now = datetime.now(UTC)
    rows = bindings.rows(session.settings())
    if as_json:
        for row in rows:
            session.json(binding_shape(row, now))
        return
    shown = [
        (str(row.act), row.subject, row.agency, *_dates(session, row), session.say(_state(row, now)), row.reason)
        for row in rows
    ]
    session.table(
        ("act", "subject", "agency", "since", "until", "state", "reason"), shown, spare=("since", "until", "reason")
    )


@trust.command()
@json_option
@pass_session
def status(session: Session, as_json: bool) -> None:
    """Show how long everything that trust hangs on still holds.

    Authorities, own and neighbours' certificates, signers of the last 90 days, revocation lists, answers of responders
    (OCSP).

    Warns 60, 30, 7 days and 1 day before something ends, and marks what is blocked. Exit status 75 when something has
    ended, ends within a week or cannot be used; a longer warning and a block alone are only remarks.
    """
    settings, now = session.settings(), datetime.now(UTC)
    found = expiries(settings, now)
    if as_json:
        for one in found:
            session.json(_expiry(one, now))
    else:
        shown = [
            (session.say(f"trust.{one.kind}"), one.name, one.until, _days(one, now), _said(session, one))
            for one in sorted(found, key=lambda one: one.finding is not None)
        ]
        session.table(("kind", "name", "until", "#days", "problem"), shown)
    exit_with([one.finding for one in found if needs_attention(one)])


@trust.command()
@click.argument("file", type=click.Path(path_type=Path))
@_why
@click.option("--yes", is_flag=True, help="Do not ask; the fingerprints were compared.")
@json_option
@pass_session
def add(session: Session, file: Path, reason: str, yes: bool, as_json: bool) -> None:
    """Trust the authorities in FILE, after showing them.

    FILE is PEM, DER or PKCS#7. Roots go to the file that trust.anchors names, others to that of trust.intermediates.

    Compare the fingerprint of a root with what the authority publishes: whoever holds its key speaks for everybody.
    """
    settings = session.settings()
    new = authorities.read(settings, file)
    if not as_json:
        shown = [(one.name, one.until, one.fingerprint, one.file) for one in new]
        session.table(("name", "until", "fingerprint", "file"), shown)
    if not yes and not click.confirm(session.say("trust.ask"), err=True):
        raise click.Abort
    for one in new:
        added, trouble = authorities.add(settings, one, reason, account())
        if as_json:
            told: AuthorityShape = {
                "subject": one.name,
                "fingerprint": one.fingerprint,
                "file": str(one.file),
                "written": added,
            }
            session.json(told)
        elif not added:
            session.line(session.say("trust.there", name=one.name))
        _end_with(session, trouble)


@trust.command()
@_key
@_agency
@_since
@_until
@_reason
@json_option
@pass_session
def bind(session: Session, key: str, agency: str, since: str, until: str, reason: str, as_json: bool) -> None:
    """Let KEY sign for the agency CODE. From then on the codes in its certificate no longer count."""
    period = _period(since, until)
    _show(session, bindings.bind(session.settings(), key, agency, period, reason, account()), as_json)


@trust.command()
@_key
@_agency
@_why
@json_option
@pass_session
def unbind(session: Session, key: str, agency: str, reason: str, as_json: bool) -> None:
    """End the binding of KEY to the agency CODE, now. The codes in its certificate do not count again."""
    _show(session, bindings.unbind(session.settings(), key, agency, reason, account()), as_json)


@trust.command()
@click.argument("parent")
@_agency
@_since
@_until
@_reason
@json_option
@pass_session
def delegate(session: Session, parent: str, agency: str, since: str, until: str, reason: str, as_json: bool) -> None:
    """Let the signers of the agency PARENT sign for CODE as well."""
    period = _period(since, until)
    _show(session, bindings.delegate(session.settings(), parent, agency, period, reason, account()), as_json)


@trust.command()
@click.argument("parent")
@_agency
@_why
@json_option
@pass_session
def undelegate(session: Session, parent: str, agency: str, reason: str, as_json: bool) -> None:
    """End the delegation from PARENT to the agency CODE, now."""
    _show(session, bindings.undelegate(session.settings(), parent, agency, reason, account()), as_json)


@trust.command()
@click.argument("subject", metavar="KEY|CODE")
@_since
@_until
@_reason
@json_option
@pass_session
def block(session: Session, subject: str, since: str, until: str, reason: str, as_json: bool) -> None:
    """Accept nothing more from KEY or CODE: the kill switch.

    A KEY counts for nothing any more, whoever has it: a signer, whatever it is bound or delegated to; an authority,
    with everything signed below it; a responder (OCSP); a neighbour, whose receipts no longer count. The SHA-256 of a
    whole certificate may be given too: then this certificate is blocked, and its key in another one is not.

    A CODE stops all mail that this agency sends, signed or not, and every key of it (that its certificate names, or
    that is bound to it) also where it signs for others. A key of several agencies signs for none of them. Agencies
    below the code are not covered: each is blocked by itself. What others send to the agency is delivered.

    What was accepted before stays accepted. Connections of a node or an office are the broker's: remove its user.
    """
    period = _period(since, until)
    _show(session, bindings.block(session.settings(), subject, period, reason, account()), as_json)


trust.add_command(block, "revoke")  # the word that people look for


@trust.command()
@click.argument("subject", metavar="KEY|CODE")
@_why
@json_option
@pass_session
def unblock(session: Session, subject: str, reason: str, as_json: bool) -> None:
    """End the block of KEY or CODE, now."""
    _show(session, bindings.unblock(session.settings(), subject, reason, account()), as_json)


def _period(since: str, until: str) -> Period:
    try:
        begin = parse_moment(since, datetime.now(UTC).replace(microsecond=0), last=False)
        period = Period(begin, parse_moment(until, _LAST, last=True))
    except ValueError as error:
        raise click.UsageError(what_was_wrong(error)) from error
    if period.since >= period.until:
        raise click.UsageError(for_people(Detail("--until is before --since")))
    return period


def _show(session: Session, change: BindingChange, as_json: bool) -> None:
    row = change.row
    if as_json:
        session.json(binding_change_shape(row, datetime.now(UTC), written=change.written, remarks=change.remarks))
    else:
        session.line(_told(session, row, "trust.written" if change.written else "trust.covered"))
        for remark in change.remarks:
            session.problem(remark)
    _end_with(session, change.trouble)


def _end_with(session: Session, trouble: Finding | None) -> None:
    """The file is written; what went wrong afterwards is told behind it."""
    if trouble is not None:
        session.problem(trouble)
        exit_with([trouble])


def _told(session: Session, row: BindingRow, key: str) -> str:
    since, until = _dates(session, row)
    return session.say(key, row=f"{row.act} {row.subject} {row.agency}".strip(), since=since, until=until)


def _state(row: BindingRow, now: datetime) -> str:
    if row.in_force(now):
        return "trust.in_force"
    return "trust.over" if row.until <= now else "trust.later"


def _dates(session: Session, row: BindingRow) -> tuple[str, str]:
    """For people, in the time of this machine; empty where there is no bound."""
    since = "" if row.since == _FIRST else session.shown(row.since)
    until = "" if row.until == _LAST else session.shown(row.until)
    return since, until


def _days(one: Expiry, now: datetime) -> int | None:
    return (one.until - now).days if one.until else None


def _said(session: Session, one: Expiry) -> str:
    if one.finding is None:
        return ""
    if one.blocked:
        return session.say("trust.blocked")
    if one.finding.code in ("EDX914", "EDX917"):
        said = session.say("trust.soon", days=one.threshold) if one.threshold else session.say(_ended(one))
        return f"{one.finding.code} {said}"
    return f"{one.finding.code} {one.finding.title(session.language)}"


def _ended(one: Expiry) -> str:
    """A list or an answer past its date serves for a while."""
    return "trust.stale" if one.kind in ("list", "answer") else "trust.ended"


def _expiry(one: Expiry, now: datetime) -> ExpiryShape:
    return expiry_shape(
        one.kind,
        one.name,
        one.until,
        one.finding,
        now,
        threshold=one.threshold,
        key=one.key,
        fingerprint=one.fingerprint,
        blocked=one.blocked,
    )
