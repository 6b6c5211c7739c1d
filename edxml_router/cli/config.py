"""``edxml-router config``: is the configuration right, and what is in effect."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import click

from edxml_router.cli.commands import Group
from edxml_router.cli.session import Session, json_option, pass_session
from edxml_router.config import ConfigErrors, RabbitHub, Settings, load
from edxml_router.config.text import duration
from edxml_router.core.problems import EXIT_CONFIG, Finding, Refusal
from edxml_router.credentials import endings, keys
from edxml_router.credentials.identities import neighbours, signing
from edxml_router.credentials.sources import trust_store
from edxml_router.shapes.node import SettingShape, SettingsShape, configuration_shape
from edxml_router.wiring import hubs
from edxml_router.wiring import node as wiring


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
    try:
        settings = load(path)
        mistakes, remarks = tuple(dict.fromkeys(_faults(settings))), settings.remarks
    except ConfigErrors as errors:
        mistakes, remarks = errors.findings, errors.remarks
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


def _faults(settings: Settings) -> Iterator[Finding]:
    """What is wrong inside the files that the settings name; each is read by itself, so that none hides another."""
    trust = settings.trust
    nothing = replace(trust, anchors=None, intermediates=None, crls=(), crl_urls=(), ocsp=())
    alone = [replace(nothing, anchors=trust.anchors), replace(nothing, intermediates=trust.intermediates)]
    alone += [replace(nothing, crls=(path,)) for path in trust.crls]
    alone += [replace(nothing, ocsp=(one,)) for one in trust.ocsp]
    parts: list[Callable[[], object]] = [partial(trust_store, replace(settings, trust=each)) for each in alone]
    certificates = [settings.node.certificate, *(path for each in neighbours(settings) for path in each.certificate)]
    certificates += [each.authority for each in neighbours(settings)]
    parts += [partial(keys.load_certificates, path) for path in certificates if path]
    if isinstance(settings.node.key, Path):  # one in a token is for doctor
        parts.append(partial(signing, settings))
    for hub in settings.hubs.values():
        if isinstance(hub, RabbitHub):
            parts.append(partial(hubs.rabbit_settings, settings, hub))
    parts += [partial(wiring.load_registry, settings), partial(wiring.build_rules, settings)]
    for part in parts:
        try:
            part()
        except ConfigErrors as errors:
            yield from errors.findings
        except Refusal as refusal:
            yield refusal.finding
    with suppress(Refusal):  # a file that cannot be read was named above
        yield from _unusable(settings)


def _unusable(settings: Settings) -> Iterator[Finding]:
    """Authorities and lists that are read and of no use; what ends is for `trust status`."""
    now = datetime.now(UTC)
    for one in (*endings.authorities(settings, now), *endings.lists(settings, now)):
        if one.finding is not None and one.finding.code in ("EDX322", "EDX323"):
            yield one.finding


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
