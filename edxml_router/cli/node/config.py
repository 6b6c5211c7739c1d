"""``edxml-router config``: is the configuration right, and what is in effect."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import click

from edxml_router.cli.commands import Group
from edxml_router.cli.session import Session, json_option, pass_session
from edxml_router.config.text import duration
from edxml_router.core.problems import EXIT_CONFIG
from edxml_router.services.node import configuration
from edxml_router.shapes.node import SettingShape, SettingsShape, configuration_shape


@click.group(cls=Group)
def config() -> None:
    """Check the configuration, or show what is in effect."""


@config.command()
@click.argument("file", required=False, type=click.Path(path_type=Path))
@json_option
@pass_session
def check(session: Session, file: Path | None, as_json: bool) -> None:
    """List all mistakes of the configuration, or of FILE.

    With their lines. When there are none, the files that it names are read: certificates, keys, lists and catalogues.
    """
    path = file or session.config_file()
    mistakes, remarks = configuration.check(path)
    wrong = len(mistakes)
    if as_json:
        session.json(configuration_shape(str(path), mistakes, remarks))
    else:
        session.problems((*mistakes, *remarks), out=True)
        summary = (
            session.say("config.wrong", count=wrong, file=path) if wrong else session.say("config.good", file=path)
        )
        session.line(summary, "bold red" if wrong else "green")
    if wrong:
        click.get_current_context().exit(EXIT_CONFIG)


@config.command()
@click.option("--given", is_flag=True, help="Only what the file sets, without the defaults.")
@json_option
@pass_session
def show(session: Session, given: bool, as_json: bool) -> None:
    """Show every setting in effect and where it comes from.

    Secrets are named by their file only.
    """
    settings = session.settings()
    rows = [row for row in settings.as_table() if row[2] or not given]
    if as_json:
        shown: list[SettingShape] = [
            {"name": name, "value": _plain(value), "default": not written} for name, value, written in rows
        ]
        told: SettingsShape = {"file": str(settings.path), "settings": shown}
        session.json(told)
        return
    source = {True: session.say("config.given"), False: session.say("config.default")}
    session.table(("setting", "value", "source"), [(n, _shown(value), source[set_]) for n, value, set_ in rows])


def _plain(value: object) -> object:
    if isinstance(value, timedelta):
        return duration(value)
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    return value if isinstance(value, int | str | None) else str(value)


def _shown(value: object) -> str:
    plain = _plain(value)
    if isinstance(plain, list):
        return ", ".join(map(str, plain)) or "-"
    return "-" if plain in (None, "") else str(plain)
