"""Parts of rule sets, and whether all are what their digests say: :class:`SqlRuleSetQueries` in SQL."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from sqlalchemy import Engine, inspect, select

from edxml_router.store.database.engine import reading
from edxml_router.store.database.part import chunks
from edxml_router.store.rulesets.tables import rule_parts, unpacked_part


class SqlRuleSetQueries:
    """See :class:`edxml_router.ports.views.Views`."""

    engine: Engine

    def rule_parts(self, names: Collection[str]) -> Mapping[str, bytes]:
        found: dict[str, bytes] = {}
        with reading(self.engine) as connection:
            if not inspect(connection).has_table(rule_parts.name):  # a copy of a database of an earlier version
                return found
            for part in chunks(sorted(set(names))):
                query = select(rule_parts.c.digest, rule_parts.c.data).where(rule_parts.c.digest.in_(part))
                for row in connection.execute(query):
                    data = unpacked_part(bytes(row.data))
                    found[row.digest] = b"" if data is None else data
        return found
