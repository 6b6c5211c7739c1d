"""How far the inventories of links were compared, and the gaps between their ends."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0026"
down_revision = "0025"

NUMBER = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def upgrade() -> None:
    op.create_table(
        "inventories",
        sa.Column("peer", sa.Text, primary_key=True),
        sa.Column("direction", sa.Text, primary_key=True),
        sa.Column("reason", sa.Text, primary_key=True),
        sa.Column("begun_at", sa.BigInteger, nullable=False),
        sa.Column("since", sa.BigInteger, nullable=False),
        sa.Column("reached", sa.BigInteger, nullable=False),
        sa.Column("digest", sa.Text, nullable=False),
        sa.Column("recipient", sa.Text, nullable=False),
        sa.Column("goal", sa.BigInteger, nullable=False),
        sa.Column("question", sa.Text, nullable=False),
        sa.Column("asked_at", sa.BigInteger),
        sa.Column("answered_at", sa.BigInteger),
        sa.Column("compared", sa.Integer, nullable=False),
        sa.Column("missing", sa.Integer, nullable=False),
        sa.Column("turned_at", sa.BigInteger),
        sa.Column("next_reached", sa.BigInteger),
        sa.Column("next_digest", sa.Text, nullable=False),
        sa.Column("next_recipient", sa.Text, nullable=False),
    )
    op.create_table(
        "gaps",
        sa.Column("id", NUMBER, primary_key=True),
        sa.Column("peer", sa.Text, nullable=False),
        sa.Column("direction", sa.Text, nullable=False),
        sa.Column("lacking", sa.Text, nullable=False),
        sa.Column("digest", sa.Text, nullable=False),
        sa.Column("recipient", sa.Text, nullable=False),
        sa.Column("named", sa.Text, nullable=False),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.Column("found_at", sa.BigInteger, nullable=False),
        sa.Column("other", sa.Text, nullable=False),
        sa.Column("excused", sa.Boolean, nullable=False),
        sa.Column("evidence", sa.Text, nullable=False),
        sa.Column("ended_at", sa.BigInteger),
        sa.UniqueConstraint("peer", "direction", "lacking", "digest", "recipient", name="gaps_delivery"),
    )
    op.create_index("gaps_peer", "gaps", ["peer", "ended_at"])
    op.create_table(
        "gap_notes",
        sa.Column("evidence", sa.Text, primary_key=True),
        sa.Column("note", sa.LargeBinary, nullable=False),
    )
