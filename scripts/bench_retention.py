"""What letters cost on the disk before and after their bodies have gone.

    scripts/bench retention

Writes so many letters of 6 kB through the ledger as acceptance, forwarding and settlement do (acceptance, claim,
hand-over, confirmation, and a receipt that was told), then lets all bodies go. Prints a line for each step.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import tempfile
import time
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

from edxml_router.core.body import MemoryBody
from edxml_router.core.delivery.lifecycle import Event
from edxml_router.core.delivery.moves import change
from edxml_router.core.delivery.values import EnvelopeRow, NewDelivery, identity
from edxml_router.core.link.route import Route
from edxml_router.core.link.wire import Hop, Receipt, ReceiptOutcome
from edxml_router.core.retention.terms import RetentionTerms
from edxml_router.stages.node import Node
from edxml_router.stages.outcomes.removing import remove_portion
from edxml_router.store.bodies.files import BodyStore
from edxml_router.store.database import space
from edxml_router.store.database.engine import connect
from edxml_router.store.database.migrate import upgrade
from edxml_router.store.journal.sequencer import number_entries
from edxml_router.store.ledger import SqlLedger

NOW = datetime(2026, 1, 5, 1, 0, tzinfo=UTC)
BATCH = 100


@dataclass
class Standing:
    """A clock that stands still."""

    at: datetime = NOW

    def now(self) -> datetime:
        return self.at

    def chance(self) -> float:
        return 0.5


def letter(number: int, size: int) -> tuple[EnvelopeRow, MemoryBody]:
    body = MemoryBody(os.urandom(size))
    key = f"H53.31.22,2026/01/05,{number}/UBND-VP"
    hops = (Hop("tay-ninh", NOW), Hop("quoc-gia", NOW))
    signer = hashlib.sha256(b"key").hexdigest()
    row = EnvelopeRow(
        body.digest, "", "document", 0, "H53.31.22", key, (), "", size, 1, False, NOW, NOW + timedelta(days=30),
        "tay-ninh", "link", "passed", "ok", signer, (), hops, key, (),
    )  # fmt: skip
    return replace(row, identity=identity(row.sender, row.kind, row.business, row.digest, key)), body


def carry(ledger: SqlLedger, first: int, count: int, size: int) -> None:
    """Accept, send and settle so many letters."""
    made = [letter(number, size) for number in range(first, first + count)]
    route, origin, until = Route.link("an-giang"), Route.link("tay-ninh"), NOW + timedelta(days=30)
    with ledger.book() as book:
        book.envelopes.add([row for row, _ in made])
        book.bodies.add({row.digest: body for row, body in made})
        book.deliveries.add([NewDelivery(row.digest, "H01.02", route, origin, 0, False, NOW, until) for row, _ in made])
    with ledger.book() as book:
        due = book.deliveries.claim(NOW, NOW + timedelta(minutes=1), count)
    with ledger.book() as book:
        book.deliveries.move([change(one, Event.HAND_OVER, handed_at=NOW) for one in due])
    with ledger.book() as book:
        sent = book.deliveries.numbered([one.id for one in due])
        ended = book.deliveries.move([change(one, Event.CONFIRM, ended_at=NOW, actor="an-giang") for one in sent])
        told = [Receipt(one.delivery.digest, "H01.02", 0, ReceiptOutcome.CONFIRMED, NOW) for one in ended]
        book.receipts.add([(origin, receipt) for receipt in told])
    with ledger.book() as book:
        waiting = book.receipts.unsent(NOW + timedelta(hours=1), NOW + timedelta(hours=2), count)
        book.receipts.sent([number for number, _, _ in waiting], NOW)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--letters", type=int, default=20_000)
    parser.add_argument("--size", type=int, default=6000, help="bytes of each")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="edxml-router-") as folder:
        file, clock = Path(folder) / "journal.db", Standing()
        engine = connect(f"sqlite:///{file}")
        upgrade(engine)
        ledger = SqlLedger(engine, clock)
        for first in range(0, options.letters, BATCH):
            carry(ledger, first, min(BATCH, options.letters - first), options.size)
        while number_entries(ledger):  # ten thousand at a time, as a worker does
            pass

        def tell(step: str) -> None:
            raw = engine.raw_connection()
            raw.cursor().execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
            raw.close()
            size = file.stat().st_size
            print(f"{step:<28} {size / 1e6:8.1f} MB {size / options.letters:8.0f} bytes a letter")

        tell("carried")
        clock.at = NOW + timedelta(days=400)
        rules = SimpleNamespace(retention=RetentionTerms(bodies=timedelta(days=365)))
        bodies = BodyStore(engine, Path(folder) / "bodies")
        node = cast("Node", SimpleNamespace(ledger=ledger, bodies=bodies, rules=rules, now=clock.now))
        began, after, longest = time.perf_counter(), cast("Any", None), 0.0
        while True:
            start = time.perf_counter()
            portion = remove_portion(node, after, "node")
            longest, after = max(longest, time.perf_counter() - start), portion.next
            number_entries(ledger)
            if after is None:
                break
        tell("bodies removed")
        count, _ = ledger.views.removals()
        print(f"{count} bodies removed in {time.perf_counter() - began:.1f} s, {longest:.2f} s for the longest look")
        began, steps = time.perf_counter(), 0
        while space.give_back(engine, 2000):
            steps += 1
        tell("room given back")
        print(f"in {steps} steps of {(time.perf_counter() - began) / max(1, steps) * 1000:.0f} ms")
        found = ledger.views.verify()
        print("journal verifies" if found.sound else f"DAMAGED: {found.damages[:3]}")
        engine.dispose()


if __name__ == "__main__":
    main()
