"""The order of a document's envelopes (:mod:`edxml_router.core.delivery.chains`), in SQL.

A delivery is blocked while an earlier one of its chains, to the same recipient, is not yet with the next node. Numbers
follow the order of arrival, so "earlier" means a smaller number, and there can be no circle. Nothing needs waking when
the earlier one moves on: each turn asks anew what is due, and then nothing blocks it.

A delivery's first chain is in its row. The further chains of the few that change several documents have rows of their
own (``crossings``), which cost the others only two look-ups in an empty index.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import (
    BigInteger,
    Column,
    ColumnElement,
    Connection,
    Engine,
    Index,
    Select,
    Table,
    Text,
    and_,
    bindparam,
    false,
    insert,
    literal_column,
    or_,
    select,
    text,
)

from edxml_router.core.delivery.values import NewDelivery
from edxml_router.store.database.columns import Instant, metadata
from edxml_router.store.database.engine import reading, troubles
from edxml_router.store.database.part import Part, chunks
from edxml_router.store.deliveries.table import CLAIMABLE, deliveries
from edxml_router.store.envelopes.table import envelopes

# Of a delivery that is of several documents, the chains beside the one in its row.
crossings = Table(
    "crossings",
    metadata,
    Column("chain", BigInteger, primary_key=True, autoincrement=False),
    Column("recipient", Text, primary_key=True),
    Column("delivery", BigInteger, primary_key=True, autoincrement=False),
    Index("crossings_delivery", "delivery"),
)

PATIENCE: Final = timedelta(hours=1)  # for mail that the old node may still give back
_KEYS: Final[Any] = bindparam("keys", expanding=True)

_EARLIER: Final = deliveries.alias("earlier")
_OWN: Final = crossings.alias("own")
_THEIRS: Final = crossings.alias("theirs")

# Not with the next node: ``far_accepted`` records a commit there, whatever the state. As literals, for the index on
# recipient, state and chain.
_SENT_FROM_HERE: Final = ("queued", "forwarding", "deferred", "held", "forwarded")
_PENDING: Final = and_(
    _EARLIER.c.state.in_([literal_column(f"'{each}'") for each in _SENT_FROM_HERE]),
    _EARLIER.c.far_accepted == false(),
)
# With another node than the present next hop: the agency has moved and the letter will follow soon. The wait is
# bounded, because a node that is gone may never give it back.
_ELSEWHERE: Final = and_(
    _EARLIER.c.state.in_([literal_column("'forwarded'"), literal_column("'available'")]),
    _EARLIER.c.route != deliveries.c.route,
    deliveries.c.updated_at > bindparam("waited", type_=Instant),
)
# Offered but not yet in the mailbox of its office, or on its way there.
_UNLAID: Final = or_(
    _PENDING,
    and_(
        _EARLIER.c.state == literal_column("'available'"),
        _EARLIER.c.handed_at.is_(None),
        _EARLIER.c.route == deliveries.c.route,
    ),
)


def _blockers(standing: ColumnElement[bool]) -> tuple[Select[Any], ...]:
    """Earlier deliveries in this state on the chains of a row of ``deliveries``: by the rows alone, or by crossings."""
    before = and_(_EARLIER.c.id < deliveries.c.id, _EARLIER.c.recipient == deliveries.c.recipient, standing)
    row = select(_EARLIER.c.id).correlate(deliveries).limit(1)
    theirs = and_(_THEIRS.c.recipient == deliveries.c.recipient, _THEIRS.c.delivery == _EARLIER.c.id)
    own = _OWN.c.delivery == deliveries.c.id
    # As a list, not a join: SQLite would start the join from everything pending for the recipient, for each due row,
    # and a backlog would cost its square.
    chains = select(_OWN.c.chain).where(own).correlate(deliveries)
    return (
        row.where(_EARLIER.c.chain == deliveries.c.chain, before),
        row.where(_THEIRS.c.chain == deliveries.c.chain, theirs, before),
        row.where(_EARLIER.c.chain.in_(chains), before),
        row.where(own, _THEIRS.c.chain == _OWN.c.chain, theirs, before),
    )


def _free(*standings: ColumnElement[bool]) -> ColumnElement[bool]:
    """True if there is none. Scalar subqueries, evaluated per row: PostgreSQL would turn NOT EXISTS into a join, which
    may start from everything pending."""
    ways = [each.scalar_subquery().is_(None) for one in standings for each in _blockers(one)]
    return or_(deliveries.c.chain == literal_column("0"), and_(*ways))


# Mail with the next node is only inquired about, in any order.
MAY_GO: Final = or_(deliveries.c.far_accepted, _free(_PENDING, _ELSEWHERE))
# Published before, it is published again, whatever came since.
MAY_BE_LAID: Final = or_(deliveries.c.handed_at.is_not(None), _free(_UNLAID))

_WAITS_FOR: Final = (
    select(deliveries.c.id, *(each.scalar_subquery() for each in _blockers(or_(_PENDING, _ELSEWHERE))))
    .where(text(CLAIMABLE), deliveries.c.id.in_(_KEYS), ~deliveries.c.far_accepted)
    .where(deliveries.c.chain != literal_column("0"))
)
_CHAINS: Final = (
    select(envelopes.c.sender, envelopes.c.document_key, envelopes.c.chains)
    .where(
        envelopes.c.document_key.in_(_KEYS),
        envelopes.c.sender.in_(bindparam("senders", expanding=True)),
        envelopes.c.kind == "document",
    )
    .order_by(envelopes.c.accepted_at, envelopes.c.digest)
)
_KNOWN: Final = (
    select(envelopes.c.document_key)
    .where(envelopes.c.document_key.in_(_KEYS), envelopes.c.kind == "document")
    .distinct()
)
_NUMBERS: Final = (
    select(deliveries.c.id, deliveries.c.digest, deliveries.c.recipient).where(deliveries.c.digest.in_(_KEYS))
)


class SqlOrder:
    """See :class:`edxml_router.ports.views.MailView`."""

    engine: Engine

    def waits_for(self, numbers: Iterable[int], now: datetime) -> Mapping[int, int]:
        found: dict[int, int] = {}
        with reading(self.engine) as connection:
            for chunk in chunks(sorted(set(numbers))):
                for number, *earlier in connection.execute(_WAITS_FOR, {"keys": chunk, "waited": now - PATIENCE}):
                    if standing := [each for each in earlier if each is not None]:
                        found[number] = min(standing)
        return found


class SqlDocuments(Part):
    """``book.documents``: see :class:`edxml_router.ports.ledger.Documents`."""

    def chains(self, documents: Iterable[tuple[str, str]]) -> Mapping[tuple[str, str], tuple[int, ...]]:
        wanted = set(documents)
        senders = sorted({sender for sender, _ in wanted})
        found: dict[tuple[str, str], dict[int, None]] = {}
        for chunk in chunks(sorted({key for _, key in wanted if key})):
            for row in self._execute(_CHAINS, {"keys": chunk, "senders": senders}):
                if (row.sender, row.document_key) in wanted:
                    found.setdefault((row.sender, row.document_key), {}).update(dict.fromkeys(row.chains))
        return {document: tuple(numbers) for document, numbers in found.items()}

    def known(self, keys: Collection[str]) -> set[str]:
        return {row.document_key for row in self._by_keys(_KNOWN, keys)}


def cross(connection: Connection, rows: Sequence[NewDelivery]) -> None:
    """Note the further chains of deliveries that have just been inserted and have several."""
    several = {(row.digest, row.recipient): row.chains[1:] for row in rows if len(row.chains) > 1}
    if not several:
        return
    with troubles():
        for chunk in chunks(sorted({digest for digest, _ in several})):
            crossed = [
                {"chain": each, "recipient": row.recipient, "delivery": row.id}
                for row in connection.execute(_NUMBERS, {"keys": chunk}).all()
                for each in several.get((row.digest, row.recipient), ())
            ]
            connection.execute(insert(crossings), crossed)
