"""``edxml-router sign``: an envelope as a file gets a signature."""

from __future__ import annotations

import hashlib
from pathlib import Path

import click

from edxml_router.cli import files
from edxml_router.cli.commands import Command
from edxml_router.cli.parameters import Size
from edxml_router.cli.session import Session, pass_session
from edxml_router.core.xml.safe_xml import Limits
from edxml_router.services import signing

_file = click.Path(path_type=Path)


@click.command(cls=Command)
@click.argument("file", type=files.File)
@click.option("--key", required=True, metavar="PEM", help="Private key, RSA or EC, mode 0600; or pkcs11:… in a token.")
@click.option("--cert", required=True, type=_file, metavar="PEM", help="Its certificate, then any intermediates.")
@click.option("--parts", is_flag=True, help="Sign header, body and attachments by Id instead of the whole document.")
@click.option("--max-bytes", type=Size(), metavar="SIZE", help='Largest envelope, e.g. "256 MiB"; 64 MiB if not given.')
@click.option("-o", "--output", required=True, type=_file, metavar="OUT", help='File to write; "-" is standard output.')
@pass_session
def sign(session: Session, file: str, key: str, cert: Path, parts: bool, max_bytes: int | None, output: Path) -> None:
    """Sign the envelope FILE with XML-DSig and write it to OUT. "-" reads standard input.

    The whole document is signed; with --parts the signature stays valid when a relay adds a trace.
    """
    limits = Limits.up_to(max_bytes)
    files.refuse_same(output, (Path(file), Path(key), cert))
    data = files.read_whole(file, limits.max_bytes)
    signed = signing.sign(data, file, key, cert, limits, parts=parts)
    files.write(output, signed)
    if str(output) == files.STDIO:
        return
    digest = hashlib.sha256(signed).hexdigest()
    session.note(session.say("sign.done", file=output, digest=digest))
