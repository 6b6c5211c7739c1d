"""An envelope and its deliveries as the journal tells them, whatever the tables say.

    row = envelope_as_told(story, row, changes)          # None: no entry tells of its acceptance
    deliveries = deliveries_as_told(story, rows, changes)

Rows of the tables give what no entry tells: when the next attempt is due, the leases, the reason of a wait; and, of
entries by versions that did not write all facts, what is missing there (:func:`untold`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from edxml_router.core.delivery.entries.changes import Changes
from edxml_router.core.delivery.entries.replay import WAITED_FOR, ToldDelivery, ToldEnvelope
from edxml_router.core.delivery.lifecycle import ENDS
from edxml_router.core.delivery.values import Delivery, EnvelopeRow
from edxml_router.core.link.route import Route

_FACTS: Final = ("id", "state", "generation", "urgent", "far_accepted", "updated_at", "version")


def envelope_as_told(story: ToldEnvelope, row: EnvelopeRow | None, changes: Changes) -> EnvelopeRow | None:
    """The envelope; of one whose acceptance does not tell its facts, the row. None where nothing tells of it. Raises
    ValueError, KeyError, TypeError for facts that no version has written."""
    if story.accepted is None:
        return None
    told = story.envelope
    return row if told is None else replace(told, peer=changes.peer(told.peer))


def deliveries_as_told(story: ToldEnvelope, rows: Sequence[Delivery], changes: Changes) -> list[Delivery]:
    """All deliveries of which entries tell, by number. Left out are those of which only the table would know enough,
    and does not."""
    there = {row.recipient: row for row in rows}
    chain = _chain(story)
    found = []
    for recipient, one in story.deliveries.items():
        row = there.get(recipient) or _begun(story.digest, one)
        if row is not None:
            told = _told(one, row, changes)
            found.append(told if chain is None else replace(told, chain=chain))
    return sorted(found, key=lambda delivery: delivery.id)


def untold(story: ToldEnvelope, deliveries: Sequence[Delivery]) -> list[str]:
    """What is told by the table: recipients, and an empty text for the envelope itself."""
    envelope = [""] if story.accepted is not None and not story.accepted.facts else []
    return envelope + [one.recipient for one in deliveries if not story.deliveries[one.recipient].whole]


def _told(one: ToldDelivery, row: Delivery, changes: Changes) -> Delivery:
    values: dict[str, Any] = {name: getattr(one, name) for name in _FACTS}
    if one.state not in WAITED_FOR:
        values |= {"code": one.code, "detail": one.detail}
    if one.expires_at is not None and not (row.expires_at > one.expires_at and row.expires_at in changes.graces):
        values["expires_at"] = one.expires_at
    if one.whole:
        for name in ("route", "origin"):
            party = getattr(one, name)
            values[name] = None if party is None else Route(changes.party(party))
        row = replace(row, ended_at=one.ended_at)
    return replace(row, **{name: value for name, value in values.items() if value is not None})


def _begun(digest: str, one: ToldDelivery) -> Delivery | None:
    """What stands for a row that is gone."""
    told = (one.id, one.state, one.generation, one.route, one.origin, one.expires_at, one.updated_at)
    if not one.whole or any(value is None for value in told):
        return None
    values: Mapping[str, Any] = {
        **{name: getattr(one, name) for name in _FACTS},
        "route": Route(one.route or ""),
        "origin": Route(one.origin or ""),
    }
    due = one.updated_at if one.state in ENDS else one.expires_at
    rest = {"attempts": 0, "due_at": due, "expires_at": one.expires_at, "code": one.code, "detail": one.detail}
    return Delivery(digest=digest, recipient=one.recipient, **{**values, **rest})


def _chain(story: ToldEnvelope) -> int | None:
    if story.accepted is None or not story.accepted.facts:
        return None
    chains = story.accepted.facts.get("chains", ())
    return int(chains[0]) if chains else 0
