"""Find the few entries that changed many rows at once, such as renames, without reading the whole journal."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0021"
down_revision = "0020"


def upgrade() -> None:
    condition = sa.text("event IN ('journal.restored', 'peer.renamed')")
    op.create_index("journal_changes", "journal", ["id"], sqlite_where=condition, postgresql_where=condition)
