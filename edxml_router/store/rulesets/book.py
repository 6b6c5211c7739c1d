"""``book.rulesets``: :class:`edxml_router.ports.ledger.RuleSets` in SQL."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any, Final

from sqlalchemy import bindparam, insert, select

from edxml_router.store.database.bulk import Insert
from edxml_router.store.database.part import Part
from edxml_router.store.rulesets.tables import applied_rules, packed_part, rule_parts

_KEYS: Final[Any] = bindparam("keys", expanding=True)
_KNOWN: Final = select(rule_parts.c.digest).where(rule_parts.c.digest.in_(_KEYS))
_ADD: Final = Insert(rule_parts, ("digest", "size", "data"), "ON CONFLICT DO NOTHING")
_LAST: Final = select(applied_rules.c.digest).order_by(applied_rules.c.id.desc()).limit(1)


class SqlRuleSets(Part):
    """See :class:`edxml_router.ports.ledger.RuleSets`."""

    def lacking(self, names: Collection[str]) -> set[str]:
        return set(names) - {row.digest for row in self._by_keys(_KNOWN, names)}

    def keep(self, parts: Mapping[str, bytes]) -> None:
        # In the order of their keys: two workers that keep the same set wait for each other, and not in a circle.
        for name in sorted(parts):
            self._write(_ADD, [{"digest": name, "size": len(parts[name]), "data": packed_part(parts[name])}])

    def applied(self) -> str:
        return str(self._execute(_LAST).scalar_one_or_none() or "")

    def apply(self, digest: str, now: datetime) -> None:
        self._execute(insert(applied_rules), {"at": now, "digest": digest})
