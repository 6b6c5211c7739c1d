"""What is of one document leaves in the order in which it came, and what is not is free: on SQLite and PostgreSQL."""

from __future__ import annotations

import random
import sqlite3
from collections.abc import Iterable, Mapping
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import event

from edxml_router.core.delivery.lifecycle import Event, State
from edxml_router.core.delivery.values import Delivery, Move, NewDelivery
from edxml_router.core.link.manifest import LIST_LIMIT
from edxml_router.store.database.engine import connect
from edxml_router.store.database.migrate import upgrade
from edxml_router.store.deliveries.chains import PATIENCE
from edxml_router.store.ledger import SqlLedger
from tests.contract.databases import LEASE, NOW, Database, SetClock, add, body, delivery, digest_of
from tests.contract.test_ledger import apply, claim, move, standing

LATER = NOW + timedelta(hours=1)
TWO = (delivery(1, chains=(7,)), delivery(2, chains=(7,)))


def waits_for(ledger: SqlLedger, numbers: Iterable[int]) -> Mapping[int, int]:
    return ledger.views.waits_for(numbers, NOW)


def taken(ledger: SqlLedger) -> list[str]:
    return [one.digest for one in claim(ledger)]


def number(value: int) -> str:
    return digest_of(body(value))


def test_deliveries_are_numbered_and_taken_in_the_order_of_arrival(ledger: SqlLedger) -> None:
    order = random.Random(5).sample(range(1, 60), 40)  # noqa: S311  # any order but that of the digests
    made = add(ledger, *(delivery(each) for each in order))
    assert [one.id for one in made] == sorted(one.id for one in made)
    assert [one.digest for one in claim(ledger, 40)] == [number(each) for each in order]


@pytest.mark.parametrize("urgent", [False, True])
def test_what_came_later_goes_when_the_next_node_has_what_came_before(ledger: SqlLedger, urgent: bool) -> None:
    first, second = add(ledger, delivery(1, chains=(7,)), delivery(2, chains=(7,), urgent=urgent))
    assert taken(ledger) == [first.digest]
    assert taken(ledger) == []
    assert waits_for(ledger, [first.id, second.id]) == {second.id: first.id}
    apply(ledger, move(standing(ledger, 1)[0], Event.DEFER, due_at=LATER))
    assert taken(ledger) == []
    apply(ledger, move(standing(ledger, 1)[0], Event.HOLD))
    assert taken(ledger) == []
    apply(ledger, move(standing(ledger, 1)[0], Event.RELEASE, due_at=NOW))
    [one] = claim(ledger)
    apply(ledger, move(one, Event.HAND_OVER, due_at=LATER))
    assert taken(ledger) == []  # it may still lie in the mailbox
    apply(ledger, move(standing(ledger, 1)[0], Event.ACCEPT, far_accepted=True))
    assert waits_for(ledger, [second.id]) == {}
    assert taken(ledger) == [second.digest]


@pytest.mark.parametrize("event", [Event.RETURN, Event.EXPIRE, Event.CANCEL, Event.CONFIRM])
def test_nothing_waits_for_what_has_ended(ledger: SqlLedger, event: Event) -> None:
    first, second = add(ledger, *TWO)
    apply(ledger, move(first, event, ended_at=NOW))
    assert taken(ledger) == [second.digest]


def test_what_is_opened_again_goes_first_again(ledger: SqlLedger) -> None:
    first, second = add(ledger, *TWO)
    apply(ledger, move(first, Event.CANCEL, ended_at=NOW))
    apply(ledger, move(standing(ledger, 1)[0], Event.RESEND, due_at=LATER))
    assert taken(ledger) == []
    assert waits_for(ledger, [second.id]) == {second.id: first.id}


def test_others_are_free(ledger: SqlLedger) -> None:
    add(ledger, *TWO, delivery(3, chains=(8,)), delivery(2, "H01", chains=(7,)), delivery(4), delivery(5))
    assert len(claim(ledger)) == 5  # another document, another recipient, and what is of none


def test_what_changes_several_documents_waits_for_all_and_is_waited_for(ledger: SqlLedger) -> None:
    one, two, both, last = add(
        ledger,
        delivery(1, chains=(7,)),
        delivery(2, chains=(8,)),
        delivery(3, chains=(7, 8)),
        delivery(4, chains=(8,)),
    )
    also = add(ledger, delivery(5, chains=(9, 8)))[0]
    for pair, rest in (((one, two), {both.id, last.id, also.id}), ((both,), {last.id, also.id}), ((last,), {also.id})):
        assert waits_for(ledger, rest).keys() == rest
        claimed = claim(ledger)
        assert [each.id for each in claimed] == [each.id for each in pair]
        for each in claimed:
            assert len(claim(ledger)) == 0
            apply(ledger, move(each, Event.ACCEPT, far_accepted=True))
    assert taken(ledger) == [also.digest]


def test_a_letter_that_another_node_has_still_to_give_back_is_waited_for_but_not_for_ever(ledger: SqlLedger) -> None:
    first, _ = add(ledger, delivery(1, chains=(7,), route="link:old"), delivery(2, chains=(7,), route="link:new"))
    apply(ledger, move(first, Event.ACCEPT, far_accepted=True))
    assert taken(ledger) == []
    assert len(claim(ledger, after=PATIENCE)) == 1


def test_what_the_next_node_has_is_asked_about_in_any_order(ledger: SqlLedger) -> None:
    first, second = add(ledger, *TWO)
    apply(ledger, move(second, Event.ACCEPT, far_accepted=True))
    apply(ledger, move(standing(ledger, 2)[0], Event.RETRY, due_at=NOW))
    assert taken(ledger) == [first.digest, second.digest]


def test_offers_are_laid_into_a_mailbox_one_after_the_other(ledger: SqlLedger) -> None:
    office = "office:xa"
    first, second, free = add(
        ledger,
        *(delivery(each, chains=(chain,), route=office) for each, chain in ((1, 7), (2, 7), (3, 8))),
    )
    for one in claim(ledger):
        apply(ledger, move(one, Event.OFFER, due_at=NOW))
    [one] = claim(ledger)  # an offer is what moves it on here
    apply(ledger, move(one, Event.OFFER, due_at=NOW))

    def offered() -> list[int]:
        with ledger.book() as book:
            return [each.id for each in book.mailboxes.offered(NOW, LATER, 10, [office])]

    assert offered() == [first.id, free.id]
    assert offered() == []
    with ledger.book() as book:
        book.mailboxes.look_again([first.id], LATER, None, NOW)
    assert offered() == [second.id]


def test_two_workers_never_hold_two_of_one_chain(ledger: SqlLedger, database: Database) -> None:
    """Any history of two workers and an operator: what is handed over of a chain is so in the order of arrival."""
    chance = random.Random(11)  # noqa: S311
    rows: list[NewDelivery] = []
    for each in range(1, 41):
        several = tuple(chance.sample(range(1, 7), chance.choice((1, 1, 1, 2, 3))))
        rows.append(delivery(each, chance.choice(("H01", "H53")), chains=several, urgent=chance.random() < 0.3))
    made = {one.id: row for one, row in zip(add(ledger, *rows), rows, strict=True)}
    workers = (ledger, database.ledger())
    at, sent = timedelta(), list[int]()
    while len(sent) < len(made):
        worker = chance.choice(workers)
        for one in claim(worker, 5, after=at):
            outcome = chance.choice(("accept", "accept", "hand over", "defer", "crash"))
            if outcome == "defer":
                apply(worker, move(one, Event.DEFER, due_at=NOW + at + timedelta(seconds=5)))
            elif outcome == "hand over":
                apply(worker, move(one, Event.HAND_OVER, due_at=LATER))
            elif outcome == "accept":
                apply(worker, move(one, Event.ACCEPT, far_accepted=True))
                sent.append(one.id)
        for one in standing(ledger, *range(1, 41)):
            if one.state is State.FORWARDED and not one.far_accepted and chance.random() < 0.5:
                apply(ledger, move(one, Event.ACCEPT, far_accepted=True))
                sent.append(one.id)
        at += LEASE / 4
    assert sorted(sent) == sorted(made)
    place = {each: where for where, each in enumerate(sent)}
    for earlier, row in made.items():
        for later, other in made.items():
            together = row.recipient == other.recipient
            if earlier < later and together and set(row.chains) & set(other.chains):
                assert place[earlier] < place[later]


# --- company ---


def company(ledger: SqlLedger, limit: int, most: int = LIST_LIMIT) -> list[Delivery]:
    with ledger.book() as book:
        return list(book.deliveries.claim(NOW, NOW + LEASE, limit, company=most))


def test_whatever_shares_the_body_and_the_link_comes_with_what_is_taken(ledger: SqlLedger) -> None:
    recipients = [f"H53.{each}" for each in range(30)]
    add(ledger, *(delivery(1, one) for one in recipients), delivery(1, "H01", route="link:other"), delivery(2))
    first = company(ledger, 5)
    assert len(first) == 30
    assert {(one.digest, one.route) for one in first} == {(number(1), "link:tay-ninh")}
    assert {one.state for one in standing(ledger, 1) if one.route == "link:tay-ninh"} == {State.FORWARDING}
    assert len(company(ledger, 5)) == 2


def test_company_is_due_free_and_bounded(ledger: SqlLedger) -> None:
    add(ledger, delivery(1, "H53.8", chains=(7,)), delivery(1, "H53.9", chains=(7,)))
    apply(ledger, *(move(one, Event.HOLD) for one in standing(ledger, 1) if one.recipient == "H53.9"))
    add(ledger, delivery(2, "H53.7", chains=(7,)), delivery(2, "H53.9", chains=(7,)))
    add(ledger, delivery(2, "H53.6", chains=(7,), due_at=LATER), delivery(2, "H53.5", chains=(7,)))
    assert [one.recipient for one in company(ledger, 2)] == ["H53.8", "H53.7", "H53.5"]
    add(ledger, *(delivery(3, f"H01.{each}") for each in range(10)))
    assert len(company(ledger, 2, 3)) == 5


def test_offices_here_are_no_company(ledger: SqlLedger) -> None:
    add(ledger, *(delivery(1, f"H53.{each}", route="office:xa") for each in range(10)))
    assert len(company(ledger, 3)) == 3


def test_no_move_is_lost_for_a_circular(ledger: SqlLedger) -> None:
    add(ledger, *(delivery(1, f"H53.{each}") for each in range(1200)))
    moves: list[Move] = [move(one, Event.HAND_OVER, due_at=LATER) for one in company(ledger, 100)]
    assert len(apply(ledger, *moves)) == 1200


def test_to_have_no_company_costs_no_statement_of_its_own(ledger: SqlLedger) -> None:
    statements: list[str] = []
    event.listen(ledger.engine, "before_cursor_execute", lambda *told: statements.append(told[2]))
    asked = []
    for first in (20, 100):
        add(ledger, *(delivery(each) for each in range(first, first + first)))
        statements.clear()
        assert len(company(ledger, 100)) == first
        asked.append(len(statements))
    assert asked[0] == asked[1]


# --- a backlog ---


def test_a_backlog_for_one_recipient_does_not_cost_its_square(tmp_path: Path) -> None:
    """By the steps that SQLite counts, in tens: what a claim costs does not depend on how much else waits."""
    costs = []
    for waiting in (40, 390):
        ledger, steps = SqlLedger(connect(f"sqlite:///{tmp_path}/{waiting}.db"), SetClock()), list[None]()

        def count(connection: sqlite3.Connection, _: object, steps: list[None] = steps) -> None:
            connection.set_progress_handler(lambda: steps.append(None), 10)

        event.listen(ledger.engine, "connect", count)
        upgrade(ledger.engine)
        add(ledger, *(delivery(each, chains=(each,)) for each in range(1, waiting + 1)))
        steps.clear()
        assert len(claim(ledger, 40)) == 40
        costs.append(len(steps))
        ledger.close()
    assert costs[1] < 2 * costs[0]
