"""Each entry of the journal is given a stamp with its place: a time that no other entry has."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"

# As before, an entry neither changes nor goes; with its position it is now given its stamp, and the hash of both.
_SQLITE = """
    CREATE TRIGGER journal_unchanged BEFORE UPDATE ON journal
    WHEN OLD.position IS NOT NULL OR NEW.position IS NULL
      OR NEW.id IS NOT OLD.id OR NEW.at IS NOT OLD.at OR NEW.event IS NOT OLD.event
      OR NEW.envelope IS NOT OLD.envelope OR NEW.recipient IS NOT OLD.recipient OR NEW.code IS NOT OLD.code
      OR NEW.actor IS NOT OLD.actor OR NEW.entry IS NOT OLD.entry
    BEGIN SELECT RAISE(ABORT, 'the journal is append-only'); END
"""
_POSTGRESQL = """
    CREATE TRIGGER journal_unchanged BEFORE UPDATE ON journal FOR EACH ROW
    WHEN (OLD.position IS NOT NULL OR NEW.position IS NULL
      OR (NEW.id, NEW.at, NEW.event, NEW.envelope, NEW.recipient, NEW.code, NEW.actor, NEW.entry)
         IS DISTINCT FROM
         (OLD.id, OLD.at, OLD.event, OLD.envelope, OLD.recipient, OLD.code, OLD.actor, OLD.entry))
    EXECUTE FUNCTION edxml_append_only()
"""


def upgrade() -> None:
    op.add_column("journal", sa.Column("stamp", sa.BigInteger))
    sqlite = op.get_bind().dialect.name == "sqlite"
    op.execute("DROP TRIGGER journal_unchanged" if sqlite else "DROP TRIGGER journal_unchanged ON journal")
    op.execute(_SQLITE if sqlite else _POSTGRESQL)
