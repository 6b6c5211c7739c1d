"""``edxml-router trust``: who may sign for which agency, and the kill switch.

All commands but ``list`` write the table that ``trust.bindings`` names; a running node notices by itself within a
second or two, in every worker. Certificates and revocation lists are files named in the configuration; `doctor`
shows when they end.
"""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import click

from edxml_router import wiring
from edxml_router.cli.commands import Group
from edxml_router.cli.session import Session, json_option, pass_session
from edxml_router.config import Settings
from edxml_router.core.agency_code import AgencyCode
from edxml_router.core.authority import SPKI, Act, Row, moment
from edxml_router.core.certificate import spki_sha256
from edxml_router.core.problems import Refusal
from edxml_router.store import trust_files
from edxml_router.store.keys import load_certificates

_FIRST, _LAST = Row(Act.BLOCK, "").since, Row(Act.BLOCK, "").until

_key = click.argument("key", metavar="KEY")
_agency = click.argument("agency", metavar="CODE")
_since = click.option("--since", default="", metavar="WHEN", help="First day, or a moment with a zone; now without.")
_until = click.option("--until", default="", metavar="WHEN", help="Last day, or a moment with a zone.")
_reason = click.option("--reason", required=True, help="Why, and who decided; stands in the table.")


@click.group(cls=Group)
def trust() -> None:
    """Say who may sign for which agency. KEY is a certificate's file, or the SHA-256 of its public key."""


@trust.command("list")
@json_option
@pass_session
def list_(session: Session, as_json: bool) -> None:
    """List the table: bindings, delegations and blocks, and whether each is in force now."""
    now = datetime.now(UTC)
    rows = trust_files.read(_table(session.settings())).rows
    if as_json:
        for row in rows:
            session.json({**_fields(row), "in_force": row.in_force(now)})
        return
    shown = [
        (str(row.act), row.subject, row.agency, *_dates(row), session.say(_state(row, now)), row.reason) for row in rows
    ]
    session.table(("act", "subject", "agency", "since", "until", "state", "reason"), shown)


@trust.command()
@_key
@_agency
@_since
@_until
@_reason
@pass_session
def bind(session: Session, key: str, agency: str, since: str, until: str, reason: str) -> None:
    """Let KEY sign for the agency CODE. From then on the codes in its certificate no longer count."""
    settings = session.settings()
    _add(session, settings, Act.BIND, _spki(key), _code(settings, agency), since, until, reason)


@trust.command()
@_key
@_agency
@pass_session
def unbind(session: Session, key: str, agency: str) -> None:
    """End the binding of KEY to the agency CODE, now."""
    settings = session.settings()
    _end(session, settings, Act.BIND, _spki(key), _code(settings, agency))


@trust.command()
@click.argument("parent")
@_agency
@_since
@_until
@_reason
@pass_session
def delegate(session: Session, parent: str, agency: str, since: str, until: str, reason: str) -> None:
    """Let the signers of the agency PARENT sign for the agency CODE as well."""
    settings = session.settings()
    _add(session, settings, Act.DELEGATE, _code(settings, parent), _code(settings, agency), since, until, reason)


@trust.command()
@click.argument("parent")
@_agency
@pass_session
def undelegate(session: Session, parent: str, agency: str) -> None:
    """End the delegation from PARENT to the agency CODE, now."""
    settings = session.settings()
    _end(session, settings, Act.DELEGATE, _code(settings, parent), _code(settings, agency))


@trust.command()
@click.argument("subject", metavar="KEY|CODE")
@_since
@_until
@_reason
@pass_session
def block(session: Session, subject: str, since: str, until: str, reason: str) -> None:
    """Accept nothing more that is signed with KEY, or sent by the agency CODE: the kill switch."""
    settings = session.settings()
    _add(session, settings, Act.BLOCK, _subject(settings, subject), "", since, until, reason)


@trust.command()
@click.argument("subject", metavar="KEY|CODE")
@pass_session
def unblock(session: Session, subject: str) -> None:
    """End the block of KEY or CODE, now."""
    settings = session.settings()
    _end(session, settings, Act.BLOCK, _subject(settings, subject), "")


def _add(
    session: Session, settings: Settings, act: Act, subject: str, agency: str, since: str, until: str, reason: str
) -> None:
    try:
        begin = moment(since, datetime.now(UTC).replace(microsecond=0), last=False)
        row = Row(act, subject, agency, begin, moment(until, _LAST, last=True), reason)
    except ValueError as error:
        raise click.UsageError(str(error)) from error
    if row.since >= row.until:
        raise click.UsageError("--until is before --since")
    trust_files.append(_table(settings), row)
    _told(session, row)


def _end(session: Session, settings: Settings, act: Act, subject: str, agency: str) -> None:
    now = datetime.now(UTC).replace(microsecond=0)
    trust_files.end(_table(settings), act, subject, agency, now)
    _told(session, Row(act, subject, agency, until=now))


def _told(session: Session, row: Row) -> None:
    since, until = _dates(row)
    session.line(session.say("trust.written", row=f"{row.act} {row.subject} {row.agency}".strip(), since=since,
                             until=until))  # fmt: skip


def _table(settings: Settings) -> Path:
    if settings.trust.bindings is None:
        raise Refusal("EDX901", where="trust.bindings", detail="name a file for the table, such as bindings.csv")
    return settings.trust.bindings


def _spki(text: str) -> str:
    """The key's name: given as such, or that of the first certificate in a file."""
    plain = text.replace(":", "").lower()
    return plain if SPKI.fullmatch(plain) else spki_sha256(load_certificates(Path(text))[0])


def _code(settings: Settings, text: str) -> str:
    """The canonical code. An agency that is in no catalogue may be written all the same: it may come later."""
    return wiring.load_registry(settings).canonical_or_none(text) or AgencyCode.parse(text).canonical()


def _subject(settings: Settings, text: str) -> str:
    """A key or an agency. What is a file, or looks like a key, is a key."""
    if SPKI.fullmatch(text.replace(":", "").lower()) or Path(text).is_file():
        return _spki(text)
    return _code(settings, text)


def _state(row: Row, now: datetime) -> str:
    if row.in_force(now):
        return "trust.in_force"
    return "trust.over" if row.until <= now else "trust.later"


def _dates(row: Row) -> tuple[str, str]:
    """For people, in the time of this machine; empty where there is no bound."""
    since = "" if row.since == _FIRST else f"{row.since.astimezone():%Y-%m-%d %H:%M:%S}"
    until = "" if row.until == _LAST else f"{row.until.astimezone():%Y-%m-%d %H:%M:%S}"
    return since, until


def _fields(row: Row) -> dict[str, str | None]:
    return {
        "act": str(row.act),
        "subject": row.subject,
        "agency": row.agency or None,
        "since": None if row.since == _FIRST else row.since.isoformat(),
        "until": None if row.until == _LAST else row.until.isoformat(),
        "reason": row.reason,
    }
