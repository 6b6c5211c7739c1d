"""``completion``: what a shell reads to complete commands and options by the tabulator."""

from __future__ import annotations

from typing import Final

import click
from click.shell_completion import get_completion_class

from edxml_router.cli.commands import Command

SHELLS: Final = ("bash", "zsh", "fish")
PROGRAM: Final = "edxml-router"
_VARIABLE: Final = "_EDXML_ROUTER_COMPLETE"  # click's own name for it


@click.command(cls=Command)
@click.argument("shell", type=click.Choice(SHELLS), metavar="SHELL")
def completion(shell: str) -> None:
    """Print what SHELL (bash, zsh, fish) completes by.

    bash and zsh read it with `eval "$(edxml-router completion bash)"` in ~/.bashrc or ~/.zshrc; for fish, keep what
    `edxml-router completion fish` prints in ~/.config/fish/completions/edxml-router.fish.
    """
    kind = get_completion_class(shell)
    assert kind is not None  # noqa: S101  # click has all three
    made = kind(click.get_current_context().find_root().command, {}, PROGRAM, _VARIABLE)
    click.echo(made.source_template % made.source_vars(), nl=False)
