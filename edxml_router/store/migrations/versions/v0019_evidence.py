"""What proves an outcome: the signed statements beside each receipt, and the certificates of who signed."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0019"
down_revision = "0018"


def upgrade() -> None:
    for column in (
        sa.Column("signed_end", sa.Text, nullable=False, server_default="[]"),
        sa.Column("passes", sa.Text, nullable=False, server_default="[]"),
        sa.Column("told_by", sa.Text),
        sa.Column("taken_at", sa.BigInteger),
        sa.Column("doubt", sa.Text, nullable=False, server_default=""),
        sa.Column("doubt_where", sa.Text, nullable=False, server_default=""),
        sa.Column("doubt_detail", sa.Text, nullable=False, server_default=""),
        sa.Column("complete", sa.Boolean, nullable=False, server_default=sa.true()),
    ):
        op.add_column("receipts", column)
    condition = sa.text("doubt IN ('EDX327', 'EDX328')")
    op.create_index(
        "receipts_doubted", "receipts", ["id"], sqlite_where=condition, postgresql_where=condition
    )
    op.create_table(
        "signers",
        sa.Column("digest", sa.Text, primary_key=True),
        sa.Column("chain", sa.LargeBinary, nullable=False),
    )
