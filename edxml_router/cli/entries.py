"""Journal entries as people see them."""

from __future__ import annotations

from collections.abc import Sequence

from edxml_router.cli.session import Session
from edxml_router.core.delivery.views import JournalLine


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
    )
