"""The numbers of deliveries and of what is quarantined are given once (edxml_router.store.epochs.numbers).

Whoever makes one of these tables anew on SQLite has to make its triggers anew.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"

NUMBERED = ("deliveries", "aside")
SQLITE_TRIGGERS = (
    """
    CREATE TRIGGER {0}_numbered AFTER INSERT ON {0}
    WHEN NEW.id <= (SELECT last FROM numbers WHERE name = '{0}')
    BEGIN UPDATE {0} SET id = (SELECT last + 1 FROM numbers WHERE name = '{0}') WHERE id = NEW.id; END
    """,
    """
    CREATE TRIGGER {0}_gone AFTER DELETE ON {0}
    WHEN OLD.id > (SELECT last FROM numbers WHERE name = '{0}')
    BEGIN UPDATE numbers SET last = OLD.id WHERE name = '{0}'; END
    """,
)


def upgrade() -> None:
    made = op.create_table(
        "numbers",
        sa.Column("name", sa.Text, primary_key=True),
        sa.Column("last", sa.BigInteger, nullable=False),
    )
    op.bulk_insert(made, [{"name": name, "last": 0} for name in NUMBERED])
    if op.get_bind().dialect.name == "sqlite":
        for name in NUMBERED:
            for trigger in SQLITE_TRIGGERS:
                op.execute(trigger.format(name))
