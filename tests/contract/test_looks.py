"""What has left and is not answered, on both databases: who is looked at when, what lies where, and who wants room."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import timedelta
from typing import Any

from edxml_router.core.delivery.lifecycle import Event, advance
from edxml_router.core.delivery.values import Delivery, Move, UnansweredMail
from edxml_router.core.delivery.views import Silence
from edxml_router.core.link.route import Route
from edxml_router.core.problems import Finding
from edxml_router.stages.forwarding.windows import Place
from edxml_router.store.deliveries import looks
from edxml_router.store.ledger import SqlLedger
from tests.contract.databases import LEASE, NOW, Database, add, body, delivery

MINUTE = timedelta(minutes=1)
ROUTES = [Route.link("tay-ninh"), Route.link("an-giang")]


def moved(ledger: SqlLedger, deliveries: Sequence[Delivery], event: Event, **changes: Any) -> list[Delivery]:
    with ledger.book() as book:
        book.deliveries.move([Move(one, event, advance(one.state, event), **changes) for one in deliveries])  # type: ignore[arg-type]
        after = {one.id: one for one in book.deliveries.numbered([one.id for one in deliveries])}
    return [after[one.id] for one in deliveries]


def handed_over(ledger: SqlLedger, *rows: Any, **changes: Any) -> list[Delivery]:
    made = add(ledger, *rows)
    with ledger.book() as book:
        claimed = {one.id: one for one in book.deliveries.claim(NOW, NOW + LEASE, 100)}
    fields = {"due_at": NOW + MINUTE, "handed_at": NOW, **changes}
    return moved(ledger, [claimed[one.id] for one in made], Event.HAND_OVER, **fields)


def overdue(ledger: SqlLedger, after: timedelta, limit: int = 10, routes: Sequence[str] = ROUTES) -> list[Delivery]:
    with ledger.book() as book:
        return list(book.mailboxes.overdue(NOW + after, NOW + after + LEASE, limit, routes))


def test_what_is_overdue_is_leased_and_not_changed(ledger: SqlLedger, database: Database) -> None:
    [made] = handed_over(ledger, delivery())
    before = database.count("journal")
    assert overdue(ledger, MINUTE - timedelta(microseconds=1)) == []
    [one] = overdue(ledger, MINUTE)
    assert (one.id, one.version, one.state, one.handed_at, one.asked_at) == (
        made.id, made.version, made.state, NOW, None,
    )  # fmt: skip
    assert overdue(ledger, MINUTE) == []
    assert overdue(ledger, MINUTE + LEASE) == [one.__class__(**{**_fields(one), "due_at": NOW + MINUTE + 2 * LEASE})]
    with ledger.book() as book:
        assert list(book.deliveries.claim(NOW + timedelta(days=1), NOW + timedelta(days=2), 10)) == []
    assert database.count("journal") == before


def _fields(one: Delivery) -> dict[str, Any]:
    return {name: getattr(one, name) for name in one.__slots__}


def test_what_nobody_has_accepted_comes_first_and_other_routes_are_strays(ledger: SqlLedger) -> None:
    first, second, third = handed_over(
        ledger, delivery(1), delivery(2), delivery(3, route=Route.link("gone")), due_at=NOW + MINUTE
    )
    moved(ledger, [first], Event.ACCEPT, far_accepted=True, due_at=NOW)
    assert [one.id for one in overdue(ledger, MINUTE, 1)] == [second.id]
    assert [one.id for one in overdue(ledger, MINUTE)] == [first.id]
    with ledger.book() as book:
        assert [one.id for one in book.mailboxes.strays(NOW + MINUTE, 10, ROUTES)] == [third.id]
        assert list(book.mailboxes.strays(NOW, 10, ROUTES)) == []
        assert len(book.mailboxes.strays(NOW + MINUTE, 10, [])) == 1  # the others are leased


def test_a_look_is_kept_and_ends_with_the_state_that_it_was_about(ledger: SqlLedger) -> None:
    [made] = handed_over(ledger, delivery())
    with ledger.book() as book:
        book.mailboxes.asked_about([made.id], NOW)
        book.mailboxes.look_again([made.id], NOW + 2 * MINUTE, Finding("EDX709", detail="x takes nothing"))
        [one] = book.deliveries.numbered([made.id])
    assert (one.asked_at, one.due_at, one.code, one.detail) == (NOW, NOW + 2 * MINUTE, "EDX709", "x takes nothing")
    assert one.version == made.version
    [again] = moved(ledger, [one], Event.RETRY, far_accepted=False, due_at=NOW)  # it was unknown there
    assert (again.handed_at, again.asked_at) == (None, None)
    with ledger.book() as book:
        book.mailboxes.look_again([made.id], NOW + 9 * MINUTE, None, NOW)
        book.mailboxes.asked_about([made.id], NOW)
        assert book.deliveries.numbered([made.id]) == [again]


def test_a_letter_lies_once_for_all_its_recipients_until_it_is_accepted(ledger: SqlLedger) -> None:
    size = len(body(1))
    made = handed_over(
        ledger,
        delivery(1, "H53.01"),
        delivery(1, "H53.02"),
        delivery(2),
        delivery(3, urgent=True),
        delivery(4, route=Route.link("an-giang")),
        delivery(5, route=Route.office("vp")),
    )
    with ledger.book() as book:
        found = book.mailboxes.lying([*ROUTES, Route.office("vp")])
    assert found == {
        (Route.link("tay-ninh"), False): UnansweredMail(2, 2 * size, NOW),
        (Route.link("tay-ninh"), True): UnansweredMail(1, size, NOW),
        (Route.link("an-giang"), False): UnansweredMail(1, size, NOW),
    }
    accepted = [one for one in made if one.route == Route.link("tay-ninh")]
    moved(ledger, accepted, Event.ACCEPT, far_accepted=True)
    with ledger.book() as book:
        assert set(book.mailboxes.lying(ROUTES)) == {(Route.link("an-giang"), False)}
        assert book.mailboxes.lying([]) == {}


def test_what_wants_room_is_due_when_there_is_some(ledger: SqlLedger) -> None:
    add(ledger, delivery(1), delivery(2), delivery(3), delivery(4, route=Route.link("an-giang")))
    with ledger.book() as book:
        claimed = list(book.deliveries.claim(NOW, NOW + LEASE, 10))
    by_digest = sorted(claimed, key=lambda one: one.id)
    moved(ledger, by_digest[:2] + by_digest[3:], Event.DEFER, due_at=NOW + MINUTE, code="EDX614")
    moved(ledger, [by_digest[2]], Event.DEFER, due_at=NOW + MINUTE, code="EDX701")
    assert looks.wanting(ledger.engine) == {Route.link("tay-ninh"): 2, Route.link("an-giang"): 1}
    with ledger.book() as book:
        book.mailboxes.make_room([Route.link("tay-ninh")], NOW, 1)
        assert len(book.deliveries.claim(NOW, NOW + LEASE, 10)) == 1
        book.mailboxes.make_room([Route.link("tay-ninh"), Route.link("gone")], NOW, 10)
        assert [one.route for one in book.deliveries.claim(NOW, NOW + LEASE, 10)] == [Route.link("tay-ninh")]
        assert list(book.deliveries.claim(NOW, NOW + LEASE, 10)) == []


def test_mailboxes_that_do_not_answer_are_known_by_all_and_keep_their_time(ledger: SqlLedger) -> None:
    place, urgent = (Route.link("tay-ninh"), False), (Route.link("tay-ninh"), True)
    away, mute = Finding("EDX701", "127.0.0.1:5672//", "away"), Finding("EDX705", "127.0.0.1:5672//", "edx.down.x")

    def note(fallen: Mapping[Place, Finding], back: Collection[Place] | None, after: int) -> None:
        with ledger.book() as book:
            book.mailboxes.note_silences(fallen, back, NOW + after * MINUTE)

    note({place: away, urgent: away}, (), 0)
    note({place: mute}, [urgent], 1)  # another worker
    assert ledger.views.silences() == {place: Silence(mute, NOW)}
    note({urgent: mute}, (), 2)
    assert ledger.views.silences() == {place: Silence(mute, NOW), urgent: Silence(mute, NOW + 2 * MINUTE)}
    note({}, None, 3)
    assert ledger.views.silences() == {}
