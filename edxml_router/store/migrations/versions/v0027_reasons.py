"""The words of people that entries commit to, beside the journal."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0027"
down_revision = "0026"


def upgrade() -> None:
    op.create_table(
        "reasons",
        sa.Column("commitment", sa.Text, primary_key=True),
        sa.Column("digest", sa.Text, nullable=False),
        sa.Column("recipient", sa.Text, nullable=False),
        sa.Column("salt", sa.LargeBinary, nullable=False),
        sa.Column("words", sa.Text, nullable=False),
    )
    op.create_index("reasons_digest", "reasons", ["digest"])
