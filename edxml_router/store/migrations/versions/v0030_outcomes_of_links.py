"""What each end of a link believes to have become of a delivery."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0030"
down_revision = "0029"


def upgrade() -> None:
    for name in ("outcome_here", "outcome_there"):
        op.add_column("gaps", sa.Column(name, sa.Text, nullable=False, server_default=""))
