"""``edxml-router export``: a document with its history, for an archive."""

from __future__ import annotations

from pathlib import Path

import click

from edxml_router.cli.acting import account
from edxml_router.cli.commands import Command
from edxml_router.cli.session import Session, json_option, pass_session
from edxml_router.services.archives.exporting import ExportOrder, export
from edxml_router.services.archives.packing import PackageForm
from edxml_router.shapes.keeping.export import export_shape


@click.command("export", cls=Command)
@click.argument("document")
@click.option(
    "-o", "--output", required=True, type=click.Path(path_type=Path), metavar="OUT", help="File; none may be there yet."
)
@click.option(
    "--form",
    type=click.Choice([each.value for each in PackageForm]),
    default=PackageForm.ZIP.value,
    show_default=True,
    help="What the package is packed in.",
)
@click.option("--without-letter", is_flag=True, help="Leave the letter out; also where it is not here any more.")
@json_option
@pass_session
def export_command(
    session: Session, document: str, output: Path, form: str, without_letter: bool, as_json: bool
) -> None:
    """Export a DOCUMENT with its history for an archive.

    The package has the form of E-ARK SIP: METS.xml, the signed original, a description (Dublin Core), every entry of
    the journal about it (PREMIS), the schemas of the format, and the delivery certificate, where this node can issue
    one. What people wrote when they sent the letter back is not in it. Each export is journalled.

    DOCUMENT is a DocumentId, or the beginning (8 characters or more) of an envelope's SHA-256.
    """
    order = ExportOrder(document, with_letter=not without_letter, form=PackageForm(form))
    done = export(session.settings(), order, output, account(), session.problem)
    if as_json:
        session.json(export_shape(done.name, done.digest, str(output), done.size, done.entries,
                                  letter=done.letter, certificate=done.certificate))  # fmt: skip
        return
    said = {"file": output, "size": session.shown(done.size), "entries": session.shown(done.entries)}
    session.line(session.say("export.done", **said), "green")
    if not done.certificate:
        session.line(session.say("export.uncertified"), "yellow")
