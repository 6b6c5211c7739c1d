"""``edxml-router journal tiles``: the journal as files for everybody, written and verified."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import click

from edxml_router.cli.commands import Command
from edxml_router.cli.session import Session, for_people, json_option, pass_session
from edxml_router.core.detail import Detail
from edxml_router.services.proof import checkpoints
from edxml_router.services.proof import tiles as keeping
from edxml_router.shapes.evidence.tiles import tile_check_shape, tiles_shape


@click.command(cls=Command)
@click.argument("folder", type=click.Path(path_type=Path, file_okay=False), required=False, metavar="[FOLDER]")
@click.option(
    "--verify",
    "copied",
    type=click.Path(path_type=Path, file_okay=False, exists=True),
    metavar="FOLDER",
    help="Verify the files in this folder, and write nothing.",
)
@click.option(
    "--checkpoint",
    "kept",
    type=click.Path(path_type=Path, dir_okay=False, exists=True),
    help="A signed checkpoint kept elsewhere, instead of the one in the folder; with --verify.",
)
@click.option("--key", "keys", multiple=True, metavar="KEY", help="A verifier key of the log; with --verify.")
@json_option
@pass_session
def tiles(
    session: Session, folder: Path | None, copied: Path | None, kept: Path | None, keys: Sequence[str], as_json: bool
) -> None:
    """Write the journal as files, or verify a folder of them.

    The files are those of c2sp.org/tlog-tiles: full ones never change, so an archive is made by copying the folder.
    Written is what is missing up to the newest signed checkpoint, to FOLDER or to that of journal.tiles, which
    `serve` writes by itself.

    With --verify every file is read and each one that is missing or wrong is named; with --key no configuration is
    needed, and never a database. Exit status 70 when anything is wrong.
    """
    if copied is not None and folder is not None:
        raise click.UsageError(for_people(Detail("with --verify there is no other FOLDER")))
    if copied is None and (kept or keys):
        raise click.UsageError(for_people(Detail("--checkpoint and --key need --verify")))
    if copied is not None:
        _verify(session, copied, kept, keys, as_json)
        return
    settings = session.settings()
    where = folder or settings.journal.tiles
    if where is None:
        raise click.UsageError(for_people(Detail("FOLDER is missing, and journal.tiles is not set")))
    with session.progress(session.say("tiles.working"), None) as advance:
        done = keeping.write_tiles(settings, where, advance)
    if as_json:
        session.json(tiles_shape(where, done))
    else:
        session.line(session.say("tiles.written", folder=where, size=done.size, files=done.files), "green")


def _verify(session: Session, folder: Path, kept: Path | None, keys: Sequence[str], as_json: bool) -> None:
    named = checkpoints.read_keys(keys) or checkpoints.own_keys(session.config_file())
    with session.progress(session.say("journal.working"), None) as advance:
        found = keeping.verify_tiles(folder, named, kept, advance)
    if as_json:
        session.json(tile_check_shape(folder, found))
    elif found.sound and found.root_by_entries is not None:
        root = f"{found.size}:{found.root_by_entries.hex()}"
        session.line(session.say("tiles.good", folder=folder, files=found.files, size=found.size, root=root), "green")
    else:
        for name in found.missing:
            session.line(session.say("tiles.missing", name=name), "red")
        for name, detail in found.wrong:
            session.line(f"{name}: {session.detail(detail)}", "red")
    if finding := keeping.tiles_finding(found, folder):
        session.problem(finding)
        click.get_current_context().exit(finding.problem.exit_status)
