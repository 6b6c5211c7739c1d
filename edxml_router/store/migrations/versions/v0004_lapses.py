"""How often in a row a delivery's lease ran out without an outcome: what ends its workers is quarantined."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    op.add_column("deliveries", sa.Column("lapses", sa.Integer, nullable=False, server_default="0"))
