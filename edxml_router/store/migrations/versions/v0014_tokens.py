"""Bearer tokens of offices."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"


def upgrade() -> None:
    op.create_table(
        "tokens",
        sa.Column("prefix", sa.Text, primary_key=True),
        *(sa.Column(name, sa.Text, nullable=False) for name in ("office", "sha256", "scopes", "note")),
        sa.Column("issued_at", sa.BigInteger, nullable=False),
        sa.Column("expires_at", sa.BigInteger),
        sa.Column("revoked_at", sa.BigInteger),
    )
