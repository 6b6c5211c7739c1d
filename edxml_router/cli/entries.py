"""Journal entries as people see them, and as their spreadsheets do; and what does not follow from them."""

from __future__ import annotations

import csv
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import click

from edxml_router import __version__
from edxml_router.cli.commands import exit_with
from edxml_router.cli.session import Session, for_people
from edxml_router.core.delivery.entries.redaction import redaction_of
from edxml_router.core.delivery.views import JournalLine, Verification
from edxml_router.core.detail import Detail
from edxml_router.core.link.manifest import instant
from edxml_router.core.problems import Finding
from edxml_router.observe.escape import printable, spreadsheet_text
from edxml_router.services.asking.extract import Extract, extracted, journal_length
from edxml_router.shapes.evidence.asking import count_shape
from edxml_router.wiring.reading import ReadableDatabase


def sqlite_option(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command ``--sqlite``; it gets the path as ``file``."""
    option = click.option(
        "--sqlite",
        "file",
        type=click.Path(path_type=Path, dir_okay=False),
        metavar="FILE",
        help="Write them into this new file of SQLite.",
    )
    return option(command)


def require_one_form(**chosen: object) -> None:
    """At most one of these options may be given."""
    names = [f"--{name}" for name, value in chosen.items() if value]
    if len(names) > 1:
        raise click.UsageError(for_people(Detail("{options} exclude each other", options=", ".join(names))))


@contextmanager
def writing_extract(
    session: Session, asked: ReadableDatabase, file: Path, command: str, given: Mapping[str, object], total: int | None
) -> Iterator[tuple[Extract, Callable[[int], None]]]:
    """An auditor's own file, and what hears how many of ``total`` were written."""
    told = {name: value for name, value in given.items() if value not in (None, "", False)}
    about = {
        "command": command,
        **{f"--{name}": value for name, value in told.items()},
        "node": asked.owner(),
        "journal": journal_length(asked.views),
        "made_at": instant(datetime.now(UTC)),
        "version": __version__,
    }
    tables = ("documents", "deliveries") if command == "documents" else ("entries",)
    with (
        session.progress(session.detail(Detail("writing {file}", file=str(file))), total) as advance,
        extracted(file, about, tables) as extract,
    ):
        yield extract, advance

_ERASURES: Final = 20  # that `journal verify` names


def show_lines(session: Session, lines: Sequence[JournalLine]) -> None:
    """Journal entries as a table."""
    session.table(
        ("#place", "at", "event", "envelope", "recipient", "account", "code", "detail"),
        [
            (
                line.position,
                line.entry.at,
                line.entry.event,
                line.entry.envelope[:16],
                line.entry.recipient,
                line.entry.actor,
                line.entry.code,
                line.told.detail,
            )
            for line in lines
        ],
        spare=("account", "envelope", "code"),
    )


def show_differences(session: Session, found: Sequence[Finding]) -> None:
    """Rows of the tables that do not follow from the entries, beside what was shown; then the command ends."""
    for each in found:
        session.note(f"{session.detail(each.where)}: {session.detail(each.detail)}", "red")
    if found:
        session.problem(found[0])
    exit_with(found)


def show_counts(session: Session, counts: Mapping[str, int], *, as_json: bool) -> None:
    """How many there are of each, or under no name how many in all."""
    if as_json:
        for group, total in counts.items():
            session.json(count_shape(group, total))
    elif "" in counts:
        session.line(str(counts[""]))
    elif counts:
        session.table(("group", "#count"), list(counts.items()))
    else:
        session.line(session.say("queue.empty"))


class Sheet:
    """Comma-separated values on standard output (RFC 4180), one line for each row under its heads. Of a
    problem only the code is there. A cell that a spreadsheet would take for a formula begins with an apostrophe."""

    def __init__(self, heads: Iterable[str]) -> None:
        self._heads = list(heads)
        self._writer = csv.writer(sys.stdout)
        self._writer.writerow(self._heads)

    def show(self, rows: Iterable[Mapping[str, Any]]) -> None:
        """A line for each."""
        for row in rows:
            self._writer.writerow([_cell(row[head]) for head in self._heads])


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, dict):
        return str(value["code"])
    text = printable(str(value), 10_000)
    return text if isinstance(value, int) else spreadsheet_text(text)


def erasures(session: Session, lines: Sequence[JournalLine]) -> Iterator[str]:
    """What the entries of a document tell of it, a sentence each."""
    for line in lines:
        if (one := redaction_of(line.entry)) is not None:
            said = {"at": session.shown(one.at), "ground": one.ground, "position": line.position}
            told = session.say("redact.told", **said)
            yield f"{one.recipient}: {told}" if one.recipient else told


def show_redactions(session: Session, result: Verification) -> None:
    """What a verification met of it."""
    for one in result.redactions[:_ERASURES]:
        where = f"{one.digest[:16]} {one.recipient}".strip()
        session.line(session.say("journal.redacted", where=where, at=session.shown(one.at), ground=one.ground))
    if (more := result.redaction_count - min(len(result.redactions), _ERASURES)) > 0:
        session.line(session.say("journal.redacted_more", count=more))
