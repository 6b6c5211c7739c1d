"""On a server, what is removed on purpose holds up no mail, and its room is used again."""

from __future__ import annotations

from typing import Any

from sqlalchemy import text

from edxml_router.core.body import MemoryBody
from edxml_router.core.delivery.lifecycle import Event
from edxml_router.core.retention.values import removal_of
from edxml_router.store.database.engine import reading
from edxml_router.store.journal.sequencer import number_entries
from edxml_router.store.ledger import SqlLedger
from tests.contract.databases import LEASE, NOW, Database, add, body, delivery, digest_of
from tests.contract.test_recomputing import found, move
from tests.contract.test_retention import LATER

# None of these keeps anybody from reading or writing other rows of the table.
WEAK = {"AccessShareLock", "RowShareLock", "RowExclusiveLock"}
_HELD = text(
    "SELECT relation::regclass::text, mode FROM pg_locks WHERE locktype = 'relation' AND granted"
    " AND pid <> pg_backend_pid() AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
)


def confirmed(ledger: SqlLedger, *numbers: int) -> list[str]:
    """Letters that have ended, every entry in its place."""
    add(ledger, *(delivery(number) for number in numbers))
    with ledger.book() as book:
        claimed = book.deliveries.claim(NOW, NOW + LEASE, 1000)
    for one in claimed:
        move(ledger, one, Event.CONFIRM, actor="tay-ninh")
    number_entries(ledger)
    return [digest_of(body(number)) for number in numbers]


def test_mail_goes_on_while_a_hundred_bodies_are_being_removed(postgresql_database: Database) -> None:
    ledger, other = postgresql_database.ledger(), postgresql_database.ledger()
    digests = confirmed(ledger, *range(1, 101))
    removal = removal_of(LATER, "retention", "node", [(digest, 40) for digest in digests])
    with ledger.book() as book:
        book.retention.alone()
        assert len(book.retention.standings(digests)) == 100
        book.retention.remove_bodies(removal, digests)
        # Not committed yet. Were anything here to wait for it, it would wait for ever and fail by its patience.
        with reading(other.engine) as connection:
            held = {(table, mode) for table, mode in connection.execute(_HELD)}
        assert ("bodies", "RowExclusiveLock") in held
        assert {mode for _, mode in held} <= WEAK
        assert confirmed(other, 200, 201) == [digest_of(body(200)), digest_of(body(201))]
        assert other.views.bodies_kept()[0] == 102
    number_entries(ledger)
    assert ledger.views.bodies_kept()[0] == 2
    assert found(ledger) == []


def test_the_room_of_what_was_removed_is_used_again(postgresql_database: Database) -> None:
    """Autovacuum does by itself what is done here by hand, since it is off in these tests."""
    ledger = postgresql_database.ledger()

    def fill(round_: int) -> list[str]:
        pieces = {digest_of(b"%d %d" % (round_, number)): MemoryBody(_noise(number)) for number in range(100)}
        with ledger.book() as book:
            book.bodies.add(pieces)
        return sorted(pieces)

    sizes = []
    for round_ in range(4):
        digests = fill(round_)
        sizes.append(_size(postgresql_database))
        with ledger.book() as book:
            book.retention.remove_bodies(removal_of(LATER, "retention", "node", [(one, 1) for one in digests]), digests)
        _vacuum(ledger)
    assert sizes[0] > 3_000_000
    assert max(sizes) <= sizes[0] * 1.1, sizes


def _noise(number: int) -> bytes:
    """What no compression makes smaller."""
    return b"".join(bytes.fromhex(digest_of(b"%d %d" % (number, part))) for part in range(1000))


def _size(database: Database) -> int:
    size: Any = database.rows("SELECT pg_total_relation_size('bodies')")[0][0]
    return int(size)


def _vacuum(ledger: SqlLedger) -> None:
    with ledger.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("VACUUM bodies"))
