"""The shape of all commands: ``--config`` and ``--lang`` are taken before or after any of them, and whatever goes
wrong ends in three lines and an exit status of the problem table, never in a traceback.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from copy import copy
from pathlib import Path
from typing import Any, Self

import click
from click.core import ParameterSource

from edxml_router.cli.session import Session, for_people
from edxml_router.core.detail import Detail
from edxml_router.core.problems import EXIT_CONFIG, ConfigErrors, Finding, Trouble
from edxml_router.core.wording import in_words
from edxml_router.language.catalogues import help_text, metavar, speak, type_name
from edxml_router.language.texts import LANGUAGES, language_of

DEBUG = "EDXML_ROUTER_DEBUG"  # set it to let a traceback through, for whoever mends the router


def _session(context: click.Context) -> Session:
    return context.ensure_object(Session)


def _set_config(context: click.Context, _option: click.Parameter, value: Path | None) -> None:
    if value is not None:
        _session(context).config = value


def _set_language(context: click.Context, _option: click.Parameter, value: str | None) -> None:
    if value is not None:
        _session(context).language = value


def _asked(arguments: Sequence[str]) -> str:
    """The language that ``--lang`` names, wherever it stands; else nothing."""
    for number, argument in enumerate(arguments):
        name, _, value = argument.partition("=")
        if name == "--lang":
            language = value or "".join(arguments[number + 1 : number + 2])
            return language if language in LANGUAGES else ""
    return ""


def shared_options() -> list[click.Parameter]:
    """``--config`` and ``--lang``."""
    return [
        click.Option(
            ["--config"],
            type=click.Path(path_type=Path, dir_okay=False),
            envvar="EDXML_ROUTER_CONFIG",
            metavar="FILE",
            expose_value=False,
            callback=_set_config,
            help="Configuration; by default ./node.toml, then /etc/edxml-router/node.toml.",
        ),
        click.Option(
            ["--lang"],
            type=click.Choice(LANGUAGES),
            expose_value=False,
            callback=_set_language,
            help="Language of messages; by default that of the locale.",
        ),
    ]


class Helped(click.Command):
    """A command whose help, usage and mistakes in what was typed are in the person's language."""

    def get_params(self, ctx: click.Context) -> list[click.Parameter]:
        """The parameters in the language of this call; the same each time, since click compares them by identity."""
        language = _session(ctx).language
        known: dict[str, list[click.Parameter]] = self.__dict__.setdefault("_translated", {})
        if language not in known:
            own = copy(self)
            own._help_option = None  # click's --help keeps the text of the language it was first made in
            known[language] = [_told(param, language, ctx) for param in click.Command.get_params(own, ctx)]
        return known[language]

    def collect_usage_pieces(self, ctx: click.Context) -> list[str]:
        language = _session(ctx).language
        return [metavar(language, piece) for piece in super().collect_usage_pieces(ctx)]

    def format_help(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        super(Helped, self._told(ctx)).format_help(ctx, formatter)

    def get_short_help_str(self, limit: int = 45) -> str:
        return super(Helped, self._told(click.get_current_context(silent=True))).get_short_help_str(limit)

    def _told(self, context: click.Context | None) -> Self:
        language = _session(context).language if context is not None else "en"
        told = copy(self)
        told.help = help_text(language, self.help)
        return told


def _told(param: click.Parameter, language: str, context: click.Context) -> click.Parameter:
    told = copy(param)
    if isinstance(told, click.Option):
        told.help = help_text(language, told.help)
    if told.metavar is not None:
        told.metavar = metavar(language, told.metavar)
    elif isinstance(told, click.Argument):
        told.name, name = metavar(language, (told.name or "").upper()), told.name
        told.metavar = told.make_metavar(context)
        told.name = name
    told.type = copy(told.type)
    told.type.name = type_name(language, told.type.name)
    return told


class Command(Helped):
    """A command that takes the shared options as well, and no text that is blank."""

    def __init__(self, *args: Any, **fields: Any) -> None:
        super().__init__(*args, **fields)
        self.params += shared_options()

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        rest = super().parse_args(ctx, args)
        for param in self.get_params(ctx):
            if isinstance(param.type, click.types.StringParamType) and param.name is not None:
                _require_text(ctx, param, ctx.params.get(param.name))
        return rest


def _require_text(context: click.Context, param: click.Parameter, value: Any) -> None:
    """A blank text is a script's variable without a value. As a filter it would mean everything: ``resend "$ID"`` would
    open again whatever has ever failed."""
    if context.get_parameter_source(param.name or "") is not ParameterSource.COMMANDLINE:
        return
    for each in value if isinstance(value, tuple) else (value,):
        if isinstance(each, str) and not each.strip():
            raise click.BadParameter(for_people(Detail("it is empty")), context, param)


def exit_with(findings: Sequence[Finding | None]) -> None:
    """End with the exit status of the problem table, the highest of several; go on when everything was done, or only
    remarks are there."""
    status = max((finding.problem.exit_status for finding in findings if finding is not None), default=0)
    if status:
        click.get_current_context().exit(status)


class Group(Helped, click.Group):
    """A group whose commands take the shared options."""

    command_class = Command

    def __init__(self, *args: Any, **fields: Any) -> None:
        super().__init__(*args, **fields)
        self.params += shared_options()


Group.group_class = Group


class InOrder(click.Group):
    """Commands in the order in which they are given."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002  # click's signature
        return list(self.commands)


class RootGroup(Group):
    """The command itself: here every failure ends."""

    group_class = Group

    def main(self, args: Sequence[str] | None = None, *rest: Any, **fields: Any) -> Any:
        """The language is looked for first, so that whatever is wrong with the others is told in it."""
        given = sys.argv[1:] if args is None else args
        session = Session(language=_asked(given) or language_of(os.environ))
        speak(session.language)
        return super().main(args, *rest, obj=session, **fields)

    def invoke(self, context: click.Context) -> Any:
        session = _session(context)
        try:
            return super().invoke(context)
        except Trouble as trouble:
            session.problem(trouble.finding)
            context.exit(trouble.finding.problem.exit_status)
        except ConfigErrors as errors:
            session.problems(errors.findings)
            context.exit(EXIT_CONFIG)
        except (click.ClickException, click.exceptions.Exit, click.Abort, BrokenPipeError):
            raise  # click's own ways to end
        except Exception as error:  # a mistake of ours: the person sees a code, not a stack
            if os.environ.get(DEBUG):
                raise
            finding = _finding(error)
            session.problem(finding)
            context.exit(finding.problem.exit_status)


def _finding(error: Exception) -> Finding:
    if isinstance(error, OSError) and error.filename is not None:
        return Finding("EDX902", str(error.filename), in_words(error))
    if isinstance(error, ModuleNotFoundError) and not (error.name or "").startswith("edxml_router"):
        return Finding("EDX904", "Python", error.name or "")
    frame = error.__traceback__
    while frame is not None and frame.tb_next is not None:
        frame = frame.tb_next
    where = f"{Path(frame.tb_frame.f_code.co_filename).name}:{frame.tb_lineno}" if frame is not None else ""
    return Finding("EDX699", where, Detail("{why} ({debug}=1 shows the place)", why=in_words(error), debug=DEBUG))
