"""What is of one document keeps its order: the chains of envelopes and deliveries."""

from __future__ import annotations

import hashlib
import json

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"

_COLUMNS = ("digest", "sender", "kind", "document_key", "refers_to", "chains")
_envelopes = sa.table("envelopes", *map(sa.column, _COLUMNS))
_deliveries = sa.table("deliveries", *(sa.column(name) for name in ("id", "digest", "chain")))
_OPEN = "state NOT IN ('confirmed', 'returned', 'expired', 'cancelled')"


def _chain(sender: str, key: str) -> int:
    """As it was computed when this was written, whatever :mod:`edxml_router.core.delivery.chains` computes now."""
    digest = hashlib.sha256(f"{sender}\n{key}".encode("utf-8", "surrogatepass")).digest()
    return int.from_bytes(digest[:8]) >> 1 or 1


def upgrade() -> None:
    op.add_column("envelopes", sa.Column("chains", sa.Text, nullable=False, server_default="[]"))
    op.add_column("deliveries", sa.Column("chain", sa.BigInteger, nullable=False, server_default="0"))
    op.create_table(
        "crossings",
        sa.Column("chain", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("recipient", sa.Text, primary_key=True),
        sa.Column("delivery", sa.BigInteger, primary_key=True, autoincrement=False),
    )
    op.create_index("crossings_delivery", "crossings", ["delivery"])
    # What is over has no chain: nothing waits for it. An operator may open it again, and it goes by itself then.
    connection = op.get_bind()
    opened = sa.select(_envelopes).where(
        _envelopes.c.digest.in_(sa.select(_deliveries.c.digest).where(sa.text(_OPEN)))
    )
    for row in connection.execute(opened).all():
        key = row.document_key if row.kind == "document" else ""
        numbers = [_chain(row.sender, each) for each in json.loads(row.refers_to) or [key] if each][:1]
        connection.execute(
            _envelopes.update().where(_envelopes.c.digest == row.digest).values(chains=json.dumps(numbers))
        )
        if numbers:
            connection.execute(
                _deliveries.update().where(_deliveries.c.digest == row.digest).values(chain=numbers[0])
            )
    op.drop_index("deliveries_recipient", "deliveries")
    op.create_index("deliveries_recipient", "deliveries", ["recipient", "state", "chain", "far_accepted"])
