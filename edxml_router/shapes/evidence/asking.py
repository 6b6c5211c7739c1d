"""Answers to an auditor's questions: documents one by one, and how many there are."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, TypedDict

from edxml_router.core.agencies.code import level_of
from edxml_router.core.delivery.lifecycle import State
from edxml_router.core.delivery.views import ListedDocument
from edxml_router.core.link.manifest import instant
from edxml_router.shapes.envelope import EnvelopeShape, envelope_shape


class CountShape(TypedDict):
    """How many there are: of one group, or in all."""

    group: str | None
    total: int


def count_shape(group: str, total: int) -> CountShape:
    return {"group": group or None, "total": total}


class DocumentShape(TypedDict):
    """A document that was accepted here, by the entry of its acceptance, and how its deliveries stand."""

    position: int
    envelope: EnvelopeShape
    level: int
    recipients: list[str] | None
    recipient_count: int
    outcome: str
    states: dict[str, int]


def document_shape(one: ListedDocument) -> DocumentShape:
    found = one.found
    return {
        "position": one.position,
        "envelope": envelope_shape(found.envelope),
        "level": level_of(found.envelope.sender),
        "recipients": None if one.recipients is None else list(one.recipients),
        "recipient_count": one.count,
        "outcome": found.outcome,
        "states": {str(State(state)): number for state, number in sorted(found.states.items())},
    }


# The same as one row of a table, of an auditor's spreadsheet or database.
DOCUMENT_COLUMNS: Final[Mapping[str, type]] = {
    "position": int,
    "digest": str,
    "document_id": str,
    "kind": str,
    "business": int,
    "status_code": str,
    "sender": str,
    "level": int,
    "recipients": str,
    "recipient_count": int,
    "outcome": str,
    **{state.value: int for state in State},
    "urgent": int,
    "size": int,
    "attachment_count": int,
    "indication": str,
    "reason": str,
    "signer": str,
    "remarks": str,
    "peer": str,
    "channel": str,
    "accepted_at": str,
    "expires_at": str,
}


def document_row(one: ListedDocument) -> dict[str, str | int | None]:
    """By :data:`DOCUMENT_COLUMNS`. A list is a text with blanks between; of each state there is the number of
    deliveries in it."""
    row = one.found.envelope
    return {
        "position": one.position,
        "digest": row.digest,
        "document_id": row.document_id,
        "kind": row.kind,
        "business": row.business,
        "status_code": row.status_code or None,
        "sender": row.sender,
        "level": level_of(row.sender),
        "recipients": None if one.recipients is None else " ".join(one.recipients),
        "recipient_count": one.count,
        "outcome": one.found.outcome,
        **{state.value: one.found.states.get(state, 0) for state in State},
        "urgent": int(row.urgent),
        "size": row.size,
        "attachment_count": row.attachments,
        "indication": row.indication,
        "reason": row.reason or None,
        "signer": row.signer or None,
        "remarks": " ".join(row.remarks) or None,
        "peer": row.peer,
        "channel": row.channel,
        "accepted_at": instant(row.accepted_at),
        "expires_at": instant(row.expires_at),
    }
