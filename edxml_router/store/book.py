"""One transaction of the ledger: ``ports.Book`` in SQL, made of one part for each subject.

The same statements run on SQLite and PostgreSQL. Row locks are PostgreSQL's; on SQLite the transaction holds the write
lock from its beginning.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection

from edxml_router.store.bodies.damaged import SqlDamages
from edxml_router.store.bodies.table import SqlBodies
from edxml_router.store.deliveries.book import SqlDeliveries
from edxml_router.store.deliveries.chains import SqlDocuments
from edxml_router.store.deliveries.looks import SqlMailboxes
from edxml_router.store.deliveries.moved import SqlMovedMail
from edxml_router.store.envelopes.book import SqlEnvelopes
from edxml_router.store.epochs.recovery import SqlRecoveries
from edxml_router.store.flow.drain import SqlDrains
from edxml_router.store.flow.halts import SqlHalts
from edxml_router.store.inventory.book import SqlInventories
from edxml_router.store.journal.book import SqlJournal
from edxml_router.store.quarantine.items import SqlQuarantine
from edxml_router.store.receipts.book import SqlReceipts
from edxml_router.store.receipts.signers import SqlSigners
from edxml_router.store.retention.book import SqlRetention
from edxml_router.store.rulesets.book import SqlRuleSets
from edxml_router.store.webhooks import SqlWebhooks
from edxml_router.store.witness.book import SqlWitnesses


class SqlBook:
    """Made by :meth:`SqlLedger.book`, valid inside its block. ``now`` dates deliveries made and moved."""

    connection: Connection
    journal: SqlJournal
    envelopes: SqlEnvelopes
    bodies: SqlBodies
    damages: SqlDamages
    documents: SqlDocuments
    deliveries: SqlDeliveries
    mailboxes: SqlMailboxes
    moved: SqlMovedMail
    receipts: SqlReceipts
    signers: SqlSigners
    quarantine: SqlQuarantine
    recoveries: SqlRecoveries
    retention: SqlRetention
    rulesets: SqlRuleSets
    webhooks: SqlWebhooks
    witnesses: SqlWitnesses
    inventories: SqlInventories
    drains: SqlDrains
    halts: SqlHalts

    def __init__(self, connection: Connection, now: datetime, inline_limit: int) -> None:
        self.connection = connection
        self.journal = SqlJournal(connection, now)
        self.envelopes = SqlEnvelopes(connection, self.journal)
        self.bodies = SqlBodies(connection, inline_limit)
        self.damages = SqlDamages(connection, self.journal, now)
        self.documents = SqlDocuments(connection)
        self.deliveries = SqlDeliveries(connection, self.journal, now)
        self.mailboxes = SqlMailboxes(connection)
        self.moved = SqlMovedMail(connection)
        self.receipts = SqlReceipts(connection)
        self.signers = SqlSigners(connection)
        self.quarantine = SqlQuarantine(connection)
        self.recoveries = SqlRecoveries(connection)
        self.retention = SqlRetention(connection, self.journal, now)
        self.rulesets = SqlRuleSets(connection)
        self.webhooks = SqlWebhooks(connection)
        self.witnesses = SqlWitnesses(connection)
        self.inventories = SqlInventories(connection)
        self.drains = SqlDrains(connection)
        self.halts = SqlHalts(connection)
