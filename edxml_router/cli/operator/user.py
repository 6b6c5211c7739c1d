"""``edxml-router user``: accounts of people at the console, for the first administrator and for the day of need."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TextIO

import click

from edxml_router.cli.acting import account
from edxml_router.cli.commands import Command, Group
from edxml_router.cli.session import Session, json_option, pass_session, wide_option
from edxml_router.services.people import accounts, passwords
from edxml_router.services.people.accounts import NewPerson
from edxml_router.services.people.roles import ROLES
from edxml_router.shapes.people.account import AddedPersonShape, EndedSessionsShape, person_shape, session_shape
from edxml_router.wiring.opening import ledger_of

role_option = click.option(
    "--role", "roles", multiple=True, required=True, type=click.Choice(ROLES), help="What the person may be."
)
office_option = click.option("--office", metavar="NAME", default="", help="Of a clerk: whose letters.")
ask_option = click.option("--ask", is_flag=True, help="Ask for the first password, and make none up.")
file_option = click.option("--password-file", type=click.File("r"), help="Read it from this file; - for the input.")


@click.group(cls=Group)
def user() -> None:
    """Who may sign in to the console, and as what."""


@user.command(cls=Command)
@click.argument("name")
@role_option
@office_option
@click.option("--title", default="", help="The name for people.")
@ask_option
@file_option
@json_option
@pass_session
def add(
    session: Session,
    name: str,
    roles: Sequence[str],
    office: str,
    title: str,
    ask: bool,
    password_file: TextIO | None,
    as_json: bool,
) -> None:
    """Let NAME sign in to the console.

    Without --ask or a file a first password is made up and printed once. NAME chooses another when signing in first.
    """
    settings = session.settings()
    given = _given(session, name, password_file, ask=ask)
    with ledger_of(settings) as ledger:
        made = given or passwords.made_up()
        accounts.add_person(ledger, settings, NewPerson(name, roles, title, office), made, _actor())
    _tell(session, name, "" if given else made, as_json=as_json)


@user.command("list", cls=Command)
@wide_option
@json_option
@pass_session
def list_people(session: Session, as_json: bool) -> None:
    """List the accounts, and whether they may sign in."""
    with ledger_of(session.settings()) as ledger:
        rows = [(row, accounts.standing(row, ledger)) for row in accounts.everybody(ledger)]
    if as_json:
        for row, standing in rows:
            session.json(person_shape(row, standing))
        return
    if not rows:
        session.note(session.say("user.none"))
        return
    session.table(
        ("person", "roles", "office", "standing", "second_factor", "used", "title"),
        [
            (row.name, ", ".join(row.roles), row.office, session.say(f"standing.{standing}"), bool(row.authenticator),
             row.used_at, row.title)
            for row, standing in rows
        ],
        spare=("title", "second_factor", "office"),
    )  # fmt: skip


@user.command(cls=Command)
@click.argument("name")
@pass_session
def lock(session: Session, name: str) -> None:
    """Let NAME no longer sign in, and end the sessions."""
    with ledger_of(session.settings()) as ledger:
        accounts.lock_person(ledger, name, _actor())
    session.line(session.say("user.locked", name=name))


@user.command(cls=Command)
@click.argument("name")
@click.option("--second-factor", is_flag=True, help="Take the lost authenticator away, too.")
@pass_session
def unlock(session: Session, name: str, second_factor: bool) -> None:
    """Let NAME sign in again.

    After failures, a lock, or a long absence.
    """
    with ledger_of(session.settings()) as ledger:
        accounts.unlock_person(ledger, name, _actor())
        if second_factor:
            accounts.take_authenticator(ledger, name, _actor())
    session.line(session.say("user.unlocked", name=name))
    if second_factor:
        session.line(session.say("user.second_factor", name=name))


@user.command(cls=Command)
@click.argument("name")
@role_option
@office_option
@pass_session
def role(session: Session, name: str, roles: Sequence[str], office: str) -> None:
    """Give NAME these roles, in the place of the former."""
    settings = session.settings()
    with ledger_of(settings) as ledger:
        accounts.give_roles(ledger, settings, name, roles, office, _actor())
    session.line(session.say("user.roles", name=name, roles=", ".join(roles)))


@user.command(cls=Command)
@click.argument("name")
@ask_option
@file_option
@json_option
@pass_session
def password(session: Session, name: str, ask: bool, password_file: TextIO | None, as_json: bool) -> None:
    """Give NAME another first password, and end the sessions."""
    settings = session.settings()
    given = _given(session, name, password_file, ask=ask)
    with ledger_of(settings) as ledger:
        made = given or passwords.made_up()
        accounts.set_password(ledger, settings, name, made, _actor())
    _tell(session, name, "" if given else made, as_json=as_json)


@user.command(cls=Command)
@wide_option
@json_option
@pass_session
def sessions(session: Session, as_json: bool) -> None:
    """List the sessions that are open now."""
    settings = session.settings()
    with ledger_of(settings) as ledger:
        rows = accounts.active_sessions(ledger, settings)
    if as_json:
        for row in rows:
            session.json(session_shape(row))
        return
    session.table(
        ("session", "person", "address", "begun", "seen"),
        [(row.digest[:12], row.person, row.address, row.begun_at, row.seen_at) for row in rows],
        spare=("begun",),
    )


@user.command(cls=Command)
@click.argument("name")
@json_option
@pass_session
def revoke(session: Session, name: str, as_json: bool) -> None:
    """End all sessions of NAME."""
    with ledger_of(session.settings()) as ledger:
        count = accounts.revoke_sessions(ledger, name, _actor())
    if as_json:
        told: EndedSessionsShape = {"person": name, "sessions": count}
        session.json(told)
    else:
        session.line(session.say("user.revoked", name=name, count=count))


def _actor() -> str:
    return f"operator:{account()}"


def _given(session: Session, name: str, file: TextIO | None, *, ask: bool) -> str:
    """A password that somebody has typed or keeps in a file; empty for none."""
    if file is not None:
        return file.readline().rstrip("\r\n")
    if not ask:
        return ""
    typed: str = click.prompt(session.say("user.password", name=name), hide_input=True, confirmation_prompt=True)
    return typed


def _tell(session: Session, name: str, made: str, *, as_json: bool) -> None:
    if as_json:
        told: AddedPersonShape = {"name": name, "password": made or None}
        session.json(told)
        return
    if made:
        session.line(made)
    session.note(session.say("user.shown_once" if made else "user.added", name=name))
