"""An index of all outcomes that nobody has proven, in place of that of those which were contradicted."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0028"
down_revision = "0027"


def upgrade() -> None:
    condition = sa.text("doubt <> ''")
    op.create_index("receipts_unproven", "receipts", ["id"], sqlite_where=condition, postgresql_where=condition)
    op.drop_index("receipts_doubted", "receipts")
