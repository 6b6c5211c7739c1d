"""Sets of rules in both databases: kept once, read as they were, and found when somebody has altered them."""

from __future__ import annotations

from edxml_router.core.delivery.journal import RULES_APPLIED, Entry
from edxml_router.stages.rulesets.pieces import part_name
from edxml_router.stages.rulesets.writing import kept_rules
from edxml_router.store.journal import verification
from edxml_router.store.ledger import SqlLedger
from tests.contract.databases import NOW, Database
from tests.contract.test_log import tamper
from tests.test_rulesets import rules


def damages(ledger: SqlLedger) -> set[str]:
    return {str(one.where).partition(" ")[0] for one in verification.verify(ledger.engine).damages}


def test_kept_once_and_found_when_altered(ledger: SqlLedger, database: Database) -> None:
    kept = kept_rules("h53", rules())
    with ledger.book() as book:
        assert book.rulesets.applied() == ""
        assert book.rulesets.lacking(kept.parts) == set(kept.parts)
        book.rulesets.keep(kept.parts)
        book.rulesets.keep(kept.parts)
        assert book.rulesets.lacking(kept.parts) == set()
        book.rulesets.apply(kept.digest, NOW)
        book.journal.note([Entry(NOW, RULES_APPLIED, actor="node", facts={"rules": {"set": kept.digest}})])
    with ledger.book() as book:
        assert book.rulesets.applied() == kept.digest
    assert ledger.views.rule_parts([*kept.parts, "ab" * 32]) == kept.parts
    assert damages(ledger) == set()
    tamper(database, "UPDATE rule_parts SET size = size + 1 WHERE digest = (SELECT min(digest) FROM rule_parts)")
    assert damages(ledger) == {"part"}
    tamper(database, "DELETE FROM rule_parts WHERE digest = (SELECT min(digest) FROM rule_parts)")
    assert damages(ledger) == {"rules"}
    tamper(database, "DELETE FROM applied_rules")
    assert len(verification.verify(ledger.engine).damages) == 2
    assert part_name(b"") not in kept.parts
