"""All tables of the ledger, as SQLAlchemy Core describes them.

Each stands with the statements of its subject. The schema itself is made by
:mod:`edxml_router.store.database.migrate`, and a test holds the two equal on both databases.
"""

from __future__ import annotations

from typing import Final

from edxml_router.store.bodies.damaged import damaged
from edxml_router.store.bodies.table import bodies
from edxml_router.store.bulk.jobs import bulk_jobs
from edxml_router.store.deliveries.chains import crossings
from edxml_router.store.deliveries.reasons import reasons
from edxml_router.store.deliveries.silences import silences
from edxml_router.store.deliveries.table import deliveries
from edxml_router.store.envelopes.table import envelopes
from edxml_router.store.epochs.tables import epochs, identity, numbers, recoveries, renames, resyncs
from edxml_router.store.flow.drain import drains
from edxml_router.store.flow.halts import halted, halts
from edxml_router.store.inventory.tables import gap_notes, gaps, inventories
from edxml_router.store.journal.noting import noted
from edxml_router.store.journal.table import checkpoints, journal, tree_nodes
from edxml_router.store.people.accounts import people
from edxml_router.store.people.approvals import approvals
from edxml_router.store.people.sessions import sessions
from edxml_router.store.quarantine.items import quarantine
from edxml_router.store.receipts.book import receipts
from edxml_router.store.receipts.signers import signers
from edxml_router.store.retention.tables import holds, removals, removed
from edxml_router.store.rulesets.tables import applied_rules, rule_parts
from edxml_router.store.search.table import journal_blocks, postings
from edxml_router.store.tokens import tokens
from edxml_router.store.upkeep import upkeep
from edxml_router.store.webhooks import webhooks
from edxml_router.store.witness.tables import cosignatures, forks, time_stamps, witnessed, witnesses

# What a batch writes, all in one transaction.
_MAIL: Final = (envelopes, deliveries, crossings, silences, bodies, receipts, signers, reasons)
_WRITTEN: Final = (journal, *_MAIL, quarantine, noted)
WRITTEN: Final = tuple(each.name for each in _WRITTEN)

_OTHERS: Final = (checkpoints, tree_nodes, numbers, identity, epochs, recoveries, resyncs, renames, tokens, webhooks)
_RULES: Final = (rule_parts, applied_rules)
_INDEX: Final = (postings, journal_blocks)
_WITNESSES: Final = (witnessed, forks, cosignatures, witnesses, time_stamps, inventories, gaps, gap_notes)
_RETENTION: Final = (removals, removed, holds)
_FLOW: Final = (halts, halted, drains)
_PEOPLE: Final = (people, sessions, approvals)
_NODE: Final = (*_FLOW, *_PEOPLE, *_RULES, damaged, upkeep, bulk_jobs)
ALL: Final = frozenset((*_WRITTEN, *_OTHERS, *_INDEX, *_WITNESSES, *_RETENTION, *_NODE))
