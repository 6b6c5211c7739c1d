"""Whether the rules that entries name are here, and are what their digests say."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from sqlalchemy import Engine, select

from edxml_router.core.delivery.journal import RULES_APPLIED, Entry
from edxml_router.core.delivery.views import Damage
from edxml_router.core.detail import Detail
from edxml_router.core.problems import Refusal
from edxml_router.stages.rulesets.pieces import part_name
from edxml_router.stages.rulesets.reading import KeptParts, all_parts
from edxml_router.store.database.engine import reading
from edxml_router.store.rulesets.queries import SqlRuleSetQueries
from edxml_router.store.rulesets.tables import applied_rules, rule_parts, unpacked_part

_PAGE: Final = 200  # parts; each has 64 KiB at most


class ToldRules:
    """What the entries of the journal tell of rules."""

    def __init__(self) -> None:
        self._named: set[str] = set()
        self._applied: set[str] = set()

    def add(self, entry: Entry) -> None:
        """The next entry, of any kind."""
        rules = entry.facts.get("rules")
        named = rules.get("set") if isinstance(rules, dict) else None
        if isinstance(named, str):
            self._named.add(named)
            if entry.event == RULES_APPLIED:
                self._applied.add(named)

    def compare(self, engine: Engine, found: Callable[[Damage], None]) -> None:
        """Tell ``found`` what does not fit. Raises Setback EDX601, EDX602."""
        after = ""
        while True:
            with reading(engine) as connection:
                query = select(rule_parts).where(rule_parts.c.digest > after).order_by(rule_parts.c.digest)
                page = connection.execute(query.limit(_PAGE)).all()
            for row in page:
                data = unpacked_part(bytes(row.data))
                if data is None or part_name(data) != row.digest or len(data) != row.size:
                    where = Detail("part {digest} of the rules", digest=row.digest[:16])
                    found(Damage(where, Detail("its digest is not the one that it is kept under")))
            if len(page) < _PAGE:
                break
            after = page[-1].digest
        views = SqlRuleSetQueries()
        views.engine = engine
        for name in sorted(self._named):
            try:
                all_parts(name, KeptParts(views.rule_parts, checked=False))
            except Refusal as refusal:
                where = Detail("rules {digest}", digest=name[:16])
                finding = refusal.finding
                found(Damage(where, Detail("{part}: {reason}", part=finding.where, reason=finding.detail)))
        with reading(engine) as connection:
            rows = set(connection.execute(select(applied_rules.c.digest)).scalars())
        for name in sorted(self._applied - rows):
            where = Detail("rules {digest}", digest=name[:16])
            found(Damage(where, Detail("an entry tells that they were applied, and no row does")))
