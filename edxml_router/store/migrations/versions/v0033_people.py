"""People who sign in to the console, their sessions, and acts that need a second person."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0033"
down_revision = "0032"


def _texts(*names: str) -> list[sa.Column[str]]:
    return [sa.Column(name, sa.Text, nullable=False) for name in names]


def _moments(*names: str, nullable: bool = True) -> list[sa.Column[int]]:
    return [sa.Column(name, sa.BigInteger, nullable=nullable) for name in names]


def upgrade() -> None:
    op.create_table(
        "people",
        sa.Column("name", sa.Text, primary_key=True),
        *_texts("title", "roles", "office", "password"),
        *_moments("password_at"),
        *_texts("former", "authenticator"),
        sa.Column("counter", sa.BigInteger, nullable=False),
        *_texts("recovery"),
        *_moments("created_at", nullable=False),
        *_moments("used_at"),
        sa.Column("failures", sa.Integer, nullable=False),
        *_moments("failed_at", "locked_until", "disabled_at"),
    )
    op.create_table(
        "sessions",
        sa.Column("digest", sa.Text, primary_key=True),
        *_texts("person", "address"),
        *_moments("begun_at", "seen_at", nullable=False),
        *_moments("ended_at"),
    )
    op.create_index("sessions_of_person", "sessions", ["person", "begun_at"])
    number = sa.BigInteger().with_variant(sa.Integer, "sqlite")
    op.create_table(
        "approvals",
        sa.Column("id", number, primary_key=True),
        *_texts("act", "digest", "detail", "asked_by"),
        *_moments("asked_at", "expires_at", nullable=False),
        *_texts("decision", "decided_by"),
        *_moments("decided_at", "used_at"),
    )
