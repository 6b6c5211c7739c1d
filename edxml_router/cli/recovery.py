"""``edxml-router backup`` and ``recovery``: copy a node, and make up for what a restored one has forgotten."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import click

from edxml_router.cli.commands import Command, Group, exit_with
from edxml_router.cli.naming import unknown
from edxml_router.cli.opening import Moment, open_ledger, open_node, operator
from edxml_router.cli.session import Session, json_option, pass_session
from edxml_router.core.delivery.resync import Recovery
from edxml_router.core.problems import Finding
from edxml_router.shapes.node import BackupShape, recovery_shape
from edxml_router.stages import recovery as recoveries
from edxml_router.store.backup import Kept
from edxml_router.store.backup import backup as keep
from edxml_router.store.epochs import identity
from edxml_router.store.epochs.recovery import pending
from edxml_router.wiring.ownership import claim

_SHOWN: Final = 10  # bodies or damages that are named


@click.command(cls=Command)
@click.argument("folder", type=click.Path(path_type=Path), metavar="FOLDER")
@json_option
@pass_session
def backup(session: Session, folder: Path, as_json: bool) -> None:
    """Copy the journal and the large bodies to a new FOLDER.

    The node may work meanwhile. The copy is verified; until it is, the folder is called FOLDER.part. node.toml, keys
    and certificates are not in it.
    For PostgreSQL this says what to use instead (EDX608). Exit status 70 when something of what was copied is damaged.
    """
    settings = session.settings()
    with open_ledger(settings) as ledger, session.progress(session.say("backup.working"), None) as advance:
        done = 0

        def progress(now: int, _of: int) -> None:
            nonlocal done
            advance(now - done)
            done = now

        kept = keep(ledger, settings.node.data / "bodies", folder.absolute(), datetime.now(UTC), progress)
    if as_json:
        session.json(_kept(kept))
    else:
        text = session.say("backup.done", folder=kept.folder, entries=kept.entries, bodies=kept.bodies, size=kept.size)
        session.line(text, "green" if kept.sound else "yellow")
    findings = [Finding("EDX603", digest) for digest in kept.missing[:_SHOWN]]
    findings += [Finding("EDX605", one.where, one.detail) for one in kept.damages[:_SHOWN]]
    session.problems(findings)
    exit_with(findings)


def _kept(kept: Kept) -> BackupShape:
    return {
        "folder": str(kept.folder),
        "sound": kept.sound,
        "entry_count": kept.entries,
        "root": kept.root,
        "body_count": kept.bodies,
        "size": kept.size,
        "missing": list(kept.missing),
        "damages": [{"where": one.where, "detail": one.detail} for one in kept.damages],
    }


@click.group(cls=Group)
def recovery() -> None:
    """Make up for what a restored node has forgotten."""


@recovery.command()
@json_option
@pass_session
def show(session: Session, as_json: bool) -> None:
    """List who has not repeated yet what was handed in since the back-up.

    Neighbours are asked by the node and answer by themselves. An office has to send again.
    """
    with open_ledger(session.settings()) as ledger:
        _show(session, pending(ledger.engine), as_json)


def _show(session: Session, rows: Sequence[Recovery], as_json: bool) -> None:
    if as_json:
        for one in rows:
            session.json(recovery_shape(one))
    elif not rows:
        session.line(session.say("recovery.none"))
    else:
        session.table(("name", "since", "waits"), [(one.party, one.since, _waits(session, one)) for one in rows])


def _waits(session: Session, one: Recovery) -> str:
    return session.say("recovery.link" if one.party.is_link else "recovery.office")


@recovery.command()
@click.argument("names", nargs=-1, required=True, metavar="NAME...")
@pass_session
def done(session: Session, names: Sequence[str]) -> None:
    """Say who has sent again, or cannot be asked.

    NAME is an office's or a neighbour's, as `recovery show` lists them. It is journalled with your name.
    """
    settings = session.settings()
    with open_ledger(settings) as ledger:
        open_ones = [one.party for one in pending(ledger.engine)]
    parties = {text: party for party in open_ones for text in (party.name, str(party))}
    for name in names:
        if name not in parties:
            raise unknown(name, sorted(party.name for party in open_ones))
    with open_node(settings) as node:
        for name in names:
            recoveries.finish(node, parties[name], "", f"operator:{operator()}")
            session.line(session.say("recovery.done", name=name))


@recovery.command()
@click.option("--since", required=True, type=Moment(), help="Everything after this is missing: a time, or an age (2h).")
@click.option("--reason", required=True, help="Why, for the journal.")
@pass_session
def begin(session: Session, since: datetime, reason: str) -> None:
    """Say that a back-up was restored which the node cannot recognise.

    That is one where the data folder is older as well, such as a snapshot of the whole volume.
    """
    settings = session.settings()
    with open_ledger(settings) as ledger:
        said = f"operator:{operator()}: {reason[:200]}"
        identity.declare_restored(ledger, claim(settings), since, said)
        _show(session, pending(ledger.engine), as_json=False)
