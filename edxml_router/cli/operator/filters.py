"""Which deliveries a command is about: the filters that ``queue list`` and the operators' acts share."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields
from typing import Any, Final

import click

from edxml_router.cli.parameters import Age
from edxml_router.core.delivery.lifecycle import State
from edxml_router.services.naming import problem_named
from edxml_router.services.selection import Filters

STATES: Final = [str(state) for state in State]


def problem_code(_context: click.Context, _option: click.Parameter, typed: str | None) -> str | None:
    return problem_named(typed).code if typed else typed


def filter_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """The filters, which ``list`` and the acts share; they arrive as one argument ``filters``."""

    def gathered(**given: Any) -> Any:
        names = [field.name for field in fields(Filters)]
        given["states"] = tuple(State(one) for one in given["states"])
        filters = Filters(**{name: value for name in names if (value := given.pop(name))})
        return command(filters=filters, **given)

    gathered.__doc__, gathered.__name__ = command.__doc__, command.__name__
    gathered.__click_params__ = getattr(command, "__click_params__", [])  # type: ignore[attr-defined]  # click's
    for option in reversed(
        (
            click.option(
                "--state",
                "states",
                multiple=True,
                type=click.Choice(STATES),
                metavar="STATE",
                help=f"In this state: {', '.join(STATES)}. May be repeated.",
            ),
            click.option("--link", metavar="NAME", help="On the way to this link or office."),
            click.option("--recipient", metavar="CODE", help="To this agency."),
            click.option("--code", metavar="EDXnnn", callback=problem_code, help="Whose last problem is this one."),
            click.option("--document", metavar="ID", help="Of this DocumentId, or beginning of a SHA-256."),
            click.option("--older", type=Age(), help="Accepted longer ago than this: 30m, 2h, 5d."),
        )
    ):
        gathered = option(gathered)
    return gathered
