"""Which mailboxes do not answer, for commands, which have no connection to see it by."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"


def upgrade() -> None:
    op.create_table(
        "silences",
        sa.Column("route", sa.Text, primary_key=True),
        sa.Column("urgent", sa.Boolean, primary_key=True),
        sa.Column("since", sa.BigInteger, nullable=False),
        sa.Column("code", sa.Text, nullable=False),
        sa.Column("place", sa.Text, nullable=False),
        sa.Column("detail", sa.Text, nullable=False),
    )
