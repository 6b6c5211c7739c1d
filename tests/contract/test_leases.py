"""What a book does for routes whose hub is away, and for leases that go on: on SQLite and PostgreSQL."""

from __future__ import annotations

from datetime import datetime, timedelta

from edxml_router.core.delivery.lifecycle import Event, State
from edxml_router.core.delivery.values import Delivery
from edxml_router.core.link.route import Route
from edxml_router.core.link.wire import Receipt, ReceiptOutcome
from edxml_router.store.ledger import SqlLedger
from tests.contract.databases import LEASE, NOW, add, body, delivery, digest_of
from tests.contract.test_ledger import apply, claim, move, standing

UP, DOWN = Route.link("parent"), Route.link("child")
LATER = NOW + timedelta(hours=1)


def put_off(ledger: SqlLedger, code: str) -> None:
    """Whatever is due is taken, and could not be sent."""
    apply(ledger, *(move(one, Event.DEFER, due_at=LATER, code=code) for one in claim(ledger)))


def due(ledger: SqlLedger) -> list[datetime]:
    return [one.due_at for one in standing(ledger, 1, 2, 3)]


def test_what_is_left_out_is_not_claimed(ledger: SqlLedger) -> None:
    add(ledger, delivery(1, route=UP), delivery(2, route=DOWN, urgent=True), delivery(3, route=UP, urgent=True))
    with ledger.book() as book:
        taken = book.deliveries.claim(NOW, NOW + LEASE, 10, {(UP, False), (UP, True), (Route.link("nobody"), False)})
    assert [one.route for one in taken] == [DOWN]
    assert {one.state for one in standing(ledger, 1, 3)} == {State.QUEUED}
    with ledger.book() as book:
        taken = book.deliveries.claim(NOW, NOW + LEASE, 10, {(UP, False), (DOWN, True)})
    assert [(one.route, one.urgent) for one in taken] == [(UP, True)]
    assert [one.attempts for one in claim(ledger)] == [1]


def test_what_was_put_off_because_of_a_hub_is_due_when_it_answers(ledger: SqlLedger) -> None:
    add(ledger, delivery(1, route=UP), delivery(2, route=DOWN))
    put_off(ledger, "EDX705")
    add(ledger, delivery(3, route=UP))
    put_off(ledger, "EDX699")
    with ledger.book() as book:
        assert book.deliveries.due_again({UP}, {"EDX701", "EDX705"}, NOW) == 1
    assert due(ledger) == [NOW, LATER, LATER]  # another route, and a fault of its own
    versions = [one.version for one in standing(ledger, 1)]
    assert versions == [3]
    assert [one.attempts for one in claim(ledger)] == [2]


def test_receipts_that_were_not_sent_are_due_as_well(ledger: SqlLedger) -> None:
    add(ledger, delivery(1))
    receipts = [(to, Receipt(digest_of(body(1)), to, 0, ReceiptOutcome.CONFIRMED, NOW)) for to in (UP, DOWN)]
    with ledger.book() as book:
        book.receipts.add(receipts)
        assert len(book.receipts.unsent(NOW, NOW + LEASE, 10)) == 2
        book.deliveries.due_again({UP}, {"EDX701"}, NOW)
        assert [to for _, to, _ in book.receipts.unsent(NOW, NOW + LEASE, 10)] == [UP]


def test_a_lease_goes_on_unless_somebody_else_has_the_delivery(ledger: SqlLedger) -> None:
    add(ledger, delivery(1), delivery(2), delivery(3))
    first: list[Delivery] = sorted(claim(ledger), key=lambda one: one.id)
    apply(ledger, move(first[1], Event.HAND_OVER, due_at=LATER))
    with ledger.book() as book:
        book.deliveries.keep(first[:2], NOW + 5 * LEASE)
        book.deliveries.keep([], LATER)
    assert due(ledger) == [NOW + 5 * LEASE, LATER, NOW + LEASE]
    [lapsed] = claim(ledger, after=2 * LEASE)
    assert lapsed.id == first[2].id
    with ledger.book() as book:
        book.deliveries.keep([first[2]], NOW + 9 * LEASE)  # the first holder is too late
    assert due(ledger)[2] == NOW + 3 * LEASE
    apply(ledger, move(first[0], Event.HAND_OVER, due_at=LATER))  # its holder moves what it kept
    assert standing(ledger, 1)[0].state is State.FORWARDED


def test_what_waits_is_bound_anew(ledger: SqlLedger) -> None:
    add(ledger, delivery(1, route=UP), delivery(2, route=UP), delivery(3, route=DOWN))
    put_off(ledger, "EDX701")
    asked: list[str] = []

    def following(recipient: str) -> str | None:
        asked.append(recipient)
        return DOWN if len(asked) == 1 else None

    with ledger.book() as book:
        assert book.deliveries.rebind({UP}, following) == 1
        assert len(asked) == 2
        all_three = book.deliveries.of(digest_of(body(n)) for n in (1, 2, 3))
        assert sorted(one.route for one in all_three) == [DOWN, DOWN, UP]
