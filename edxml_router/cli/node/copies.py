"""``edxml-router backup`` and ``restore``: copy a node while it works, and make it anew from a copy."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import click

from edxml_router.cli.acting import account
from edxml_router.cli.commands import Command, exit_with
from edxml_router.cli.node.recovery import show_recoveries
from edxml_router.cli.session import Session, json_option, pass_session
from edxml_router.services.node import copies
from edxml_router.services.node import drill as rehearsal
from edxml_router.shapes.upkeep.copies import backup_shape, drill_shape, restore_shape

_NEW = click.argument("folder", type=click.Path(path_type=Path), metavar="FOLDER")
_THERE = click.argument("folder", type=click.Path(path_type=Path, exists=True, file_okay=False), metavar="FOLDER")


@click.command(cls=Command)
@_NEW
@click.option("--keys", is_flag=True, help="Put node.toml and all files that it names into the copy, keys too.")
@json_option
@pass_session
def backup(session: Session, folder: Path, keys: bool, as_json: bool) -> None:
    """Copy the journal and the large bodies to a new FOLDER.

    The node may work meanwhile, on SQLite and on PostgreSQL; the copy is a file of SQLite in both cases. It is read
    back and verified; until it is, the folder is called FOLDER.part. SHA256SUMS in it is for `sha256sum -c`,
    manifest.json says what is in it. node.toml, keys and certificates are not, unless --keys is given; then keep the
    copy as you keep the keys.
    Exit status 70 when something of what was copied is damaged.
    """
    with _counted(session, "backup.working") as advance:
        made = copies.back_up(session.settings(), folder, account(), advance, configuration=keys)
    held = made.manifest
    if as_json:
        session.json(backup_shape(str(made.folder), held, made.digest, made.damages))
    else:
        text = session.say("backup.done", folder=made.folder, entries=held.entries, bodies=held.bodies, size=held.bytes)
        session.line(text, "green" if made.sound else "yellow")
    damaged = copies.findings(made)
    session.problems(damaged)
    exit_with(damaged)


@click.command(cls=Command)
@_THERE
@click.option("--check", is_flag=True, help="Only read the whole copy again; put nothing back.")
@json_option
@pass_session
def restore(session: Session, folder: Path, check: bool, as_json: bool) -> None:
    """Make this node anew from the copy in FOLDER.

    The node does not run, and its database is not there or has nothing in it; else nothing is touched. Every byte of
    the copy is read first, and one that has changed is refused by its file's name. No number is given again, and the
    journal's log ends under the name it had. Neighbours are asked for what came after the copy as soon as the node
    runs; offices that have to send again are listed, as by `recovery show`.
    """
    settings = session.settings()
    with _counted(session, "restore.working") as advance:
        if check:
            copy = copies.reread(settings, folder, advance)
            held = copy.manifest
        else:
            done = copies.restore(settings, folder, account(), advance)
            held = done.manifest
    if check:
        text = session.say(
            "restore.good", folder=folder, at=session.shown(held.made_at), entries=held.entries, bodies=held.bodies
        )
        session.json(backup_shape(str(folder), held, copy.digest, ())) if as_json else session.line(text, "green")
        return
    if as_json:
        session.json(restore_shape(str(folder), held, done.since, done.opened, done.log, done.parties))
    else:
        _tell(session, folder, done)
    if done.finding:
        session.problem(done.finding)


@click.command(cls=Command)
@_THERE
@click.option(
    "--scratch",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    metavar="DIR",
    help="Where to try it out, with room for three times the copy; by default where temporary files go.",
)
@json_option
@pass_session
def drill(session: Session, folder: Path, scratch: Path | None, as_json: bool) -> None:
    """Try the copy in FOLDER out, leaving nothing behind.

    It is put back into a folder of its own and opened there: every file is as it was written, the journal verifies and
    ends where the manifest says, every body is what its digest says, the newest letters are told with their history,
    and the journal of this node continues that of the copy. The node may run meanwhile; the act is journalled, and
    `doctor` says when the last one was.
    Exit status 70 when something is wrong with the copy.
    """
    with _counted(session, "drill.working") as advance:
        found = rehearsal.drill(session.settings(), folder, account(), advance, scratch)
    if as_json:
        session.json(drill_shape(found))
    else:
        values = {"letters": found.letters, "bodies": found.bodies, "deliveries": found.deliveries}
        size, seconds = found.manifest.size, round(found.seconds, 1)
        session.line(
            session.say("drill.done", folder=folder, size=size, seconds=seconds, **values),
            "green" if found.sound else "yellow",
        )
        key = "drill.alone" if found.node_size is None else "drill.compared"
        session.line(session.say(key, size=found.node_size))
    session.problems(found.findings)
    exit_with(found.findings)


def _tell(session: Session, folder: Path, done: copies.Restored) -> None:
    held = done.manifest
    session.line(session.say("restore.done", folder=folder, entries=held.entries, bodies=held.bodies), "green")
    session.line(session.say("restore.since", since=session.shown(done.since)))
    if done.opened:
        counts = ", ".join(f"{state.value} {count}" for state, count in done.opened.items())
        session.line(session.say("restore.open", counts=counts))
    show_recoveries(session, done.parties, as_json=False)
    session.line(session.say("restore.next"))


@contextmanager
def _counted(session: Session, text: str) -> Iterator[Callable[[int], None]]:
    with session.progress(session.say(text), None) as advance:
        yield advance
