"""``edxml-router trust``: whom this node trusts, who may sign for which agency, and the kill switch.

Everything is a file: authorities' certificates and the table of bindings. A running node notices a change by itself
within a second or two, in every worker. Each act is journalled with the operator's name and reason, after the file is
written: a block must not wait for a database.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import UTC, datetime
from pathlib import Path

import click
from cryptography import x509
from cryptography.hazmat.primitives import hashes

from edxml_router.cli import trust_names, trust_status
from edxml_router.cli.commands import Group, exit_with
from edxml_router.cli.opening import open_ledger, open_node, operator
from edxml_router.cli.session import Session, json_option, pass_session
from edxml_router.config import Settings
from edxml_router.core.agencies.registry import Registry
from edxml_router.core.delivery.journal import Entry
from edxml_router.core.problems import Refusal
from edxml_router.core.trust.bindings import Act, Row, moment
from edxml_router.core.trust.certificate import is_authority
from edxml_router.credentials import endings
from edxml_router.credentials import files as trust_files
from edxml_router.credentials.endings import Standing
from edxml_router.credentials.keys import load_certificates
from edxml_router.shapes.trust import (
    AuthorityShape,
    ExpiryShape,
    binding_change_shape,
    binding_shape,
    expiry_shape,
)
from edxml_router.wiring.node import load_registry

_FIRST, _LAST = Row(Act.BLOCK, "").since, Row(Act.BLOCK, "").until

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
@json_option
@pass_session
def list_(session: Session, as_json: bool) -> None:
    """List bindings, delegations and blocks, and which are in force."""
    now = datetime.now(UTC)
    rows = trust_files.read(session.settings().bindings).rows
    if as_json:
        for row in rows:
            session.json(binding_shape(row, now))
        return
    shown = [
        (str(row.act), row.subject, row.agency, *_dates(row), session.say(_state(row, now)), row.reason) for row in rows
    ]
    session.table(("act", "subject", "agency", "since", "until", "state", "reason"), shown)


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
    with open_node(settings) as node:
        found = [*trust_status.certificates(settings, node, now), *endings.lists(settings, now)]
    found += endings.answers(settings, now)
    if as_json:
        for one in found:
            session.json(_expiry(one, now))
    else:
        shown = [
            (session.say(f"trust.{one.kind}"), one.name, one.until, _days(one, now), _said(session, one))
            for one in sorted(found, key=lambda one: one.finding is not None)
        ]
        session.table(("kind", "name", "until", "#days", "problem"), shown)
    exit_with([one.finding for one in found if not one.blocked])


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
    new = [(_file(settings, one), one) for one in load_certificates(file)]
    fingerprints = {one: one.fingerprint(hashes.SHA256()).hex() for _, one in new}
    if not as_json:
        shown = [(one.subject.rfc4514_string(), one.not_valid_after_utc, fingerprints[one], path) for path, one in new]
        session.table(("name", "until", "fingerprint", "file"), shown)
    if not yes and not click.confirm(session.say("trust.ask"), err=True):
        raise click.Abort
    for path, one in new:
        added = trust_files.add_certificate(path, one)
        if as_json:
            name, fingerprint = one.subject.rfc4514_string(), fingerprints[one]
            told: AuthorityShape = {"subject": name, "fingerprint": fingerprint, "file": str(path), "written": added}
            session.json(told)
        elif not added:
            session.line(session.say("trust.there", name=one.subject.rfc4514_string()))
        if added:
            _note(settings, "add", f"{fingerprints[one]}: {reason}")


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
    settings = session.settings()
    registry, known = load_registry(settings), trust_names.known(settings, certificates=False)
    row = _row(Act.BIND, trust_names.key(key, known), trust_names.code(registry, agency), since, until, reason)
    _add(session, settings, registry, row, as_json)


@trust.command()
@_key
@_agency
@_why
@json_option
@pass_session
def unbind(session: Session, key: str, agency: str, reason: str, as_json: bool) -> None:
    """End the binding of KEY to the agency CODE, now. The codes in its certificate do not count again."""
    settings = session.settings()
    keys, codes = _written(settings, Act.BIND)
    subject = trust_names.key(key, lambda: keys)
    _end(session, settings, Act.BIND, subject, _code(settings, agency, codes), reason, as_json)


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
    settings = session.settings()
    registry = load_registry(settings)
    codes = trust_names.code(registry, parent), trust_names.code(registry, agency)
    _add(session, settings, registry, _row(Act.DELEGATE, *codes, since, until, reason), as_json)


@trust.command()
@click.argument("parent")
@_agency
@_why
@json_option
@pass_session
def undelegate(session: Session, parent: str, agency: str, reason: str, as_json: bool) -> None:
    """End the delegation from PARENT to the agency CODE, now."""
    settings = session.settings()
    parents, codes = _written(settings, Act.DELEGATE)
    subject = _code(settings, parent, parents)
    _end(session, settings, Act.DELEGATE, subject, _code(settings, agency, codes), reason, as_json)


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
    settings = session.settings()
    registry, known = load_registry(settings), trust_names.known(settings, certificates=True)
    row = _row(Act.BLOCK, trust_names.subject(registry, subject, known), "", since, until, reason)
    _add(session, settings, registry, row, as_json)
    trust_files.read(settings.bindings)  # a block is written whatever else is in the table; now say what is wrong


trust.add_command(block, "revoke")  # the word that people look for


@trust.command()
@click.argument("subject", metavar="KEY|CODE")
@_why
@json_option
@pass_session
def unblock(session: Session, subject: str, reason: str, as_json: bool) -> None:
    """End the block of KEY or CODE, now."""
    settings = session.settings()
    blocked, _ = _written(settings, Act.BLOCK)
    if subject not in blocked:
        subject = trust_names.subject(load_registry(settings), subject, lambda: blocked)
    _end(session, settings, Act.BLOCK, subject, "", reason, as_json)


def _row(act: Act, subject: str, agency: str, since: str, until: str, reason: str) -> Row:
    try:
        begin = moment(since, datetime.now(UTC).replace(microsecond=0), last=False)
        row = Row(act, subject, agency, begin, moment(until, _LAST, last=True), reason)
    except ValueError as error:
        raise click.UsageError(str(error)) from error
    if row.since >= row.until:
        raise click.UsageError("--until is before --since")
    return row


def _add(session: Session, settings: Settings, registry: Registry, row: Row, as_json: bool) -> None:
    there = trust_files.append(settings.bindings, row)
    codes = dict.fromkeys((row.subject, row.agency))
    remarks = [finding for each in codes if (finding := trust_names.remark(registry, each))]
    if as_json:
        session.json(binding_change_shape(there, datetime.now(UTC), written=there is row, remarks=remarks))
    else:
        session.line(_told(session, there, "trust.written" if there is row else "trust.covered"))
        for remark in remarks:
            session.problem(remark)
    if there is row:
        _note(settings, str(row.act), _what(row))


def _written(settings: Settings, act: Act) -> tuple[set[str], set[str]]:
    """The subjects and the agencies in the rows of this act, as they stand in the table."""
    rows = [row for row in trust_files.legible(settings.bindings) if row.act is act]
    return {row.subject for row in rows}, {row.agency for row in rows}


def _code(settings: Settings, text: str, written: Collection[str]) -> str:
    """A code of a row that is to end: as it stands in the table, or the canonical one."""
    return text if text in written else trust_names.code(load_registry(settings), text)


def _end(session: Session, settings: Settings, act: Act, subject: str, agency: str, reason: str, as_json: bool) -> None:
    row = Row(act, subject, agency, until=datetime.now(UTC).replace(microsecond=0), reason=reason)
    trust_files.end(settings.bindings, act, subject, agency, row.until)
    if as_json:
        session.json(binding_change_shape(row, row.until, written=True))
    else:
        session.line(_told(session, row, "trust.written"))
    _note(settings, f"un{act}", _what(row))


def _told(session: Session, row: Row, key: str) -> str:
    since, until = _dates(row)
    return session.say(key, row=f"{row.act} {row.subject} {row.agency}".strip(), since=since, until=until)


def _what(row: Row) -> str:
    return f"{' '.join(filter(None, (row.subject, row.agency)))}: {row.reason}"


def _note(settings: Settings, act: str, detail: str) -> None:
    """Into the journal: ``trust.block``, ``trust.unblock``, …"""
    entry = Entry(datetime.now(UTC), f"trust.{act}", actor=f"operator:{operator()}", detail=detail[:500])
    with open_ledger(settings) as ledger, ledger.book() as book:
        book.journal.note([entry])


def _file(settings: Settings, certificate: x509.Certificate) -> Path:
    """Where an authority's certificate belongs: who signed itself is a root."""
    name = certificate.subject.rfc4514_string()
    if not is_authority(certificate):
        raise Refusal("EDX310", where=name, detail="not an authority's certificate; `trust bind` is for signers")
    if certificate.not_valid_after_utc < datetime.now(UTC):
        raise Refusal("EDX309", where=name, detail=f"valid until {certificate.not_valid_after_utc:%Y-%m-%d}")
    root = certificate.issuer == certificate.subject
    path = settings.trust.anchors if root else settings.trust.intermediates
    if path is None:
        setting = "trust.anchors" if root else "trust.intermediates"
        raise Refusal("EDX901", where=setting, detail=f"name a file for {name}")
    return path


def _state(row: Row, now: datetime) -> str:
    if row.in_force(now):
        return "trust.in_force"
    return "trust.over" if row.until <= now else "trust.later"


def _dates(row: Row) -> tuple[str, str]:
    """For people, in the time of this machine; empty where there is no bound."""
    since = "" if row.since == _FIRST else f"{row.since.astimezone():%Y-%m-%d %H:%M:%S}"
    until = "" if row.until == _LAST else f"{row.until.astimezone():%Y-%m-%d %H:%M:%S}"
    return since, until


def _days(one: Standing, now: datetime) -> int | None:
    return (one.until - now).days if one.until else None


def _said(session: Session, one: Standing) -> str:
    if one.finding is None:
        return ""
    if one.blocked:
        return session.say("trust.blocked")
    if one.finding.code in ("EDX914", "EDX917"):
        said = session.say("trust.soon", days=one.threshold) if one.threshold else session.say(_ended(one))
        return f"{one.finding.code} {said}"
    return f"{one.finding.code} {one.finding.title(session.language)}"


def _ended(one: Standing) -> str:
    """A list or an answer past its date serves for a while."""
    return "trust.stale" if one.kind in ("list", "answer") else "trust.ended"


def _expiry(one: Standing, now: datetime) -> ExpiryShape:
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
