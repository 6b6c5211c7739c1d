"""What a parameter may be: a moment, a length of time, a number of bytes."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import click

from edxml_router.cli.session import for_people, what_was_wrong
from edxml_router.config.values import read_duration, read_size
from edxml_router.core.detail import Detail


class Moment(click.ParamType[datetime]):
    """A time: ``2026-11-22``, ``2026-11-22T08:30`` (this machine's zone), or ``2h``: so long ago."""

    name = "time"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> datetime:
        if isinstance(value, datetime):
            return value
        try:
            return datetime.now(UTC) - read_duration(value)
        except ValueError:
            pass
        try:
            return datetime.fromisoformat(value).astimezone(UTC)
        except (ValueError, OverflowError):
            told = Detail("{value} is neither a time (2026-11-22, 2026-11-22T08:30) nor an age (2h)", value=repr(value))
            self.fail(for_people(told), param, ctx)


class Age(click.ParamType[timedelta]):
    """A length of time, as in the configuration: ``30m``, ``2h``, ``5d``."""

    name = "duration"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> timedelta:
        if isinstance(value, timedelta):
            return value
        try:
            return read_duration(value)
        except ValueError as error:
            self.fail(what_was_wrong(error), param, ctx)


class Size(click.ParamType[int]):
    """A number of bytes, or "256 MiB"."""

    name = "size"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        try:
            return read_size(int(value) if str(value).isdecimal() else value)
        except ValueError as error:
            self.fail(what_was_wrong(error), param, ctx)
