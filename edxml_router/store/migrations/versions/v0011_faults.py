"""Refused input is one item for each peer and fault: different faults of the same bytes do not hide each other."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from edxml_router.store.migrations.versions.v0009_numbers import SQLITE_TRIGGERS

revision = "0011"
down_revision = "0010"

FAULT = ("digest", "peer", "code")
TEXTS = ("peer", "channel", "code", "place", "detail", "digest")
COLUMNS = "id, at, peer, channel, code, place, detail, digest, size, count, last_at, data, document_id"


def upgrade() -> None:
    if op.get_bind().dialect.name == "postgresql":
        op.drop_constraint("aside_digest", "aside")
        op.create_unique_constraint("aside_fault", "aside", list(FAULT))
        return
    # SQLite cannot drop a constraint of a table; its indexes go with the table that had them.
    for trigger in ("aside_numbered", "aside_gone"):
        op.execute(f"DROP TRIGGER {trigger}")
    op.rename_table("aside", "aside_before")
    for index in ("aside_kept", "aside_peer", "aside_document_id"):
        op.drop_index(index)
    op.create_table(
        "aside",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("at", sa.BigInteger, nullable=False),
        *(sa.Column(name, sa.Text, nullable=False) for name in TEXTS),
        sa.Column("size", sa.BigInteger, nullable=False),
        sa.Column("count", sa.Integer, nullable=False),
        sa.Column("last_at", sa.BigInteger, nullable=False),
        sa.Column("data", sa.LargeBinary),
        sa.Column("document_id", sa.Text, nullable=False, server_default=""),
        sa.UniqueConstraint(*FAULT, name="aside_fault"),
    )
    op.execute(f"INSERT INTO aside ({COLUMNS}) SELECT {COLUMNS} FROM aside_before")  # noqa: S608  # our own words
    op.drop_table("aside_before")
    op.create_index("aside_kept", "aside", ["peer", "size"], sqlite_where=sa.text("data IS NOT NULL"))
    op.create_index("aside_peer", "aside", ["peer"])
    op.create_index("aside_document_id", "aside", ["document_id"], sqlite_where=sa.text("document_id <> ''"))
    for trigger in SQLITE_TRIGGERS:
        op.execute(trigger.format("aside"))
