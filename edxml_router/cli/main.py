"""``edxml-router``: the command line, one module per group of commands.

Exit statuses: 0 done, 1 refused, 2 wrong usage, 66 not found, 69 something is not installed, 70 a mistake of the
router, 75 not now, 78 configuration. ``edxml-router explain CODE`` tells about any problem.
"""

from __future__ import annotations

import gc
import json
import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import Final

import click

from edxml_router import __version__
from edxml_router.cli.commands import Helped, InOrder, RootGroup

# Plugins of pydantic are looked for in all that is installed, at every start. None is wanted.
os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")

# In the order of the help. A module is imported when its command is called: `explain` need not wait for the
# database's libraries, and `doctor` can say which of them is missing.
COMMANDS: Final[Mapping[str, str]] = {
    "check": "envelope.check:check",
    "sign": "envelope.sign:sign",
    "explain": "explain:explain",
    "completion": "shell.completion:completion",
    "manual": "shell.manual:manual",
    "pki": "trust.pki:pki",
    "demo": "demo:demo",
    "init": "node.serve:init",
    "config": "node.config:config",
    "doctor": "node.doctor:doctor",
    "backup": "node.copies:backup",
    "restore": "node.copies:restore",
    "drill": "node.copies:drill",
    "recovery": "node.recovery:recovery",
    "serve": "node.serve:serve",
    "service": "node.service:service",
    "link": "node.link:link",
    "clock": "node.clock:clock",
    "send": "office.send:send",
    "letter": "office.writing:letter",
    "sent": "office.sent:sent",
    "inbox": "office.inbox:inbox",
    "fetch": "office.letters:fetch",
    "confirm": "office.letters:confirm",
    "conformance": "office.conformance:conformance",
    "webhook": "office.webhooks:webhook",
    "alert": "operator.alerts:alert",
    "documents": "auditor.documents:documents",
    "trace": "auditor.trace:trace",
    "certificate": "auditor.certificate:certificate",
    "token": "operator.token:token",
    "user": "operator.user:user",
    "retention": "operator.retention:retention",
    "export": "operator.export:export_command",
    "redact": "operator.redact:redact",
    "queue": "operator.queue:queue",
    "halt": "flow.halt:halt",
    "drain": "flow.drain:drain",
    "resume": "flow.drain:resume",
    "watch": "flow.watch:watch",
    "ping": "flow.ping:ping",
    "redrive": "flow.redrive:redrive",
    "resend": "flow.redrive:resend",
    "journal": "auditor.journal:journal",
    "audit": "audit.replay:audit",
    "report": "auditor.report:report",
    "comply": "auditor.comply:comply",
    "agency": "agency:agency",
    "trust": "trust.trust:trust",
}


# What each says of itself, as scripts/catalogues.py has read it: to list them, none needs to be imported.
HELPS: Final = Path(__file__).with_name("helps.json")


@contextmanager
def _loading() -> Iterator[None]:
    """Modules stay until the process ends: to look through them for garbage was a tenth of the time of a start."""
    if not gc.isenabled() or gc.get_freeze_count():
        yield  # whoever calls this from a program of their own has seen to it
        return
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()


class Lazy(RootGroup):
    """The root, which imports a command's module when it is asked for."""

    def list_commands(self, context: click.Context) -> list[str]:  # noqa: ARG002  # click's signature
        return list(COMMANDS)

    def get_command(self, context: click.Context, name: str) -> click.Command | None:  # noqa: ARG002  # click's
        if name not in COMMANDS:
            return None
        module, _, attribute = COMMANDS[name].partition(":")
        with _loading():
            command: click.Command = getattr(import_module(f"edxml_router.cli.{module}"), attribute)
        return command

    def format_commands(self, context: click.Context, formatter: click.HelpFormatter) -> None:
        helps: Mapping[str, str] = json.loads(HELPS.read_bytes())
        shown = {name: Helped(name, help=text) for name, text in helps.items()}
        listed = {name: shown.get(name) or self.get_command(context, name) for name in COMMANDS}
        InOrder(commands={name: each for name, each in listed.items() if each}).format_commands(context, formatter)


@click.group(cls=Lazy, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name="edxml-router")
def cli() -> None:
    """Route electronic documents between government agencies (edXML, QCVN 102:2016).

    Try `edxml-router check FILE` on any edXML file: it needs no configuration.
    """


def main() -> None:
    """Entry point of the program."""
    for stream in (sys.stdout, sys.stderr):
        # A terminal that cannot show Vietnamese gets escapes instead of an error.
        stream.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]  # both are TextIOWrapper here
    cli(prog_name="edxml-router")


if __name__ == "__main__":
    main()
