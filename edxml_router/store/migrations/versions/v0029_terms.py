"""The index of the journal is made again: documents are found by the level of their sender and by where they went."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0029"
down_revision = "0028"


def upgrade() -> None:
    # The running node indexes block by block; until then questions are answered from the entries.
    for name in ("postings", "journal_blocks"):
        op.execute(sa.delete(sa.table(name)))
