"""What others can make us keep has bounds: one row for each fact a receipt tells, refused input by peer, and how much
of it the journal names one by one."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"

FACT = ("envelope", "recipient", "origin", "generation", "outcome")


def upgrade() -> None:
    # Of a fact that was told again and again the first row stays, and with it the time of the fact.
    first = "SELECT min(id) FROM receipts GROUP BY envelope, recipient, origin, generation, outcome"
    op.execute(f"DELETE FROM receipts WHERE id NOT IN ({first})")  # noqa: S608  # our own words
    op.drop_index("receipts_envelope", "receipts")
    op.create_index("receipts_fact", "receipts", list(FACT), unique=True)
    op.drop_index("aside_kept", "aside")
    kept = sa.text("data IS NOT NULL")
    op.create_index("aside_kept", "aside", ["peer", "size"], sqlite_where=kept, postgresql_where=kept)
    op.create_index("aside_peer", "aside", ["peer"])
    op.create_table(
        "noted",
        sa.Column("peer", sa.Text, primary_key=True),
        sa.Column("since", sa.BigInteger, nullable=False),
        sa.Column("entries", sa.BigInteger, nullable=False),
        sa.Column("counted", sa.BigInteger, nullable=False),
    )
