"""Receipts that this node made: their table, ``book.receipts`` (:class:`edxml_router.ports.ledger.Receipts`), and
how they are read.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import fields
from datetime import UTC, datetime
from typing import Any, Final

from sqlalchemy import (
    Boolean,
    Column,
    Index,
    Integer,
    Table,
    Text,
    and_,
    bindparam,
    delete,
    exists,
    func,
    or_,
    select,
    true,
    tuple_,
    update,
)

from edxml_router.core.link.route import Route
from edxml_router.core.link.statement import Evidence
from edxml_router.core.link.wire import ENDS, Receipt, ReceiptOutcome
from edxml_router.core.problems import PROBLEMS, Finding
from edxml_router.store.database.bulk import Insert, Update
from edxml_router.store.database.columns import (
    Hops,
    Instant,
    Number,
    RouteName,
    Wording,
    converting,
    metadata,
    partial,
    words,
)
from edxml_router.store.database.part import Part, chunks
from edxml_router.store.deliveries.table import deliveries
from edxml_router.store.envelopes.table import envelopes
from edxml_router.store.receipts.columns import SignedTexts

receipts = Table(
    "receipts",
    metadata,
    Column("id", Number, primary_key=True),
    Column("origin", RouteName, nullable=False),
    words("envelope"),
    words("recipient"),
    Column("generation", Integer, nullable=False),
    words("outcome"),
    Column("at", Instant, nullable=False),
    words("code"),
    words("detail", Wording),
    Column("hops", Hops, nullable=False),
    Column("lease_until", Instant, nullable=False),
    Column("sent_at", Instant),
    # What proves an outcome. Null in told_by: from before it was kept.
    Column("signed_end", SignedTexts, nullable=False, server_default="[]"),
    Column("passes", SignedTexts, nullable=False, server_default="[]"),
    Column("told_by", Text),
    Column("taken_at", Instant),
    words("doubt", server_default=""),  # the problem's code; empty where it is proven, or ended here
    words("doubt_where", server_default=""),
    words("doubt_detail", Wording, server_default=""),
    Column("complete", Boolean, nullable=False, server_default=true()),
    partial("receipts_unproven", "id", where="doubt <> ''"),
    partial("receipts_unsent", "origin", "id", where="sent_at IS NULL"),
    # A fact has one row, however often it is asked for; the index also finds the receipts of an envelope.
    Index("receipts_fact", "envelope", "recipient", "origin", "generation", "outcome", unique=True),
)

ANSWERS: Final = 20_000  # receipts about nothing, or of refusals, that wait for one neighbour: two of its messages
_ANSWERS: Final = (ReceiptOutcome.UNKNOWN, ReceiptOutcome.RETURNED)
_NEVER: Final = datetime.fromtimestamp(0, UTC)
_FIELDS: Final = tuple(field.name for field in fields(Receipt) if field.name != "evidence")  # each one is a column
_EVIDENCE: Final = ("signed_end", "passes", "told_by", "taken_at", "doubt", "doubt_where", "doubt_detail", "complete")

_KEYS: Final[Any] = bindparam("keys", expanding=True)
_NOW: Final = bindparam("now", type_=Instant)
_LIMIT: Final[Any] = bindparam("limit")
_ADD: Final = Insert(
    receipts,
    ("origin", *_FIELDS, *_EVIDENCE, "lease_until"),
    # Asked again, a fact is told again as it was: with its first time and its first trail.
    "ON CONFLICT (envelope, recipient, origin, generation, outcome) DO UPDATE SET sent_at = NULL, "
    "code = excluded.code, detail = excluded.detail",
)
_UNSENT: Final = (
    select(receipts)
    .where(receipts.c.sent_at.is_(None), receipts.c.lease_until <= _NOW)
    .order_by(receipts.c.id)
    .limit(_LIMIT)
    .with_for_update(skip_locked=True)
)
_UNSENT_TO: Final = _UNSENT.where(receipts.c.origin.in_(bindparam("routes", expanding=True)))
_OPEN_TO: Final = _UNSENT_TO.where(receipts.c.outcome.not_in([each.value for each in ENDS]))
_PROVE: Final = Update(receipts, ("at", *_EVIDENCE))
_FACT: Final = tuple_(receipts.c.envelope, receipts.c.recipient, receipts.c.outcome)
_LEASE: Final = (
    update(receipts).where(receipts.c.id.in_(_KEYS)).values(lease_until=bindparam("until", type_=Instant))
)
# What is said of things that are not here: of an envelope that was refused or never came, or to whoever added a
# recipient to the sender's list (EDX401). Nobody here will ask for it again, and whoever asked can ask for anything.
_ABOUT_NOTHING: Final = or_(
    receipts.c.outcome == ReceiptOutcome.UNKNOWN.value,
    and_(
        receipts.c.outcome == ReceiptOutcome.RETURNED.value,
        ~exists().where(deliveries.c.digest == receipts.c.envelope, deliveries.c.recipient == receipts.c.recipient),
        or_(receipts.c.code == "EDX401", ~exists().where(envelopes.c.digest == receipts.c.envelope)),
    ),
)
_SPENT: Final = delete(receipts).where(receipts.c.id.in_(_KEYS), _ABOUT_NOTHING)
_WAITING: Final = select(func.count()).select_from(
    select(receipts.c.id)
    .where(
        receipts.c.sent_at.is_(None),
        receipts.c.origin == bindparam("origin"),
        receipts.c.outcome.in_([each.value for each in _ANSWERS]),
    )
    .limit(_LIMIT)
    .subquery()
)
_SENT: Final = (
    update(receipts).where(receipts.c.id.in_(_KEYS), receipts.c.sent_at.is_(None)).values(sent_at=_NOW)
)


class SqlReceipts(Part):
    """See :class:`edxml_router.ports.ledger.Receipts`."""

    def add(self, receipts: Iterable[tuple[Route, Receipt]]) -> None:
        facts = {_fact(origin, receipt): (origin, receipt) for origin, receipt in receipts}
        rows = [
            {
                **{name: getattr(receipt, name) for name in _FIELDS},
                **_evidence_values(receipt.evidence),
                "origin": origin,
                "outcome": receipt.outcome.value,
                "lease_until": _NEVER,
                "complete": not (Route(origin).is_link and _can_be_signed(receipt)),
            }
            for origin, receipt in facts.values()
        ]
        self._write(_ADD, rows)

    def prove(self, numbered: Iterable[tuple[int, Receipt]]) -> None:
        rows = [{"id": number, "at": one.at, **_evidence_values(one.evidence)} for number, one in numbered]
        self._write(_PROVE, rows)

    def told(self, receipts_like: Iterable[Receipt]) -> Sequence[tuple[int, Route, Receipt]]:
        facts = sorted({(one.envelope, one.recipient, one.outcome.value) for one in receipts_like})
        found: list[tuple[int, Route, Receipt]] = []
        for chunk in chunks(facts):
            rows = self._execute(select(receipts).where(_FACT.in_(chunk)).order_by(receipts.c.id))
            found += [(row.id, row.origin, receipt_of(row)) for row in rows]
        return found

    def send_again(self, numbers: Iterable[int]) -> None:
        for chunk in chunks(sorted(numbers)):
            self._execute(update(receipts).where(receipts.c.id.in_(_KEYS)).values(sent_at=None), {"keys": chunk})

    def add_answers(self, receipts: Iterable[tuple[Route, Receipt]]) -> int:
        answers = list(receipts)
        room: dict[Route, int] = {}
        for origin in sorted({origin for origin, receipt in answers if receipt.outcome in _ANSWERS}):
            values = {"origin": origin, "limit": ANSWERS}
            room[origin] = ANSWERS - self._execute(_WAITING, values).scalar_one()
        fitting = []
        for origin, receipt in answers:
            if receipt.outcome in _ANSWERS:
                room[origin] -= 1
            if receipt.outcome not in _ANSWERS or room[origin] >= 0:
                fitting.append((origin, receipt))
        self.add(fitting)
        return len(answers) - len(fitting)

    def unsent(
        self,
        now: datetime,
        until: datetime,
        limit: int,
        routes: Sequence[Route] | None = None,
        *,
        ends: bool = True,
    ) -> Sequence[tuple[int, Route, Receipt]]:
        values: dict[str, Any] = {"now": now, "limit": limit}
        if routes is None:
            rows = self._execute(_UNSENT, values).all()
        else:
            rows = self._execute(_UNSENT_TO if ends else _OPEN_TO, {**values, "routes": list(routes)}).all()
        for chunk in chunks([row.id for row in rows]):
            self._execute(_LEASE, {"keys": chunk, "until": until})
        return [(row.id, row.origin, receipt_of(row)) for row in rows]

    def sent(self, numbers: Iterable[int], now: datetime) -> None:
        for chunk in chunks(sorted(numbers)):
            self._execute(_SPENT, {"keys": chunk})
            self._execute(_SENT, {"keys": chunk, "now": now})


def receipt_of(row: Any) -> Receipt:
    """The receipt in a row of its table. Raises Setback EDX610 for an outcome that there is not."""
    named = row._mapping
    with converting():
        told = {**{name: named[name] for name in _FIELDS}, "outcome": ReceiptOutcome(row.outcome)}
    return Receipt(**told, evidence=evidence_of(row))


def _can_be_signed(receipt: Receipt) -> bool:
    """Whether this node has something to sign: an end of its own, or that it passes on what another has signed."""
    return receipt.outcome in ENDS and (receipt.evidence.end is not None or not receipt.evidence.told_by)


def evidence_of(row: Any) -> Evidence:
    """The evidence in a row of the table. Raises Setback EDX610 for a doubt that is no problem's code."""
    with converting():
        if row.doubt and row.doubt not in PROBLEMS:
            raise ValueError(row.doubt)
    doubt = Finding(row.doubt, row.doubt_where, row.doubt_detail) if row.doubt else None
    end = row.signed_end[0] if row.signed_end else None
    return Evidence(end, row.passes, row.told_by, row.taken_at, doubt, row.complete)


def _evidence_values(evidence: Evidence) -> dict[str, Any]:
    doubt = evidence.doubt
    return {
        "signed_end": (evidence.end,) if evidence.end else (),
        "passes": evidence.passes,
        "told_by": evidence.told_by,
        "taken_at": evidence.taken_at,
        "doubt": doubt.code if doubt else "",
        "doubt_where": str(doubt.where) if doubt else "",
        "doubt_detail": doubt.detail if doubt else "",
        "complete": evidence.complete,
    }


def _fact(origin: Route, receipt: Receipt) -> tuple[Route, str, str, int, ReceiptOutcome]:
    return origin, receipt.envelope, receipt.recipient, receipt.generation, receipt.outcome
