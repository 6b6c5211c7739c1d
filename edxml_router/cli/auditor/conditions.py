"""The options of ``journal query`` and ``documents``: conditions, and what is to be made of what is found."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from functools import wraps
from pathlib import Path
from typing import Any, Final

import click

from edxml_router.cli.entries import require_one_form, sqlite_option
from edxml_router.cli.parameters import Moment
from edxml_router.cli.session import for_people
from edxml_router.core.delivery.entries.terms import KINDS
from edxml_router.core.delivery.lifecycle import State
from edxml_router.core.detail import Detail
from edxml_router.services.asking.documents import DocumentQuery
from edxml_router.services.asking.questions import JournalQuery
from edxml_router.services.naming import problem_named
from edxml_router.wiring.reading import ReadableDatabase

STATES: Final = [state.value for state in State]


@dataclass(frozen=True, slots=True)
class Conditions:
    """What was given on the command line."""

    since: datetime | None
    until: datetime | None
    document: str | None
    number: str
    sender: str
    recipient: str
    text: str
    kind: str | None
    signer: str
    peer: str
    code: str
    level: int | None
    state: str | None

    def given(self) -> Mapping[str, object]:
        """The conditions by their names."""
        return {each.name: getattr(self, each.name) for each in fields(self)}

    def query(self, asked: ReadableDatabase, event: str = "", actor: str = "") -> JournalQuery:
        """The query that is meant. Raises Refusal EDX418, EDX606."""
        return JournalQuery(event=event, actor=actor, **self._meant(asked))

    def documents(self, asked: ReadableDatabase, outcome: str) -> DocumentQuery:
        """The same of documents. Raises Refusal EDX418, EDX606."""
        return DocumentQuery(outcome=outcome, **self._meant(asked))

    def _meant(self, asked: ReadableDatabase) -> dict[str, Any]:
        return {
            "since": self.since,
            "until": self.until,
            "document": self.document,
            "number": self.number,
            "sender": asked.canonical(self.sender) if self.sender else "",
            "recipient": asked.canonical(self.recipient) if self.recipient else "",
            "agencies": asked.named(self.text) if self.text.strip() else None,
            "kind": self.kind or "",
            "signer": self.signer,
            "peer": self.peer,
            "code": problem_named(self.code).code if self.code else "",
            "level": self.level,
            "state": State(self.state) if self.state else None,
        }


@dataclass(frozen=True, slots=True)
class FoundForm:
    """What is to be made of what is found."""

    after: int
    limit: int | None
    counting: bool
    group: str | None
    as_csv: bool
    file: Path | None

    def require_form(self, *, as_json: bool) -> None:
        """Raises UsageError where the options speak against each other."""
        if self.group and not self.counting:
            raise click.UsageError(for_people(Detail("--by goes with --count")))
        require_one_form(csv=self.as_csv, json=as_json, sqlite=self.file)
        require_one_form(count=self.counting, csv=self.as_csv, sqlite=self.file)


def found_options(groups: Sequence[str]) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Give a command the options of a list, which is counted by ``groups``; it gets them as ``listed``."""
    names = ", ".join(groups)
    options = (
        click.option("--after", type=click.IntRange(min=-1), default=-1, metavar="POSITION", help=_AFTER),
        click.option("--limit", type=click.IntRange(min=1), help="At most so many; without it all."),
        click.option("--count", "counting", is_flag=True, help="Tell only how many there are."),
        click.option(
            "--by", "group", type=click.Choice(groups), metavar="FIELD", help=f"With --count: of each {names}."
        ),
        click.option("--csv", "as_csv", is_flag=True, help="Print comma-separated values under a line of heads."),
        sqlite_option,
    )

    def formed(command: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(command)
        def with_form(*arguments: Any, **given: Any) -> Any:
            values = {each.name: given.pop(each.name) for each in fields(FoundForm)}
            return command(*arguments, listed=FoundForm(**values), **given)

        for option in reversed(options):
            with_form = option(with_form)
        return with_form

    return formed


_AFTER: Final = "Behind this position."
_OPTIONS: Final = (
    click.option("--since", type=Moment(), help="From this time on: 2026-11-22, 2026-11-22T08:30, or 2h (ago)."),
    click.option("--until", type=Moment(), help="Before this time."),
    click.option("--document", metavar="ID", help="DocumentId or beginning of a SHA-256; what was refused too."),
    click.option("--number", default="", metavar="TEXT", help='Number and notation, 12/UBND; "12" for all.'),
    click.option("--sender", default="", metavar="CODE", help='From this agency; "H53." means all below it, too.'),
    click.option("--recipient", default="", metavar="CODE", help='To this agency; "H53." as above.'),
    click.option("--text", default="", metavar="WORDS", help="From or to agencies with these words in code or name."),
    click.option("--kind", type=click.Choice(KINDS), help="About documents of this kind."),
    click.option("--signer", default="", metavar="SHA256", help="Signed with this key: its SHA-256, or the beginning."),
    click.option("--peer", default="", metavar="NAME", help="Concerning this neighbour or office."),
    click.option("--code", default="", metavar="EDXnnn", help="With this problem code, or its number."),
    click.option("--level", type=click.IntRange(0, 9), help="From an agency whose code has so many groups."),
    click.option("--state", type=click.Choice(STATES), metavar="STATE", help=f"One of {', '.join(STATES)}."),
)


def conditions(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command these options; it gets them as ``wanted``."""

    @wraps(command)
    def with_conditions(*arguments: Any, **given: Any) -> Any:
        values = {each.name: given.pop(each.name) for each in fields(Conditions)}
        if values["since"] is not None and values["until"] is not None and values["since"] >= values["until"]:
            raise click.UsageError(for_people(Detail("--until is not after --since")))
        return command(*arguments, wanted=Conditions(**values), **given)

    for option in reversed(_OPTIONS):
        with_conditions = option(with_conditions)
    return with_conditions
