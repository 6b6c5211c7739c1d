"""Documents are found by the comparable form of their id, however its letters were encoded."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from edxml_router.core.message.document_id import comparable

revision = "0003"
down_revision = "0002"

_ids = sa.table("envelopes", sa.column("document_id", sa.Text), sa.column("document_key", sa.Text))


def upgrade() -> None:
    op.add_column("envelopes", sa.Column("document_key", sa.Text, nullable=False, server_default=""))
    op.execute(_ids.update().values(document_key=_ids.c.document_id))
    connection = op.get_bind()
    # Identities stay: two documents that were accepted before as different ones cannot become one afterwards.
    for (written,) in connection.execute(sa.select(_ids.c.document_id).distinct()).all():
        if (key := comparable(written)) != written:
            connection.execute(_ids.update().where(_ids.c.document_id == written).values(document_key=key))
    op.drop_index("envelopes_document_id", "envelopes")
    op.create_index("envelopes_document_key", "envelopes", ["document_key"])
