"""Journal entries as people see them, and what does not follow from them."""

from __future__ import annotations

from collections.abc import Sequence

from edxml_router.cli.commands import exit_with
from edxml_router.cli.session import Session
from edxml_router.core.delivery.views import JournalLine
from edxml_router.core.problems import Finding


def show_lines(session: Session, lines: Sequence[JournalLine]) -> None:
    """Journal entries as a table."""
    session.table(
        ("#id", "at", "event", "envelope", "recipient", "account", "code", "detail"),
        [
            (
                line.number,
                line.entry.at,
                line.entry.event,
                line.entry.envelope[:16],
                line.entry.recipient,
                line.entry.actor,
                line.entry.code,
                line.entry.detail,
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
