"""Which log ended with a restored copy, and when a node's own upkeep was done last."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0020"
down_revision = "0019"


def upgrade() -> None:
    op.add_column("epochs", sa.Column("log", sa.Text, nullable=False, server_default=""))
    op.create_table(
        "upkeep",
        sa.Column("name", sa.Text, primary_key=True),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.Column("place", sa.Text, nullable=False, server_default=""),
        sa.Column("due_at", sa.BigInteger),
        sa.Column("sound", sa.Boolean, nullable=False, server_default=sa.true()),
    )
