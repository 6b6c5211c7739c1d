"""Bodies that are damaged, until a neighbour or a person has mended them."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0025"
down_revision = "0024"


def upgrade() -> None:
    op.create_table(
        "damaged",
        sa.Column("digest", sa.Text, primary_key=True),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.Column("ask_at", sa.BigInteger, nullable=False),
        sa.Column("asked", sa.Integer, nullable=False, server_default="0"),
    )
