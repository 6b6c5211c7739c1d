"""When the hub took a delivery's body, and when the next node was last asked about it: one copy waits in a mailbox."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    for name in ("handed_at", "asked_at"):
        op.add_column("deliveries", sa.Column(name, sa.BigInteger))
    # What was handed over, or laid into an attached office's mailbox, was so when it was last changed.
    op.execute(
        "UPDATE deliveries SET handed_at = updated_at "
        "WHERE state = 'forwarded' OR (state = 'available' AND attempts > 1)"
    )
    claimable = sa.text("state IN ('queued', 'forwarding', 'deferred')")
    opened = sa.text("state NOT IN ('confirmed', 'returned', 'expired', 'cancelled')")
    for name, columns, where in (
        ("deliveries_due", ["urgent", "due_at"], claimable),
        ("deliveries_open", ["route", "state", "far_accepted", "due_at"], opened),
    ):
        op.drop_index(name, "deliveries")
        op.create_index(name, "deliveries", columns, sqlite_where=where, postgresql_where=where)
