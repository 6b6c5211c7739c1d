"""The jobs that act upon many deliveries."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0032"
down_revision = "0031"

_WORDS = ("act", "state", "person", "approver", "reason", "wish")


def upgrade() -> None:
    op.create_table(
        "bulk_jobs",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True),
        *(sa.Column(name, sa.Text, nullable=False) for name in _WORDS),
        *(sa.Column(name, sa.Integer, nullable=False) for name in ("total", "place", "done")),
        sa.Column("numbers", sa.LargeBinary, nullable=False),
        sa.Column("runner", sa.Text, nullable=False),
        sa.Column("made_at", sa.BigInteger, nullable=False),
        *(sa.Column(name, sa.BigInteger) for name in ("begun_at", "beat_at", "ended_at")),
    )
