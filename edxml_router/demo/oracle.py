"""What must be true of nodes once they are at rest, read from their databases and hubs without their help.

Every function answers a list of sentences, empty when all is well. The demo and the tests ask the same questions:
nothing lost, nothing doubled, one journal entry for each change of state, nothing left behind.
"""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from sqlalchemy import func, select

from edxml_router.config import Settings
from edxml_router.core.delivery.lifecycle import ENDS, State
from edxml_router.core.delivery.values import Delivery
from edxml_router.store.database.engine import reading
from edxml_router.store.deliveries.table import deliveries
from edxml_router.store.envelopes.table import envelopes
from edxml_router.store.journal.table import journal
from edxml_router.store.ledger import SqlLedger
from edxml_router.store.quarantine.items import quarantine
from edxml_router.store.receipts.book import receipts
from edxml_router.wiring import own_ledger


class Witness:
    """Looks into the database of one node."""

    def __init__(self, settings: Settings) -> None:
        self.name = settings.node.name
        self.ledger: SqlLedger = own_ledger.open_ledger(settings)

    def close(self) -> None:
        self.ledger.close()

    def counts(self) -> Mapping[State, int]:
        """Deliveries by state."""
        return self.ledger.views.counts()

    def accepted(self) -> int:
        with reading(self.ledger.engine) as connection:
            return connection.execute(select(func.count()).select_from(envelopes)).scalar_one()

    def deliveries(self, digests: Iterable[str] | None = None) -> list[Delivery]:
        query = select(deliveries).order_by(deliveries.c.id)
        if digests is not None:
            query = query.where(deliveries.c.digest.in_(list(digests)))
        with reading(self.ledger.engine) as connection:
            return [Delivery(*row) for row in connection.execute(query)]

    def quarantined(self) -> list[tuple[str, str, int]]:
        """Refused input: digest, problem code, and how often it came."""
        with reading(self.ledger.engine) as connection:
            return [
                tuple(row)
                for row in connection.execute(select(quarantine.c.digest, quarantine.c.code, quarantine.c.count))
            ]

    # --- the questions ---

    def open_deliveries(self) -> list[str]:
        return [
            f"{self.name}: delivery {one.id} to {one.recipient} is still {one.state}"
            for one in self.deliveries()
            if one.state not in ENDS
        ]

    def unsent_receipts(self) -> list[str]:
        """Receipts that wait for a neighbour; those for offices that pull are never sent."""
        query = select(receipts.c.id, receipts.c.origin).where(receipts.c.sent_at.is_(None))
        with reading(self.ledger.engine) as connection:
            rows = connection.execute(query).all()
        return [f"{self.name}: receipt {number} for {origin} was not sent" for number, origin in rows if origin.is_link]

    def broken_chains(self) -> list[str]:
        """One entry for each change of state: replayed, the entries lead to every delivery's state and version."""
        with reading(self.ledger.engine) as connection:
            entries = [json.loads(row[0]) for row in connection.execute(select(journal.c.entry).order_by(journal.c.id))]
        chains: dict[tuple[str, str], list[tuple[str, str]]] = {}
        for entry in entries:
            if "after" in entry:
                step = (entry.get("before", ""), entry["after"])
                chains.setdefault((entry["envelope"], entry["recipient"]), []).append(step)
        wrong = []
        for one in self.deliveries():
            chain = chains.pop((one.digest, one.recipient), [])
            befores = [before for before, _ in chain]
            afters = ["", *(after for _, after in chain)]
            if befores != afters[:-1] or afters[-1] != one.state or len(chain) != one.version:
                wrong.append(f"{self.name}: the entries of delivery {one.id} do not lead to {one.state}: {chain}")
        wrong += [f"{self.name}: entries about a delivery that is not there: {pair}" for pair in chains]
        accepted = Counter(entry["envelope"] for entry in entries if entry["event"] == "envelope.accepted")
        if len(accepted) != self.accepted() or set(accepted.values()) - {1}:
            wrong.append(f"{self.name}: envelopes and entries of acceptance differ")
        return wrong

    def at_rest(self) -> list[str]:
        """All of the above that holds once every delivery has ended and every receipt is on its way."""
        return self.open_deliveries() + self.unsent_receipts() + self.broken_chains() + self.damages()

    def damages(self) -> list[str]:
        """What ``journal verify`` finds."""
        return [f"{self.name}: {damage.where}: {damage.detail}" for damage in self.ledger.views.verify().damages]


def stray_files(hub: Path) -> list[str]:
    """Messages left in the mailboxes of a hub that is a folder.

    What a killed writer left in ``tmp`` was never a message; its owner sweeps it away later.
    """
    kept = [path for path in hub.rglob("*") if path.is_file() and path.name != ".lock" and path.parent.name != "tmp"]
    return [f"left behind: {path.relative_to(hub.parent.parent)}" for path in kept]


def await_none(ask: Callable[[], list[str]], seconds: float) -> list[str]:
    """Ask until the answer is empty, for at most so long; the last answer."""
    deadline = time.monotonic() + seconds
    while (found := ask()) and time.monotonic() < deadline:
        time.sleep(0.05)
    return found
