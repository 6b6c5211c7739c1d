"""What every command shares: where the configuration is, which language, and how things are shown.

Results go to standard output, everything else (problems, remarks, progress) to standard error. With ``--json`` a
query prints one JSON object per line. A problem takes three lines: what, where, remedy (and who it is for). Text
from strangers is made safe to show before it reaches the terminal.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click
from rich.console import Console
from rich.text import Text

from edxml_router.core.detail import Detail, Value, said
from edxml_router.core.problems import Finding, Refusal, Weight
from edxml_router.language.catalogues import shown_value, told
from edxml_router.language.texts import language_of, say
from edxml_router.observe.escape import json_line, printable

if TYPE_CHECKING:
    from rich.table import Table

    from edxml_router.config import Settings

DEFAULT_FILES: Final = (Path("node.toml"), Path("/etc/edxml-router/node.toml"))
WIDE: Final = 240  # columns of a table that goes into a pipe: cut nothing that grep may look for


@dataclass
class Session:
    """One call of the command line."""

    config: Path | None = None
    language: str = field(default_factory=lambda: language_of(os.environ))
    wide: bool = False  # tables with all their columns, however narrow the terminal is
    _bar: Console | None = None  # the terminal on which a bar is drawn now

    @property
    def out(self) -> Console:
        """Standard output; while a bar is drawn on the same terminal, what prints above the bar."""
        console = self._bar or _console(stderr=False)
        if self.wide:
            console.width = max(console.width, WIDE)
        return console

    @property
    def err(self) -> Console:
        return _console(stderr=True)

    def say(self, key: str, /, **values: object) -> str:
        return say(self.language, key, **values)

    def config_file(self) -> Path:
        """The configuration's path: --config, the environment, or the first default that exists."""
        if self.config is not None:
            return self.config
        for path in DEFAULT_FILES:
            if path.is_file():
                return path
        places = ", ".join(str(path) for path in DEFAULT_FILES)
        raise Refusal("EDX902", where=places, detail=Detail("no configuration; name it with --config FILE"))

    def settings(self) -> Settings:
        """The configuration; its remarks are shown. Raises ConfigErrors or Refusal EDX902."""
        from edxml_router.config import load  # noqa: PLC0415  # reading it takes longer than the commands that need none

        settings = load(self.config_file())
        for remark in settings.remarks:
            self.problem(remark)
        return settings

    def detail(self, text: str) -> str:
        """A finding's detail or place for people; what a person or another node wrote stays as it is."""
        return told(self.language, text)

    def line(self, text: str, style: str = "") -> None:
        """A line on standard output."""
        self.out.print(Text(printable(text, 10_000), style=style), soft_wrap=True)

    def note(self, text: str, style: str = "") -> None:
        """A line on standard error."""
        self.err.print(Text(printable(text, 10_000), style=style), soft_wrap=True)

    def problems(self, findings: Sequence[Finding], *, out: bool = False) -> None:
        """Several at once; the remedy that some have in common follows the last of them."""
        last = {finding.code: number for number, finding in enumerate(findings)}
        for number, finding in enumerate(findings):
            self.problem(finding, out=out, remedy=None if number == last[finding.code] else "")

    def problem(self, finding: Finding, *, about: str = "", out: bool = False, remedy: str | None = None) -> None:
        """Three lines: what, where, who must act and how. ``about`` is what it happened to, e.g. a file. ``remedy``
        stands for that of the table; an empty one is left out."""
        remark = finding.problem.weight is Weight.REMARK
        what = f"{finding.code} {finding.title(self.language)}"
        if finding.detail:
            what += f": {self.detail(finding.detail)}"
        where = ", ".join(dict.fromkeys(part for part in (about, self.detail(finding.where)) if part)) or "-"
        labels = (self.say("error.where"), self.say("error.remedy"))
        width = max(map(len, labels))
        tell = self.line if out else self.note
        tell(what, "yellow" if remark else "bold red")
        tell(f"  {labels[0]:<{width}}  {where}")
        if advice := finding.remedy(self.language) if remedy is None else remedy:
            tell(f"  {labels[1]:<{width}}  {self.say(f'actor.{finding.problem.actor}')}: {advice}")

    def json(self, value: Any) -> None:
        """One JSON object on one line of standard output."""
        text = json_line(value, _plain)
        if self._bar is not None:
            self._bar.print(Text(text), soft_wrap=True)
        else:
            click.echo(text)

    def table(
        self, columns: Sequence[str], rows: Iterable[Sequence[object]], *, title: str = "", spare: Sequence[str] = ()
    ) -> None:
        """A table; ``columns`` are keys of the texts without their ``col.``, ``#`` before one aligns right. Those named
        in ``spare`` are left out, the first first, where the terminal is too narrow; a line says which."""
        from rich.box import SIMPLE_HEAD  # noqa: PLC0415  # few commands show one
        from rich.table import Table  # noqa: PLC0415  # as above

        from edxml_router.language.table_layout import table_layout  # noqa: PLC0415  # as above

        names = [column.lstrip("#") for column in columns]
        heads = [Text(self._head(name)) for name in names]
        cells = [[self.cell(value) for value in row] for row in rows]
        out = self.out
        layout = table_layout(
            names, [[cell.plain for cell in row] for row in (heads, *cells)], width=out.width, spare=spare
        )
        heading = Text(title) if title else None
        table = Table(box=SIMPLE_HEAD, title=heading, title_justify="left", pad_edge=False, padding=(0, 1, 0, 0))
        for number in layout.shown:
            right = columns[number].startswith("#")
            table.add_column(
                heads[number],
                justify="right" if right else "left",
                overflow="fold",
                no_wrap=number in layout.firm,
            )
        for row in cells:
            table.add_row(*(row[number] for number in layout.shown))
        _print_table(out, table)
        if layout.left_out:
            left_out = ", ".join(map(self._head, layout.left_out))
            self.note(self.say("table.left_out", columns=left_out))

    def _head(self, name: str) -> str:
        """What stands over a column. A bound of a histogram is its own name."""
        return name if name[:1] in "<≥" else self.say(f"col.{name}")

    def figures(self, title: str, names: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
        """A table of numbers in words of its own; the first column says what they are about."""
        from rich.box import SIMPLE_HEAD  # noqa: PLC0415  # few commands show one
        from rich.cells import cell_len  # noqa: PLC0415  # as above
        from rich.table import Table  # noqa: PLC0415  # as above

        from edxml_router.language.table_layout import TABLE_GAP  # noqa: PLC0415  # as above

        out, table = self.out, Table(box=SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0))
        table.title, table.title_justify, table.title_style = Text(title), "left", "bold"
        cells = [[self.cell(value) for value in row] for row in rows]
        for place, name in enumerate(names):
            table.add_column(Text(name), justify="right" if place else "left", overflow="fold")
        for row in cells:
            table.add_row(*row)
        widths = [max(cell_len(text) for text in (name, *(row[place].plain for row in cells)))
                  for place, name in enumerate(names)]  # fmt: skip
        if sum(widths) + TABLE_GAP * len(widths) > out.width:
            # A word of a head on each line, before a word or a number is broken.
            for column, name in zip(table.columns, names, strict=True):
                column.header = Text("\n".join(name.split()))
        _print_table(out, table)

    def shown(self, value: Value) -> str:
        """A number, a day or a moment as people write it; a moment in this machine's time zone."""
        return shown_value(self.language, value)

    def cell(self, value: object) -> Text:
        """A value as a table shows it."""
        if isinstance(value, Text):
            return value
        if isinstance(value, bool):
            return Text(self.say("yes" if value else "no"))
        if isinstance(value, Detail):
            return Text(printable(self.detail(value)))
        if isinstance(value, date):
            return Text(self.shown(value))
        return Text("" if value is None else printable(str(value)))

    @contextmanager
    def progress(self, text: str, total: int | None) -> Iterator[Callable[[int], None]]:
        """A bar on standard error while the block runs (on a terminal only); call what is yielded to advance."""
        from rich.progress import (  # noqa: PLC0415  # few commands show one
            BarColumn,
            MofNCompleteColumn,
            Progress,
            TextColumn,
            TimeRemainingColumn,
        )

        console = self.err
        bar = Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            MofNCompleteColumn(),
            TimeRemainingColumn(),
            console=console,
            transient=True,
            disable=not console.is_terminal,
            redirect_stdout=False,
            redirect_stderr=False,
        )
        with bar:
            task = bar.add_task(text, total=total)
            self._bar = console if console.is_terminal and self.out.is_terminal else None
            try:
                yield lambda count: bar.advance(task, count)
            finally:
                self._bar = None


def _console(*, stderr: bool) -> Console:
    console = Console(stderr=stderr, highlight=False, markup=False, emoji=False)
    if not console.is_terminal:
        console.width = WIDE
    return console


def _print_table(out: Console, table: Table) -> None:
    """On a terminal as it is drawn; into a pipe without blanks at the ends of lines."""
    if out.is_terminal:
        out.print(table)
        return
    with out.capture() as drawn:
        out.print(table)
    click.echo("\n".join(line.rstrip() for line in drawn.get().splitlines()))


def _plain(value: Any) -> Any:
    return value.isoformat() if isinstance(value, datetime) else str(value)


pass_session = click.make_pass_decorator(Session)


def for_people(detail: str) -> str:
    """A detail in the language of whoever calls, for click's own exceptions."""
    return click.get_current_context().ensure_object(Session).detail(detail)


def what_was_wrong(error: ValueError) -> str:
    """What is wrong with a value, for whoever has typed it."""
    return for_people(said(error))


def _widen(context: click.Context, _: click.Parameter, value: bool) -> None:
    if value:
        context.ensure_object(Session).wide = True


wide_option = click.option(
    "--wide", is_flag=True, expose_value=False, callback=_widen, help="Show all columns, however narrow the terminal."
)
json_option = click.option("--json", "as_json", is_flag=True, help="Print one JSON object per line.")
