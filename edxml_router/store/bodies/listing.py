"""The bodies that a database names, page by page, for those who read all of them.

for digest, size in digests_after(engine, "", 100): …
"""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Engine, select

from edxml_router.store.bodies.table import bodies
from edxml_router.store.database.engine import reading


def digests_after(engine: Engine, after: str, limit: int) -> Sequence[tuple[str, int]]:
    """The next digests, with the sizes of their bodies. Raises Setback EDX602."""
    query = select(bodies.c.digest, bodies.c.size).where(bodies.c.digest > after).order_by(bodies.c.digest).limit(limit)
    with reading(engine) as connection:
        return [(row.digest, row.size) for row in connection.execute(query)]
