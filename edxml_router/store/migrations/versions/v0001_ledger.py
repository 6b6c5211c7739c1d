"""The ledger: journal, checkpoints, envelopes, deliveries, bodies, receipts, refused input."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

NUMBER = sa.BigInteger().with_variant(sa.Integer, "sqlite")

# The journal is append-only, for everybody who comes through SQL: entries neither change nor go, except that
# a position is given once. Who can drop triggers can still cheat; then the Merkle tree tells (`journal
# verify`).
SQLITE_TRIGGERS = (
    """
    CREATE TRIGGER journal_unchanged BEFORE UPDATE ON journal
    WHEN OLD.position IS NOT NULL OR NEW.position IS NULL
      OR NEW.id IS NOT OLD.id OR NEW.at IS NOT OLD.at OR NEW.event IS NOT OLD.event
      OR NEW.envelope IS NOT OLD.envelope OR NEW.recipient IS NOT OLD.recipient OR NEW.code IS NOT OLD.code
      OR NEW.actor IS NOT OLD.actor OR NEW.entry IS NOT OLD.entry OR NEW.leaf IS NOT OLD.leaf
    BEGIN SELECT RAISE(ABORT, 'the journal is append-only'); END
    """,
    """
    CREATE TRIGGER journal_kept BEFORE DELETE ON journal
    BEGIN SELECT RAISE(ABORT, 'the journal is append-only'); END
    """,
    """
    CREATE TRIGGER checkpoints_unchanged BEFORE UPDATE ON checkpoints
    BEGIN SELECT RAISE(ABORT, 'the journal is append-only'); END
    """,
    """
    CREATE TRIGGER checkpoints_kept BEFORE DELETE ON checkpoints
    BEGIN SELECT RAISE(ABORT, 'the journal is append-only'); END
    """,
)
POSTGRESQL_TRIGGERS = (
    """
    CREATE FUNCTION edxml_append_only() RETURNS trigger LANGUAGE plpgsql AS
    $$ BEGIN RAISE EXCEPTION 'the journal is append-only'; END $$
    """,
    """
    CREATE TRIGGER journal_unchanged BEFORE UPDATE ON journal FOR EACH ROW
    WHEN (OLD.position IS NOT NULL OR NEW.position IS NULL
      OR (NEW.id, NEW.at, NEW.event, NEW.envelope, NEW.recipient, NEW.code, NEW.actor, NEW.entry, NEW.leaf)
         IS DISTINCT FROM
         (OLD.id, OLD.at, OLD.event, OLD.envelope, OLD.recipient, OLD.code, OLD.actor, OLD.entry, OLD.leaf))
    EXECUTE FUNCTION edxml_append_only()
    """,
    """
    CREATE TRIGGER journal_kept BEFORE DELETE OR TRUNCATE ON journal
    FOR EACH STATEMENT EXECUTE FUNCTION edxml_append_only()
    """,
    """
    CREATE TRIGGER checkpoints_kept BEFORE UPDATE OR DELETE OR TRUNCATE ON checkpoints
    FOR EACH STATEMENT EXECUTE FUNCTION edxml_append_only()
    """,
)


def upgrade() -> None:
    _journal()
    _envelopes()
    _deliveries()
    _bodies()
    _receipts()
    _aside()
    sqlite = op.get_bind().dialect.name == "sqlite"
    for trigger in SQLITE_TRIGGERS if sqlite else POSTGRESQL_TRIGGERS:
        op.execute(trigger)


def _text(name: str) -> sa.Column[str]:
    return sa.Column(name, sa.Text, nullable=False)


def _whole(name: str) -> sa.Column[int]:
    return sa.Column(name, sa.Integer, nullable=False)


def _instant(name: str, *, nullable: bool = False) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger, nullable=nullable)


def _index(name: str, table: str, *columns: str, where: str | None = None, unique: bool = False) -> None:
    clause: dict[str, Any] = {}
    if where:
        clause = {"sqlite_where": sa.text(where), "postgresql_where": sa.text(where)}
    op.create_index(name, table, list(columns), unique=unique, **clause)


def _journal() -> None:
    op.create_table(
        "journal",
        sa.Column("id", NUMBER, primary_key=True),
        sa.Column("position", sa.BigInteger),
        _instant("at"),
        _text("event"),
        _text("envelope"),
        _text("recipient"),
        _text("code"),
        _text("actor"),
        sa.Column("entry", sa.LargeBinary, nullable=False),
        sa.Column("leaf", sa.LargeBinary, nullable=False),
    )
    _index("journal_position", "journal", "position", where="position IS NOT NULL", unique=True)
    _index("journal_unnumbered", "journal", "id", where="position IS NULL")
    _index("journal_envelope", "journal", "envelope", where="envelope <> ''")
    _index("journal_at", "journal", "at")
    op.create_table(
        "checkpoints",
        sa.Column("size", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("root", sa.LargeBinary, nullable=False),
        sa.Column("peaks", sa.LargeBinary, nullable=False),
        _instant("at"),
    )


def _envelopes() -> None:
    op.create_table(
        "envelopes",
        sa.Column("digest", sa.Text, primary_key=True),
        _text("identity"),
        _text("kind"),
        _whole("business"),
        _text("sender"),
        _text("document_id"),
        _text("refers_to"),
        _text("status_code"),
        sa.Column("size", sa.BigInteger, nullable=False),
        _whole("attachments"),
        sa.Column("urgent", sa.Boolean, nullable=False),
        _instant("accepted_at"),
        _instant("expires_at"),
        _text("peer"),
        _text("channel"),
        _text("indication"),
        _text("reason"),
        _text("signer"),
        _text("remarks"),
        _text("hops"),
        sa.UniqueConstraint("identity", name="envelopes_identity"),
    )
    _index("envelopes_document_id", "envelopes", "document_id")
    _index("envelopes_accepted_at", "envelopes", "accepted_at", "digest")
    _index("envelopes_sender", "envelopes", "sender", "accepted_at")


def _deliveries() -> None:
    op.create_table(
        "deliveries",
        sa.Column("id", NUMBER, primary_key=True),
        _text("digest"),
        _text("recipient"),
        _text("state"),
        _text("route"),
        _text("origin"),
        _whole("generation"),
        _whole("attempts"),
        sa.Column("urgent", sa.Boolean, nullable=False),
        _instant("due_at"),
        _instant("expires_at"),
        sa.Column("far_accepted", sa.Boolean, nullable=False),
        _text("code"),
        _text("detail"),
        _instant("updated_at"),
        _whole("version"),
        sa.ForeignKeyConstraint(["digest"], ["envelopes.digest"], name="deliveries_digest"),
        sa.UniqueConstraint("digest", "recipient", name="deliveries_pair"),
    )
    claimable = "state IN ('queued', 'forwarding', 'forwarded', 'deferred')"
    unfinished = "state NOT IN ('confirmed', 'returned', 'expired', 'cancelled')"
    _index("deliveries_due", "deliveries", "urgent", "due_at", where=claimable)
    _index("deliveries_expiry", "deliveries", "expires_at", where=unfinished)
    _index("deliveries_open", "deliveries", "route", "state", where=unfinished)
    _index("deliveries_recipient", "deliveries", "recipient", "state")


def _bodies() -> None:
    op.create_table(
        "bodies",
        sa.Column("digest", sa.Text, primary_key=True),
        sa.Column("size", sa.BigInteger, nullable=False),
        sa.Column("data", sa.LargeBinary),
    )


def _receipts() -> None:
    op.create_table(
        "receipts",
        sa.Column("id", NUMBER, primary_key=True),
        _text("origin"),
        _text("envelope"),
        _text("recipient"),
        _whole("generation"),
        _text("outcome"),
        _instant("at"),
        _text("code"),
        _text("detail"),
        _text("hops"),
        _instant("lease_until"),
        _instant("sent_at", nullable=True),
    )
    _index("receipts_unsent", "receipts", "origin", "id", where="sent_at IS NULL")
    _index("receipts_envelope", "receipts", "envelope")


def _aside() -> None:
    op.create_table(
        "aside",
        sa.Column("id", NUMBER, primary_key=True),
        _instant("at"),
        _text("peer"),
        _text("channel"),
        _text("code"),
        _text("place"),
        _text("detail"),
        _text("digest"),
        sa.Column("size", sa.BigInteger, nullable=False),
        _whole("count"),
        _instant("last_at"),
        sa.Column("data", sa.LargeBinary),
        sa.UniqueConstraint("digest", name="aside_digest"),
    )
    _index("aside_kept", "aside", "size", where="data IS NOT NULL")
