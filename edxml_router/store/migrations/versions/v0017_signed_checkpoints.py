"""Signed checkpoints, and the hashes from which proofs are made."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"

# A checkpoint's note is given once: whoever numbers the journal without the log's key leaves it open.
SQLITE = (
    "DROP TRIGGER checkpoints_unchanged",
    """
    CREATE TRIGGER checkpoints_unchanged BEFORE UPDATE ON checkpoints
    WHEN OLD.note IS NOT NULL OR NEW.note IS NULL
      OR NEW.size IS NOT OLD.size OR NEW.root IS NOT OLD.root OR NEW.peaks IS NOT OLD.peaks OR NEW.at IS NOT OLD.at
    BEGIN SELECT RAISE(ABORT, 'the journal is append-only'); END
    """,
    """
    CREATE TRIGGER tree_nodes_unchanged BEFORE UPDATE ON tree_nodes
    BEGIN SELECT RAISE(ABORT, 'the journal is append-only'); END
    """,
    """
    CREATE TRIGGER tree_nodes_kept BEFORE DELETE ON tree_nodes
    BEGIN SELECT RAISE(ABORT, 'the journal is append-only'); END
    """,
)
POSTGRESQL = (
    "DROP TRIGGER checkpoints_kept ON checkpoints",
    """
    CREATE TRIGGER checkpoints_kept BEFORE DELETE OR TRUNCATE ON checkpoints
    FOR EACH STATEMENT EXECUTE FUNCTION edxml_append_only()
    """,
    """
    CREATE TRIGGER checkpoints_unchanged BEFORE UPDATE ON checkpoints FOR EACH ROW
    WHEN (OLD.note IS NOT NULL OR NEW.note IS NULL
      OR (NEW.size, NEW.root, NEW.peaks, NEW.at) IS DISTINCT FROM (OLD.size, OLD.root, OLD.peaks, OLD.at))
    EXECUTE FUNCTION edxml_append_only()
    """,
    """
    CREATE TRIGGER tree_nodes_kept BEFORE UPDATE OR DELETE OR TRUNCATE ON tree_nodes
    FOR EACH STATEMENT EXECUTE FUNCTION edxml_append_only()
    """,
)


def upgrade() -> None:
    op.add_column("checkpoints", sa.Column("note", sa.LargeBinary))
    op.create_table(
        "tree_nodes",
        sa.Column("level", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("place", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("hash", sa.LargeBinary, nullable=False),
    )
    sqlite = op.get_bind().dialect.name == "sqlite"
    for statement in SQLITE if sqlite else POSTGRESQL:
        op.execute(statement)
