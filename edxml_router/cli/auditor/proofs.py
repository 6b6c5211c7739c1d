"""``edxml-router journal key``, ``checkpoint``, ``prove`` and ``growth``: what others verify without this program."""

from __future__ import annotations

from pathlib import Path

import click

from edxml_router.cli.asking import database_option, open_asked
from edxml_router.cli.commands import Command
from edxml_router.cli.session import Session, for_people, json_option, pass_session
from edxml_router.core.detail import Detail
from edxml_router.services.proof import checkpoints, time_stamps
from edxml_router.shapes.proof import checkpoint_shape
from edxml_router.wiring.reading import DatabasePlace

cosigned_option = click.option("--cosigned", is_flag=True, help="The newest that a neighbour has cosigned.")
size_option = click.option("--size", type=click.IntRange(min=1), help="Of this many entries; default the newest.")


@click.command(cls=Command)
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False), required=False, metavar="[FILE]")
@pass_session
def key(session: Session, file: Path | None) -> None:
    """Show the verifier key of the log, for neighbours and auditors.

    With FILE, make a new key there, and show its public half. It signs the checkpoints once journal.key names it.
    """
    settings = session.settings()
    made = checkpoints.log_key(settings) if file is None else checkpoints.make_log_key(file, settings)
    session.line(made.text)


@click.command(cls=Command)
@cosigned_option
@click.option("--stamped", is_flag=True, help="The newest that has a time stamp, as it was stamped.")
@click.option(
    "--token",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="OUT",
    help="Write its time stamp (DER) to this file; with --stamped.",
)
@size_option
@database_option
@json_option
@pass_session
def checkpoint(
    session: Session,
    cosigned: bool,
    stamped: bool,
    token: Path | None,
    size: int | None,
    database: DatabasePlace | None,
    as_json: bool,
) -> None:
    """Show the newest signed checkpoint.

    A signed note as c2sp.org/tlog-checkpoint has it: the log's name, its size and root, and signatures. With --stamped,
    `openssl ts -verify -data CHECKPOINT -in OUT -token_in -CAfile ROOT` verifies the stamp.
    """
    if token is not None and not stamped:
        raise click.UsageError(for_people(Detail("--token needs --stamped")))
    with open_asked(session, database) as asked:
        stamp = time_stamps.stamped_checkpoint(asked.views, size) if stamped else None
        size = stamp.size if stamp else size
        found = checkpoints.latest_checkpoint(asked.views, size, cosigned=cosigned)
        text = stamp.note.decode() if stamp else checkpoints.checkpoint_text(asked.views, found)
    if stamp is not None and token is not None:
        time_stamps.write_token(token, stamp)
    if as_json:
        session.json(checkpoint_shape(checkpoints.log_name(found), found, text))
        return
    click.echo(text, nl=False)


@click.command(cls=Command)
@click.argument("place", type=click.IntRange(min=0), metavar="POSITION")
@click.option("--entry", type=click.Path(path_type=Path, dir_okay=False), help="Write the entry's bytes here.")
@cosigned_option
@size_option
@database_option
@pass_session
def prove(
    session: Session,
    place: int,
    entry: Path | None,
    cosigned: bool,
    size: int | None,
    database: DatabasePlace | None,
) -> None:
    """Prove that the entry at POSITION is in the journal.

    Prints a proof as c2sp.org/tlog-proof has it: the path from the entry to the root, and the signed checkpoint. The
    position of an entry is in `journal query --json`.
    """
    with open_asked(session, database) as asked:
        proved = checkpoints.prove(asked.views, place, size, cosigned=cosigned)
    if entry is not None:
        checkpoints.write_entry(entry, proved)
    click.echo(proved.proof, nl=False)


@click.command(cls=Command)
@click.argument("old", type=click.IntRange(min=1), metavar="SIZE")
@size_option
@database_option
@pass_session
def growth(session: Session, old: int, size: int | None, database: DatabasePlace | None) -> None:
    """Prove that the journal continues what it was at SIZE entries.

    Prints the path from that size to the newest signed checkpoint, and the checkpoint, as a witness is asked
    (c2sp.org/tlog-witness).
    """
    with open_asked(session, database) as asked:
        proof = checkpoints.prove_growth(asked.views, old, size)
    click.echo(proof, nl=False)
