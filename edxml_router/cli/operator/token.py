"""``edxml-router token``: bearer tokens, by which systems of offices show the gateway who they are."""

from __future__ import annotations

from collections.abc import Sequence

import click

from edxml_router.cli.acting import account
from edxml_router.cli.commands import Command, Group
from edxml_router.cli.session import Session, json_option, pass_session, wide_option
from edxml_router.services.gateway import tokens
from edxml_router.services.gateway.caller import SCOPES
from edxml_router.shapes.gateway.answers import IssuedTokenShape, token_shape
from edxml_router.wiring.opening import ledger_of

LONGEST_DAYS = 3650


@click.group(cls=Group)
def token() -> None:
    """Issue, list and revoke tokens of offices for the gateway."""


@token.command(cls=Command)
@click.argument("office")
@click.option(
    "--days", type=click.IntRange(1, LONGEST_DAYS), default=365, show_default=True, help="How long it counts."
)
@click.option(
    "--scope", "scopes", multiple=True, type=click.Choice(sorted(SCOPES)), help="What it is for; default all."
)
@click.option("--note", default="", help="For which system it is, for people.")
@json_option
@pass_session
def issue(session: Session, office: str, days: int, scopes: Sequence[str], note: str, as_json: bool) -> None:
    """Make a token for OFFICE and print it.

    It is told this once: only its SHA-256 is kept. Hand it over in a safe way.
    """
    settings = session.settings()
    with ledger_of(settings) as ledger:
        text, row = tokens.issue(
            ledger,
            settings,
            office,
            days=days,
            actor=f"operator:{account()}",
            scopes=scopes or SCOPES,
            note=note,
        )
        if as_json:
            told: IssuedTokenShape = {**token_shape(row), "token": text}
            session.json(told)
            return
    session.line(text)
    until = session.shown(row.expires_at) if row.expires_at else "-"
    session.note(session.say("token.issued", prefix=row.prefix, office=office, until=until))


@token.command("list", cls=Command)
@click.option("--office", metavar="NAME", help="Only those of this office.")
@wide_option
@json_option
@pass_session
def list_tokens(session: Session, office: str | None, as_json: bool) -> None:
    """List the tokens that were issued; the secrets are not kept."""
    with ledger_of(session.settings()) as ledger:
        rows = tokens.listed(ledger, office)
    if as_json:
        for row in rows:
            session.json(token_shape(row))
        return
    session.table(
        ("token", "office", "scopes", "issued", "expires", "revoked", "note"),
        [
            (row.prefix, row.office, ", ".join(row.scopes), row.issued_at, row.expires_at, row.revoked_at, row.note)
            for row in rows
        ],
        spare=("issued", "note", "revoked"),
    )


@token.command(cls=Command)
@click.argument("prefix")
@json_option
@pass_session
def revoke(session: Session, prefix: str, as_json: bool) -> None:
    """Revoke the token PREFIX.

    The gateway knows within a second.
    """
    with ledger_of(session.settings()) as ledger:
        row = tokens.revoke(ledger, prefix, f"operator:{account()}")
    if as_json:
        session.json(token_shape(row))
    else:
        session.line(session.say("token.revoked", prefix=row.prefix, office=row.office))
