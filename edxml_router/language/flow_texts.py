"""What people read of halts and of what is told to the whole flow (part of :mod:`edxml_router.language.texts`)."""

from __future__ import annotations

from typing import Final

FLOW_TEXTS: Final[dict[str, str]] = {
    "halt.none": "No halt is in force.",
    "halt.added": "halt {number} is in force; deliveries that it stopped: {count}. What comes later is"
    " stopped as well.",
    "halt.released": "halt {number} is released; deliveries that go on: {count}",
    "halt.would": "would be stopped now: {count}",
    "halt.sender": "from {value}",
    "halt.recipient": "to {value}",
    "halt.route": "over {value}",
    "halt.cause": "whose problem is {value}",
    "halt.ending": "being released",
    "halt.working": "stopping",
    "halt.releasing": "letting go",
    "drain.on": "Nothing new is taken since {at} ({who}). `edxml-router resume` ends that.",
    "drain.off": "What comes is taken again.",
    "drain.empty": "Empty: nothing is left to be sent.",
    "drain.left": "still to be sent: {deliveries} deliveries, {receipts} receipts",
    "drain.others": "wait for others: {waiting} held or put off, {answers} with the next node or in an inbox",
    "redrive.would": "{count} deliveries would go on: {acts}",
    "redrive.oldest": "oldest: {number}, {document}, so since {at}",
    "redrive.newest": "newest: {number}, {document}, so since {at}",
    "redrive.more": "More match: these are the first {count} (--limit).",
    "redrive.yes": "Nothing was done; --yes does it.",
    "col.halt": "halt",
    "col.stops": "stops",
    "col.holds": "holds",
    "col.who": "by",
}
