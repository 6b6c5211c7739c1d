"""The table of deliveries."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from sqlalchemy import BigInteger, Boolean, Column, ForeignKey, Index, Integer, Table, Text, UniqueConstraint

from edxml_router.core.delivery.values import Delivery
from edxml_router.store.database.columns import Instant, Number, RouteName, StateName, Wording, metadata, partial, words

# Literals: see ``partial``.
CLAIMABLE: Final = "state IN ('queued', 'forwarding', 'deferred')"
OPEN: Final = "state NOT IN ('confirmed', 'returned', 'expired', 'cancelled')"

# Each column is a field of Delivery.
deliveries = Table(
    "deliveries",
    metadata,
    Column("id", Number, primary_key=True),
    Column("digest", Text, ForeignKey("envelopes.digest", name="deliveries_digest"), nullable=False),
    words("recipient"),
    Column("state", StateName, nullable=False),
    Column("route", RouteName, nullable=False),
    Column("origin", RouteName, nullable=False),
    Column("generation", Integer, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("urgent", Boolean, nullable=False),
    Column("due_at", Instant, nullable=False),
    Column("expires_at", Instant, nullable=False),
    Column("far_accepted", Boolean, nullable=False),
    words("code"),
    words("detail", Wording),
    Column("updated_at", Instant, nullable=False),
    Column("version", Integer, nullable=False),
    Column("lapses", Integer, nullable=False, server_default="0"),
    Column("ended_at", Instant),
    Column("handed_at", Instant),
    Column("asked_at", Instant),
    Column("chain", BigInteger, nullable=False, server_default="0"),  # 0: of none
    UniqueConstraint("digest", "recipient", name="deliveries_pair"),
    partial("deliveries_due", "urgent", "due_at", where=CLAIMABLE),
    partial("deliveries_expiry", "expires_at", where=OPEN),
    # What no next node has accepted is little while all goes well, and is counted often: hence far_accepted.
    partial("deliveries_open", "route", "state", "far_accepted", "due_at", where=OPEN),
    # Whether something earlier of its document is on the way to the recipient is asked for each that is claimed.
    Index("deliveries_recipient", "recipient", "state", "chain", "far_accepted"),
)


def delivery_rows(rows: Iterable[Any]) -> list[Delivery]:
    """The values of whole rows of the table."""
    return [Delivery(**row._mapping) for row in rows]
