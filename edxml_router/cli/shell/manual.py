"""``manual``: the commands as pages for ``man``, one for each, made from what their help says.

    edxml-router manual /usr/share/man/man1
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final

import click

from edxml_router import __version__
from edxml_router.cli.commands import Command
from edxml_router.cli.session import Session, pass_session
from edxml_router.cli.shell.completion import PROGRAM
from edxml_router.language.catalogues import help_text

_SECTION: Final = "1"


@click.command(cls=Command)
@click.argument("folder", metavar="DIR", type=click.Path(file_okay=False, path_type=Path))
@pass_session
def manual(session: Session, folder: Path) -> None:
    """Write pages for `man` into DIR, one for each command.

    In the language of --lang. `man -l DIR/edxml-router.1` shows one.
    """
    root = click.get_current_context().find_root()
    folder.mkdir(parents=True, exist_ok=True)
    written = 0
    for name, command, context in _pages(root):
        (folder / f"{name}.{_SECTION}").write_text(_page(session.language, name, command, context), encoding="utf-8")
        written += 1
    session.line(session.say("manual.done", count=written, folder=folder), "green")


def _pages(root: click.Context) -> Iterator[tuple[str, click.Command, click.Context]]:
    """The program itself, and each of its commands."""
    program = root.command
    assert isinstance(program, click.Group)  # noqa: S101  # it has commands
    yield PROGRAM, program, root
    for each in program.list_commands(root):
        command = program.get_command(root, each)
        if command is not None:
            yield f"{PROGRAM}-{each}", command, click.Context(command, root, each, obj=root.obj)


def _page(language: str, name: str, command: click.Command, context: click.Context) -> str:
    about = help_text(language, command.help) or ""
    first, _, rest = about.strip().partition("\n\n")
    lines = [
        f'.TH "{_text(name.upper())}" "{_SECTION}" "" "{PROGRAM} {_text(__version__)}" ""',
        ".SH NAME",
        f"{_text(name)} \\- {_text(' '.join(first.split()))}",
        *_described(command, context, rest),
    ]
    if isinstance(command, click.Group):
        for each in command.list_commands(context):
            below = command.get_command(context, each)
            if below is None:
                continue
            if context.parent is None:
                page = f"\\fB{_text(f'{PROGRAM}-{each}')}\\fR({_SECTION})"
                lines += [".TP", page, _text(below.get_short_help_str(200))]
                continue
            inner = click.Context(below, context, each, obj=context.obj)
            lines += [f'.SH "{_text(f"{context.info_name} {each}".upper())}"']
            lines += _described(below, inner, help_text(language, below.help) or "", heads=False)
    return "\n".join(lines) + "\n"


def _described(command: click.Command, context: click.Context, text: str, *, heads: bool = True) -> list[str]:
    """How it is called, what it does, and its options."""
    path = context.command_path if context.parent is not None else PROGRAM
    pieces = " ".join(command.collect_usage_pieces(context))
    lines = [".SH SYNOPSIS"] if heads else []
    lines += [f"\\fB{_text(path)}\\fR {_text(pieces)}"]
    if heads and text.strip():
        lines.append(".SH DESCRIPTION")
    for paragraph in filter(str.strip, text.split("\n\n")):
        lines += [".PP", _text(" ".join(paragraph.split()))]
    records = [record for each in command.get_params(context) if (record := each.get_help_record(context))]
    if records and heads:
        lines.append(".SH OPTIONS")
    for option, about in records:
        lines += [".TP", f"\\fB{_text(option)}\\fR", _text(" ".join(about.split()))]
    return lines


def _text(text: str) -> str:
    """A text that troff takes as it is."""
    safe = text.replace("\\", "\\e").replace("-", "\\-").replace('"', "\\(dq")
    return f"\\&{safe}" if safe[:1] in (".", "'") else safe
