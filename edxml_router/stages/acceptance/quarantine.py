"""Refused input, kept for the operator and journalled."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from edxml_router.core.body import NOTHING
from edxml_router.core.delivery.journal import Entry
from edxml_router.core.delivery.values import NewQuarantinedItem
from edxml_router.core.detail import Detail
from edxml_router.core.message.document_id import comparable
from edxml_router.core.problems import Defect
from edxml_router.ports.ledger import Book
from edxml_router.stages.acceptance.submission import Ruling
from edxml_router.stages.node import Node


def quarantined_item(ruling: Ruling, now: datetime) -> NewQuarantinedItem:
    assert ruling.trouble is not None  # noqa: S101  # refused
    finding, item, submission = ruling.trouble.finding, ruling.item, ruling.item.submission
    # Nothing of a state secret may stay here except its digest, in the journal, and the notice.
    secret = finding.code == "EDX405"
    data = NOTHING if secret else submission.data
    document_id = "" if secret or item.examined is None else comparable(item.examined.envelope.document_id)
    fields = (finding.code, finding.where, finding.detail)
    return NewQuarantinedItem(now, submission.peer, submission.channel, *fields, data, document_id)


def refusal_entry(ruling: Ruling, now: datetime, named: Mapping[str, str]) -> Entry:
    """``named``: the digests of the rules that it was refused by."""
    assert ruling.trouble is not None  # noqa: S101  # refused
    finding, item = ruling.trouble.finding, ruling.item
    event = "input.defect" if isinstance(ruling.trouble, Defect) else "envelope.refused"
    peer, facts = item.submission.peer, {"rules": dict(named)}
    return Entry(now, event, item.digest, actor=peer, code=finding.code, detail=finding.detail, facts=facts)


def quarantine_items(node: Node, book: Book, items: Sequence[tuple[NewQuarantinedItem, Entry]]) -> None:
    """Keep refused input for the operator, within its peer's share, and journal it."""
    rules = node.rules
    kept = book.quarantine.keep([one for one, _ in items], rules.limits.quarantine_bytes, rules.peers.keys())
    entries = [
        entry if was_kept else replace(entry, detail=_without_bytes(entry.detail))
        for (_, entry), was_kept in zip(items, kept, strict=True)
    ]
    book.journal.note_odd(entries, rules.limits.noted_hourly, rules.peers.keys())


def _without_bytes(detail: str) -> str:
    if not detail:
        return Detail("(EDX604: bytes not kept)")
    return Detail("{detail} (EDX604: bytes not kept)", detail=detail)
