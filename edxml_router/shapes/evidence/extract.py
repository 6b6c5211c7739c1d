"""The tables of an extract: what is answered as JSON elsewhere, as rows for an auditor's own tools.

All times are texts of RFC 3339 in UTC, so they sort; yes and no are 1 and 0; what is not there is null.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from edxml_router.core.delivery.values import Delivery
from edxml_router.core.delivery.views import JournalLine
from edxml_router.core.link.manifest import instant
from edxml_router.shapes.evidence.asking import DOCUMENT_COLUMNS
from edxml_router.shapes.history import EntryShape, entry_shape
from edxml_router.shapes.reference.glossary import FIELDS

Row = dict[str, str | int | None]

_NUMBERS: Final = frozenset({"number", "position"})
TABLES: Final[Mapping[str, Mapping[str, type]]] = {
    "about": {"name": str, "value": str},
    "entries": {
        "code" if name == "problem" else name: int if name in _NUMBERS else str for name in EntryShape.__annotations__
    },
    "documents": DOCUMENT_COLUMNS,
    "deliveries": {
        "number": int,
        "digest": str,
        "recipient": str,
        "state": str,
        "route": str,
        "origin": str,
        "attempts": int,
        "code": str,
        "updated_at": str,
        "expires_at": str,
        "ended_at": str,
    },
}
_SHAPES: Final = {"entries": "Entry", "documents": "Document", "deliveries": "Delivery"}
_MEANINGS: Final = {
    ("about", "name"): "What is told here.",
    ("about", "value"): "What it is.",
    ("documents", "reason"): "Why the signature has this verdict.",
    ("documents", "remarks"): "Codes of what was remarked, with blanks between.",
    ("documents", "signer"): "SHA-256 of the key that signed, hex.",
    ("documents", "recipients"): "The agencies that it is for, with blanks between; null where the entry tells only how"
    " many.",
    ("deliveries", "origin"): "Who brought it: `link:NAME` or `office:NAME`.",
    ("deliveries", "ended_at"): "When it ended, as dated by whoever witnessed it.",
}
_STATE: Final = "How many deliveries are in this state."


def meaning_of(table: str, column: str) -> str:
    """What a column means."""
    own = _MEANINGS.get((table, column)) or FIELDS.get(f"{_SHAPES.get(table, '')}.{column}") or FIELDS.get(column)
    return own or _STATE


def entry_row(line: JournalLine) -> Row:
    told = dict(entry_shape(line))
    problem = told.pop("problem")
    told["code"] = problem["code"] if isinstance(problem, dict) else None
    return {column: _cell(told[column]) for column in TABLES["entries"]}


def delivery_row(one: Delivery) -> Row:
    return {
        "number": one.id,
        "digest": one.digest,
        "recipient": one.recipient,
        "state": one.state.value,
        "route": one.route,
        "origin": one.origin,
        "attempts": one.attempts,
        "code": one.code or None,
        "updated_at": instant(one.updated_at),
        "expires_at": instant(one.expires_at),
        "ended_at": instant(one.ended_at) if one.ended_at else None,
    }


def _cell(value: object) -> str | int | None:
    return value if value is None or isinstance(value, (str, int)) else str(value)
