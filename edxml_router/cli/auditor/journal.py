"""``edxml-router journal``: ask the journal, and verify that it is what was written."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import click

from edxml_router.cli.asking import database_option, open_asked
from edxml_router.cli.auditor import proofs
from edxml_router.cli.auditor.query import query
from edxml_router.cli.auditor.stamps import stamps
from edxml_router.cli.auditor.tiles import tiles
from edxml_router.cli.auditor.witness import witness
from edxml_router.cli.commands import Group
from edxml_router.cli.entries import show_redactions
from edxml_router.cli.session import Session, for_people, json_option, pass_session
from edxml_router.core.detail import Detail
from edxml_router.core.problems import Trouble
from edxml_router.services import auditor
from edxml_router.services.proof import checkpoints
from edxml_router.services.proof.tiles import with_tiles
from edxml_router.shapes.node import verification_shape
from edxml_router.wiring.reading import DatabasePlace


@click.group(cls=Group)
def journal() -> None:
    """Ask the journal, verify it, or prove it to others."""


for each in (query, proofs.key, proofs.checkpoint, proofs.prove, proofs.growth, stamps, tiles, witness):
    journal.add_command(each)


class KeptRoot(click.ParamType[tuple[int, str]]):
    """A root that was kept elsewhere: ``SIZE:HEX``."""

    name = "size:hex"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[int, str]:
        size, _, root = str(value).partition(":")
        if not size.isdecimal() or len(root) != 64 or not set(root.lower()) <= set("0123456789abcdef"):
            told = Detail("{value} is not SIZE:HEX, as `journal verify` prints it", value=repr(value))
            self.fail(for_people(told), param, ctx)
        return int(size), root.lower()


@journal.command()
@click.option("--root", "roots", type=KeptRoot(), multiple=True, help="A root kept elsewhere; may be repeated.")
@click.option(
    "--checkpoint",
    "kept",
    type=click.Path(path_type=Path, dir_okay=False, exists=True),
    multiple=True,
    help="A signed checkpoint kept elsewhere; may be repeated.",
)
@click.option("--key", "keys", multiple=True, metavar="KEY", help="A verifier key of the log besides the node's own.")
@database_option
@json_option
@pass_session
def verify(
    session: Session,
    roots: Sequence[tuple[int, str]],
    kept: Sequence[Path],
    keys: Sequence[str],
    database: DatabasePlace | None,
    as_json: bool,
) -> None:
    """Verify the journal, and the tables by it.

    The rows of envelopes, deliveries, bodies and receipts are made again from the entries and compared: each one that
    was changed, removed or invented beside the journal is named. Bodies that lie in files are read. Entries of versions
    that did not write all of it are counted, and rows are compared as far as they tell. Of the index that questions are
    answered by, the newest blocks and some others are made again and compared.

    Keep the root that this prints somewhere else and give it back later with --root: then a journal that was
    rewritten or cut off is found as well. Entries that have no place in the log yet are counted: no root protects
    them, until `serve` or the next act numbers them. Exit status 70 when anything is wrong.

    The files in journal.tiles are compared with the journal; those that were taken away are not missed.

    Signatures of checkpoints are verified with the key of journal.key, and with those given with --key.
    """
    named = checkpoints.read_keys(keys)
    if database is None:
        named = (*named, *checkpoints.own_keys(session.config_file()))
    known = {**dict(roots), **checkpoints.read_kept(kept, named)}
    with (
        open_asked(session, database) as asked,
        session.progress(session.say("journal.working"), None) as advance,
    ):
        done = 0

        def progress(now: int, _of: int) -> None:
            nonlocal done
            advance(now - done)
            done = now

        result = auditor.verify(asked.views, known, progress, named, asked.files)
        if database is None:
            result = checkpoints.with_cosignatures(result, asked.views, session.config_file())
            result = with_tiles(result, asked.views, session.config_file())
        filed_bodies = auditor.filed_bodies(asked.views)
        with suppress(Trouble):  # what was found is what is to be said
            asked.note_damaged([one.body for one in result.damages if one.body])
    if as_json:
        session.json(verification_shape(result, filed_bodies))
    elif result.sound:
        session.line(session.say("journal.good", size=result.size, root=f"{result.size}:{result.root}"), "green")
        rows = {"envelopes": result.envelopes, "deliveries": result.deliveries, "bodies": result.bodies}
        session.line(session.say("journal.follows", **rows))
        if result.files:
            session.line(session.say("journal.files", count=result.files))
        if result.indexed:
            shown = {"count": session.shown(result.index_compared), "of": session.shown(result.indexed)}
            session.line(session.say("journal.index", **shown))
        if result.unnumbered_since:
            since = session.shown(result.unnumbered_since)
            session.line(session.say("journal.waiting", count=result.unnumbered, since=since), "yellow")
        show_redactions(session, result)
    else:
        show_redactions(session, result)
        for damage in result.damages:
            session.line(f"{session.detail(damage.where)}: {session.detail(damage.detail)}", "red")
    if result.uncovered and not as_json:
        before = result.size if result.covered_from is None else result.covered_from
        session.line(session.say("journal.uncovered", position=before, count=result.uncovered), "yellow")
    if database is not None:
        session.note(session.say("database.only", count=filed_bodies))
    if finding := auditor.damage_finding(result):
        session.problem(finding)
        click.get_current_context().exit(finding.problem.exit_status)
