"""An index of the journal by what its entries say, in blocks. What is there already is indexed by the running node."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import TEXT

revision = "0024"
down_revision = "0023"


def upgrade() -> None:
    op.create_table(
        "postings",
        sa.Column("field", sa.Text, primary_key=True),
        sa.Column("value", sa.Text().with_variant(TEXT(collation="C"), "postgresql"), primary_key=True),
        sa.Column("block", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("places", sa.LargeBinary, nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "journal_blocks",
        sa.Column("block", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("first_at", sa.BigInteger, nullable=False),
        sa.Column("last_at", sa.BigInteger, nullable=False),
    )
