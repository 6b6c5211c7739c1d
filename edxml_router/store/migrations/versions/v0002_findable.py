"""What is found by a document's id: refused input too, and the recalls, updates and replacements of a document."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    op.add_column("aside", sa.Column("document_id", sa.Text, nullable=False, server_default=""))
    _index("aside_document_id", "aside", "document_id", where="document_id <> ''")
    _index("envelopes_changes", "envelopes", "sender", "accepted_at", where="business <> 0")


def _index(name: str, table: str, *columns: str, where: str) -> None:
    op.create_index(name, table, list(columns), sqlite_where=sa.text(where), postgresql_where=sa.text(where))
