"""When a delivery ended, as its witness dated it; and when an office's inbox is looked at again."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    op.add_column("deliveries", sa.Column("ended_at", sa.BigInteger))
    # An end was a delivery's last change, so this is when it was written here; who witnessed it was not kept.
    op.execute(
        "UPDATE deliveries SET ended_at = updated_at WHERE state IN ('confirmed', 'returned', 'expired', 'cancelled')"
    )
    # What was laid into an attached office's mailbox was never looked at again: once is due now.
    op.execute("UPDATE deliveries SET due_at = updated_at WHERE state = 'available'")
    opened = sa.text("state NOT IN ('confirmed', 'returned', 'expired', 'cancelled')")
    op.drop_index("deliveries_open", "deliveries")
    op.create_index(
        "deliveries_open", "deliveries", ["route", "state", "due_at"], sqlite_where=opened, postgresql_where=opened
    )
