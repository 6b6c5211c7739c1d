"""An index by which an office finds what it sent."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"


def upgrade() -> None:
    condition = sa.text("channel <> 'link'")
    op.create_index(
        "envelopes_handed_in",
        "envelopes",
        ["peer", "accepted_at", "digest"],
        sqlite_where=condition,
        postgresql_where=condition,
    )
