"""The promises of ``ports.Ledger`` and ``ports.Book``, on SQLite and PostgreSQL."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta, timezone
from typing import Any

import pytest

from edxml_router.core.body import MemoryBody
from edxml_router.core.delivery.entries.facts import Grounds, envelope_facts
from edxml_router.core.delivery.entries.reasons import FACT, commitment
from edxml_router.core.delivery.journal import DELIVERY_EVENTS, Entry
from edxml_router.core.delivery.lifecycle import ENDS, Event, State, advance
from edxml_router.core.delivery.moves import change
from edxml_router.core.delivery.values import Delivery, Move, NewQuarantinedItem
from edxml_router.core.link.manifest import exact_instant
from edxml_router.core.link.route import Route
from edxml_router.core.link.wire import Hop, Receipt, ReceiptOutcome
from edxml_router.core.problems import Defect
from edxml_router.store.database.engine import writing
from edxml_router.store.ledger import SqlLedger
from edxml_router.store.quarantine.items import keep_items
from edxml_router.store.receipts import book as stored_receipts
from tests.contract.databases import LEASE, LIFETIME, NOW, Database, add, body, delivery, digest_of, envelope

SECOND = timedelta(seconds=1)


def move(one: Delivery, event: Event, **changes: Any) -> Move:
    after = advance(one.state, event)
    assert isinstance(after, State)
    return Move(one, event, after, **changes)


def apply(ledger: SqlLedger, *moves: Move) -> list[Move]:
    with ledger.book() as book:
        return list(book.deliveries.move(moves))


def standing(ledger: SqlLedger, *numbers: int) -> list[Delivery]:
    with ledger.book() as book:
        return list(book.deliveries.of(digest_of(body(number)) for number in numbers))


def claim(ledger: SqlLedger, limit: int = 10, after: timedelta = timedelta()) -> list[Delivery]:
    now = NOW + after
    with ledger.book() as book:
        return list(book.deliveries.claim(now, now + LEASE, limit))


# --- transactions ---


def test_a_book_that_raises_leaves_nothing(ledger: SqlLedger, database: Database) -> None:
    with pytest.raises(ZeroDivisionError), ledger.book() as book:
        book.envelopes.add([envelope()])
        book.bodies.add({envelope().digest: MemoryBody(body())})
        book.deliveries.add([delivery()])
        book.journal.note([Entry(NOW, "input.refused")])
        raise ZeroDivisionError
    for table in ("envelopes", "bodies", "deliveries", "journal"):
        assert database.count(table) == 0


def test_others_see_nothing_before_the_end(ledger: SqlLedger, database: Database) -> None:
    with ledger.book() as book:
        book.envelopes.add([envelope()])
        assert database.ledger().views.trace(envelope().digest) is None
    assert database.ledger().views.trace(envelope().digest) is not None


# --- envelopes and bodies ---


def test_an_envelope_comes_back_as_it_was(ledger: SqlLedger) -> None:
    plain = envelope(2, refers_to=(), remarks=(), hops=(), urgent=True, status_code="03")
    with ledger.book() as book:
        assert book.envelopes.add([envelope(), plain]) == {envelope().digest, plain.digest}
        assert book.envelopes.known([envelope().digest, "00" * 32]) == {envelope().digest: envelope()}
    with ledger.book() as book:
        assert book.envelopes.known([plain.digest, envelope().digest]) == {
            envelope().digest: envelope(),
            plain.digest: plain,
        }
        assert book.envelopes.known([]) == {}


def test_an_envelope_is_inserted_once_by_digest_and_once_by_identity(ledger: SqlLedger, database: Database) -> None:
    first, other = envelope(1), envelope(2)
    with ledger.book() as book:
        assert book.envelopes.add([first, first]) == {first.digest}
    with ledger.book() as book:
        same_identity = replace(other, identity=first.identity)
        assert book.envelopes.add([first, same_identity]) == set()
        assert book.envelopes.add([other]) == {other.digest}
        assert book.envelopes.add([]) == set()
    assert database.count("journal", "event = 'envelope.accepted'") == 2


def test_small_bodies_are_kept_in_the_row_and_large_ones_are_not(database: Database) -> None:
    ledger = database.ledger(inline_limit=50)
    small, large, larger = body(1, 50), body(2, 51), body(3, 10_000)
    with ledger.book() as book:
        book.bodies.add({digest_of(small): MemoryBody(small), digest_of(large): MemoryBody(large)})
        book.bodies.add({digest_of(small): MemoryBody(small)})
        book.bodies.add({digest_of(larger): MemoryBody(larger)})
        book.bodies.add({})
    rows = {row[0]: (row[1], row[2]) for row in database.rows("SELECT digest, size, data FROM bodies")}
    assert rows == {digest_of(small): (50, small), digest_of(large): (51, None), digest_of(larger): (10_000, None)}


# --- deliveries ---


def test_a_delivery_starts_queued(ledger: SqlLedger) -> None:
    [made] = add(ledger, delivery(urgent=True, generation=3))
    assert made == Delivery(
        id=made.id,
        digest=digest_of(body()),
        recipient="H53.01",
        state=State.QUEUED,
        route="link:tay-ninh",
        origin="office:van-phong-xa",
        generation=3,
        attempts=0,
        urgent=True,
        due_at=NOW,
        expires_at=NOW + LIFETIME,
        far_accepted=False,
        code="",
        detail="",
        updated_at=NOW,
        version=1,
    )


def test_a_pair_of_envelope_and_recipient_has_one_delivery(ledger: SqlLedger) -> None:
    add(ledger, delivery())
    second, third = delivery(recipient="H53.02"), delivery(recipient="H53.03")
    with ledger.book() as book:
        digest = second.digest
        assert book.deliveries.add([delivery(route="link:x"), second, second]) == {(digest, "H53.02")}
        assert book.deliveries.add([third]) == {(digest, "H53.03")}
        assert book.deliveries.add([]) == set()
    assert [one.recipient for one in standing(ledger, 1)] == ["H53.01", "H53.02", "H53.03"]
    assert standing(ledger, 1)[0].route == "link:tay-ninh"


def test_deliveries_are_found_by_number(ledger: SqlLedger) -> None:
    made = add(ledger, delivery(1), delivery(2), delivery(3))
    with ledger.book() as book:
        found = book.deliveries.numbered([made[2].id, made[0].id, 10**6])
        assert sorted(found, key=lambda one: one.id) == [made[0], made[2]]
        assert book.deliveries.numbered([]) == []


def test_what_a_peer_has_brought_is_summed_up(ledger: SqlLedger) -> None:
    with ledger.book() as book:
        for number in (1, 2, 3, 4):
            peer = "van-phong-xa" if number < 4 else "so-noi-vu"
            book.envelopes.add([envelope(number, accepted_at=NOW + number * SECOND, size=1000 + number, peer=peer)])
            book.deliveries.add([delivery(number, f"H53.{recipient}") for recipient in range(number)])
        assert book.envelopes.brought("van-phong-xa", NOW + SECOND) in {(2, 2005, 5), (3, 3006, 6)}
        assert book.envelopes.brought("van-phong-xa", NOW + SECOND * 1.5) == (2, 2005, 5)
        assert book.envelopes.brought("so-noi-vu", NOW) == (1, 1004, 4)
        assert book.envelopes.brought("ke-la", NOW) == (0, 0, 0)


def test_a_delivery_needs_its_envelope(ledger: SqlLedger) -> None:
    with pytest.raises(Defect), ledger.book() as book:
        book.deliveries.add([delivery()])


def test_many_recipients_fit_into_one_call(ledger: SqlLedger, database: Database) -> None:
    rows = [delivery(recipient=f"H53.{number}") for number in range(1, 2502)]
    assert len(add(ledger, *rows)) == 2501
    claimed = claim(ledger, 5000)
    assert len(claimed) == 2501
    assert len(apply(ledger, *(move(one, Event.HAND_OVER) for one in claimed))) == 2501
    assert database.count("journal") == 1 + 3 * 2501


# --- claim ---


def test_claiming_takes_a_lease(ledger: SqlLedger) -> None:
    [made] = add(ledger, delivery())
    [taken] = claim(ledger, after=SECOND)
    now = NOW + SECOND
    assert taken == replace(
        made, state=State.FORWARDING, attempts=1, due_at=now + LEASE, updated_at=now, version=made.version + 1
    )
    assert standing(ledger, 1) == [taken]
    assert claim(ledger, after=SECOND) == []
    assert claim(ledger, after=LEASE) == []
    [again] = claim(ledger, after=SECOND + LEASE)  # the lease is over: its holder is gone
    assert (again.id, again.attempts, again.version, again.lapses) == (made.id, 2, made.version + 2, 1)
    assert standing(ledger, 1) == [again]
    apply(ledger, move(again, Event.DEFER, due_at=again.due_at))
    assert [one.lapses for one in claim(ledger, after=SECOND + 2 * LEASE)] == [0]  # there was an outcome


def test_what_lapses_again_is_claimed_apart_from_others(ledger: SqlLedger) -> None:
    made = add(ledger, delivery(1), delivery(1, "H01"), delivery(2), delivery(2, "H01"))
    assert len(claim(ledger)) == 4
    assert {one.lapses for one in claim(ledger, after=2 * LEASE)} == {1}  # once may be anybody's restart
    [fresh] = add(ledger, delivery(3))
    first = claim(ledger, after=4 * LEASE)
    assert fresh.id in {one.id for one in first}
    first = [one for one in first if one.id != fresh.id]
    second = claim(ledger, after=4 * LEASE)
    assert [one.lapses for one in (*first, *second)] == [2, 2, 2, 2]
    for taken in (first, second):  # one letter is one transfer
        assert len({one.digest for one in taken}) == 1
    assert {one.id for one in (*first, *second)} == {one.id for one in made}


@pytest.mark.parametrize("state", list(State))
def test_who_is_due(ledger: SqlLedger, database: Database, state: State) -> None:
    [made] = add(ledger, delivery())
    database.run("UPDATE deliveries SET state = :state", state=state.value)
    due = state in {State.QUEUED, State.DEFERRED, State.FORWARDING}
    assert [one.id for one in claim(ledger)] == ([made.id] if due else [])


def test_claiming_takes_the_urgent_first_then_the_longest_due(ledger: SqlLedger) -> None:
    rows = [
        delivery(1, due_at=NOW),
        delivery(2, due_at=NOW - 2 * SECOND),
        delivery(3, due_at=NOW, urgent=True),
        delivery(4, due_at=NOW - SECOND, urgent=True),
        delivery(5, due_at=NOW + SECOND, urgent=True),
        delivery(6, due_at=NOW - SECOND, expires_at=NOW),
    ]
    made = add(ledger, *rows)
    assert [one.id for one in claim(ledger, 3)] == [made[3].id, made[2].id, made[1].id]
    assert [one.id for one in claim(ledger)] == [made[0].id]
    assert claim(ledger) == []


# --- expired ---


def test_expired_are_open_and_past_their_time(ledger: SqlLedger, database: Database) -> None:
    made = add(
        ledger,
        delivery(1, expires_at=NOW),
        delivery(2, expires_at=NOW + SECOND),
        delivery(3, expires_at=NOW - 9 * SECOND),
        delivery(4, expires_at=NOW - 10 * SECOND),
        delivery(5, expires_at=NOW - 11 * SECOND),
        delivery(6, expires_at=NOW - SECOND),
    )
    for one in made[3:5]:
        database.run("UPDATE deliveries SET far_accepted = true WHERE id = :id", id=one.id)
    database.run("UPDATE deliveries SET state = 'held' WHERE id = :id", id=made[5].id)
    with ledger.book() as book:
        over = book.deliveries.expired(NOW, NOW - 10 * SECOND, 10)
    assert [one.id for one in over] == [made[4].id, made[2].id, made[5].id, made[0].id]
    with ledger.book() as book:
        assert [one.id for one in book.deliveries.expired(NOW, NOW - 10 * SECOND, 1)] == [made[4].id]


@pytest.mark.parametrize("state", sorted(ENDS))
def test_what_has_ended_does_not_expire(ledger: SqlLedger, database: Database, state: State) -> None:
    add(ledger, delivery(expires_at=NOW))
    database.run("UPDATE deliveries SET state = :state", state=state.value)
    with ledger.book() as book:
        assert book.deliveries.expired(NOW + LIFETIME, NOW + LIFETIME, 10) == []


# --- move ---


def test_a_move_changes_what_it_names_and_keeps_the_rest(ledger: SqlLedger, database: Database) -> None:
    add(ledger, delivery())
    [taken] = claim(ledger)
    database.clock.at = NOW + SECOND
    later = NOW + timedelta(minutes=5)
    first = move(taken, Event.DEFER, due_at=later, code="EDX701", detail="connection refused")
    assert apply(ledger, first) == [first]
    [now] = standing(ledger, 1)
    assert now == replace(
        taken,
        state=State.DEFERRED,
        due_at=later,
        code="EDX701",
        detail="connection refused",
        updated_at=NOW + SECOND,
        version=taken.version + 1,
    )
    second = move(
        now,
        Event.RETRY,
        due_at=NOW,
        attempts=0,
        far_accepted=True,
        generation=2,
        origin="link:hoa-thanh",
        route="link:dong-nai",
        expires_at=NOW + 2 * LIFETIME,
        actor="operator:lan",
    )
    assert apply(ledger, second) == [second]
    assert standing(ledger, 1) == [
        replace(
            now,
            state=State.QUEUED,
            due_at=NOW,
            attempts=0,
            far_accepted=True,
            generation=2,
            origin="link:hoa-thanh",
            route="link:dong-nai",
            expires_at=NOW + 2 * LIFETIME,
            code="",
            detail="",
            version=now.version + 1,
        )
    ]


def test_a_move_from_an_old_version_is_left_out(ledger: SqlLedger) -> None:
    one, other = add(ledger, delivery(1), delivery(2))
    claim(ledger)
    before = standing(ledger, 1, 2)
    assert apply(ledger, move(one, Event.HOLD)) == []  # it knew the delivery as queued
    assert standing(ledger, 1, 2) == before
    stale, good = move(other, Event.HOLD), move(before[0], Event.HAND_OVER)
    assert apply(ledger, stale, good) == [good]
    assert apply(ledger) == []


def test_of_two_moves_of_one_delivery_the_first_is_applied(ledger: SqlLedger, database: Database) -> None:
    [made] = add(ledger, delivery())
    hold, cancel = move(made, Event.HOLD), move(made, Event.CANCEL)
    assert apply(ledger, hold, cancel) == [hold]
    assert standing(ledger, 1)[0].state is State.HELD
    assert database.count("journal", "event LIKE 'delivery.%'") == 2


def test_a_delivery_that_does_not_exist_is_left_out(ledger: SqlLedger) -> None:
    [made] = add(ledger, delivery())
    assert apply(ledger, move(replace(made, id=made.id + 1), Event.HOLD)) == []


# --- journal ---


def test_every_change_of_state_has_one_entry(ledger: SqlLedger, database: Database) -> None:
    """P4: as many entries of a delivery as its version counts changes, and one per envelope."""
    add(ledger, delivery(1), delivery(1, "H53.02"), delivery(2))
    for number, event in enumerate((Event.DEFER, Event.HAND_OVER, Event.HOLD)):
        apply(ledger, *(move(one, event) for one in claim(ledger, after=2 * number * LEASE)))
        apply(ledger, *(move(one, Event.RETRY) for one in standing(ledger, 1, 2) if one.state is State.FORWARDED))
    [held, *_] = standing(ledger, 1)
    apply(ledger, move(held, Event.RELEASE), move(held, Event.CANCEL))
    apply(ledger, move(held, Event.CANCEL))
    entries: dict[tuple[str, str], int] = {}
    for line in ledger.views.lines(event="delivery.", limit=1000):
        key = (line.entry.envelope, line.entry.recipient)
        entries[key] = entries.get(key, 0) + 1
    assert entries == {(one.digest, one.recipient): one.version for one in standing(ledger, 1, 2)}
    assert set(entries.values()) == {8, 9}
    assert database.count("journal", "event = 'envelope.accepted'") == database.count("envelopes")


def test_entries_tell_what_happened(ledger: SqlLedger, database: Database) -> None:
    add(ledger, delivery(), indication="indeterminate", reason="no signature; exception for xa until 2027-01-01")
    [taken] = claim(ledger)
    database.clock.at = NOW + SECOND
    apply(ledger, move(taken, Event.RETURN, code="EDX801", detail="sai thẩm quyền", actor="tay-ninh"))
    digest = digest_of(body())
    row, number = envelope(indication="indeterminate"), {"delivery": taken.id, "generation": 1}
    lasts = {"expires_at": exact_instant(NOW + LIFETIME)}
    [(salt, words)] = database.rows("SELECT salt, words FROM reasons")
    assert [line.entry for line in ledger.views.lines()] == [
        Entry(
            NOW,
            "envelope.accepted",
            digest,
            actor="van-phong-xa",
            detail="indeterminate: no signature; exception for xa until 2027-01-01",
            facts=envelope_facts(row, Grounds()),
        ),
        Entry(
            NOW,
            "delivery.queued",
            digest,
            "H53.01",
            after="queued",
            actor="office:van-phong-xa",
            detail="link:tay-ninh",
            facts={**number, **lasts},
        ),
        Entry(NOW, "delivery.claimed", digest, "H53.01", "queued", "forwarding", "node", "", "attempt 1", number),
        Entry(
            NOW + SECOND,
            "delivery.returned",
            digest,
            "H53.01",
            "forwarding",
            "returned",
            "tay-ninh",
            "EDX801",
            "",  # what the office wrote is committed to: it may name somebody
            {
                **number,
                "route": "link:tay-ninh",
                "ended_at": exact_instant(NOW + SECOND),
                FACT: commitment(bytes(salt), words),
            },
        ),
    ]
    assert words == "sai thẩm quyền"


def test_every_event_has_a_name_of_its_own() -> None:
    assert set(DELIVERY_EVENTS) == set(Event)
    assert len(set(DELIVERY_EVENTS.values())) == len(Event)


def test_notes_are_journalled_as_they_are(ledger: SqlLedger) -> None:
    hanoi = timezone(timedelta(hours=7))
    entry = Entry(NOW.astimezone(hanoi), "input.refused", "cd" * 32, actor="ke-la", code="EDX403", detail="ke-la")
    with ledger.book() as book:
        book.journal.note([entry, entry])
        book.journal.note([])
    assert [line.entry for line in ledger.views.lines()] == [entry, entry]


# --- receipts ---


def receipt(number: int = 1, outcome: ReceiptOutcome = ReceiptOutcome.CONFIRMED) -> Receipt:
    hops = (Hop("dong-nai", NOW), Hop("bien-hoa", NOW + SECOND))
    return Receipt(digest_of(body(number)), "H53.01", 1, outcome, NOW, "EDX801", "lý do", hops)


def test_receipts_are_handed_out_under_a_lease_until_they_are_sent(ledger: SqlLedger) -> None:
    with ledger.book() as book:
        book.receipts.add([("link:tay-ninh", receipt(1)), ("office:xa", receipt(2, ReceiptOutcome.RETURNED))])
        book.receipts.add([])
    with ledger.book() as book:
        first, second = book.receipts.unsent(NOW, NOW + LEASE, 10)
    assert first[1:] == ("link:tay-ninh", receipt(1))
    said = receipt(2, ReceiptOutcome.RETURNED)
    assert second[1:] == ("office:xa", replace(said, evidence=replace(said.evidence, complete=True)))  # nothing to sign
    with ledger.book() as book:
        assert book.receipts.unsent(NOW + LEASE - SECOND, NOW + 2 * LEASE, 10) == []
        book.receipts.sent([first[0]], NOW)
        book.receipts.sent([], NOW)
    with ledger.book() as book:
        assert book.receipts.unsent(NOW + LEASE, NOW + 2 * LEASE, 10) == [second]


def test_receipts_can_be_asked_for_by_route(ledger: SqlLedger) -> None:
    with ledger.book() as book:
        book.receipts.add([(Route.link(name), receipt(number)) for number, name in enumerate("abcab")])
    with ledger.book() as book:
        assert book.receipts.unsent(NOW, NOW + LEASE, 10, []) == []
        some = [Route.link("a"), Route.link("c")]
        assert [one[1].name for one in book.receipts.unsent(NOW, NOW + LEASE, 2, some)] == ["a", "c"]
        assert [one[1].name for one in book.receipts.unsent(NOW, NOW + LEASE, 10, some)] == ["a"]
        assert [one[1].name for one in book.receipts.unsent(NOW, NOW + LEASE, 10)] == ["b", "b"]


# --- refused input ---


def refused_input(data: bytes, **changes: Any) -> NewQuarantinedItem:
    return replace(NewQuarantinedItem(NOW, "ke-la", "amqp", "EDX101", "line 1", "not XML", MemoryBody(data)), **changes)


def test_refused_input_is_kept_within_the_quota(ledger: SqlLedger, database: Database) -> None:
    with ledger.book() as book:
        assert book.quarantine.keep(
            [refused_input(b"a" * 60), refused_input(b"b" * 60), refused_input(b"c" * 40)], 100
        ) == [True, False, True]
        assert book.quarantine.keep([refused_input(b"d")], 100) == [False]
        assert book.quarantine.keep([], 100) == []
    rows = database.rows("SELECT size, data FROM aside ORDER BY id")
    assert {(size, data and bytes(data)) for size, data in rows} == {
        (60, b"a" * 60),
        (60, None),
        (40, b"c" * 40),
        (1, None),
    }
    with ledger.book() as book:
        assert book.quarantine.keep([refused_input(b"b" * 60)], 200) == [True]  # there is room now
    assert database.count("aside", "data IS NOT NULL") == 3


def test_the_same_refused_input_is_counted(ledger: SqlLedger, database: Database) -> None:
    for seconds in range(3):
        with ledger.book() as book:
            again = refused_input(b"a", at=NOW + seconds * SECOND)
            assert book.quarantine.keep([again, again], 100) == [True, True]
    [(count, first, last)] = database.rows("SELECT count, at, last_at FROM aside")
    assert (count, last - first) == (6, 2_000_000)


def test_refused_input_has_a_limited_number_of_rows(ledger: SqlLedger, database: Database) -> None:
    items = [refused_input(b"%d" % number) for number in range(5)]
    with writing(ledger.engine) as connection:
        assert keep_items(connection, items, 100, rows=3) == [True, True, True, False, False]
        assert keep_items(connection, [items[4], items[0]], 100, rows=3) == [False, True]
    assert database.count("aside") == 3


def test_one_peer_does_not_fill_the_space_for_refused_input(ledger: SqlLedger, database: Database) -> None:
    """Nor do names that nobody knows, however many one invents."""
    peers = {"xa", "huyen"}
    with ledger.book() as book:
        flood = [refused_input(b"%04d" % number, peer="xa") for number in range(300)]
        assert sum(book.quarantine.keep(flood, 600, peers)) == 62  # pieces of 150: its certain 25, and half of 75
        strangers = [refused_input(b"s%03d" % number, peer=f"ten-{number}") for number in range(300)]
        assert sum(book.quarantine.keep(strangers, 600, peers)) == 44
        assert all(
            book.quarantine.keep([refused_input(b"h%03d" % number, peer="huyen") for number in range(25)], 600, peers)
        )
    with writing(ledger.engine) as connection:
        more = [refused_input(b"m%03d" % number, peer="huyen") for number in range(3)]
        assert keep_items(connection, more, 10**6, peers, rows=630) == [True] * 3
        assert not any(keep_items(connection, [refused_input(b"!", peer="xa")], 10**6, peers, rows=630))


def test_the_journal_names_so_many_of_a_peers_oddities_an_hour_and_counts_the_rest(
    ledger: SqlLedger, database: Database
) -> None:
    def odd(actor: str, count: int, seconds: int) -> None:
        ledger.clock.at = NOW + seconds * SECOND  # type: ignore[attr-defined]
        with ledger.book() as book:
            book.journal.note_odd(
                [Entry(NOW, "input.quarantined", actor=actor, code="EDX704")] * count, 10, {"xa", "huyen"}
            )

    def told(actor: str) -> tuple[int, list[str]]:
        lines = [line.entry for line in ledger.views.lines(actor=actor, limit=1000)]
        counted = [line.detail for line in lines if line.event == "input.counted" and line.code == "EDX413"]
        return len(lines) - len(counted), counted

    for second in range(100):
        odd("xa", 7, second)
    assert told("xa") == (10, ["more than 10 within an hour: counted from here on"])
    assert [(peer, more) for peer, _, more in ledger.views.counted_input(ledger.clock.now())] == [("xa", 690)]
    odd("huyen", 3, 100)
    assert told("huyen") == (3, [])
    for number in range(30):
        odd(f"la-{number}", 1, 101)  # names cost nothing: all strangers have one allowance
    counted = [line.entry.actor for line in ledger.views.lines(event="input.counted")]
    assert (sum(told(f"la-{number}")[0] for number in range(30)), counted) == (10, ["xa", ""])
    odd("xa", 1, 3601)
    assert told("xa") == (11, [told("xa")[1][0], f"690 more since {NOW:%Y-%m-%d %H:%M} UTC"])
    assert "xa" not in {peer for peer, _, _ in ledger.views.counted_input(ledger.clock.now())}


# --- receipts that others ask for ---


def test_a_fact_has_one_receipt_however_often_it_is_asked_for(ledger: SqlLedger, database: Database) -> None:
    add(ledger, delivery(1))
    first = replace(receipt(1), outcome=ReceiptOutcome.CONFIRMED)
    for second in range(3):
        with ledger.book() as book:
            again = replace(first, at=NOW + second * SECOND)
            assert book.receipts.add_answers([("link:xa", again), ("link:xa", again)]) == 0
        with ledger.book() as book:
            [(number, _, told)] = book.receipts.unsent(NOW + second * LEASE, NOW + second * LEASE, 10)
            assert told == first  # with the time of the fact
            book.receipts.sent([number], NOW)
    assert database.count("receipts") == 1


def test_receipts_about_nothing_go_once_they_are_sent(ledger: SqlLedger, database: Database) -> None:
    add(ledger, delivery(1))
    nothing = receipt(2, ReceiptOutcome.UNKNOWN)
    told = [
        receipt(1),
        nothing,
        replace(nothing, outcome=ReceiptOutcome.RETURNED),  # a transfer that was refused
        replace(receipt(1, ReceiptOutcome.RETURNED), recipient="H99", code="EDX401"),  # whom a neighbour added
        replace(receipt(1, ReceiptOutcome.RETURNED), recipient="H53.09", code="EDX501"),  # whom the sender named
    ]
    with ledger.book() as book:
        book.receipts.add_answers([("link:xa", one) for one in told])
    with ledger.book() as book:
        waiting = book.receipts.unsent(NOW, NOW + LEASE, 10)
        assert len(waiting) == 5
        book.receipts.sent([number for number, _, _ in waiting], NOW)
    assert database.rows("SELECT recipient, outcome FROM receipts ORDER BY id") == [
        ("H53.01", "confirmed"),
        ("H53.09", "returned"),
    ]


def test_so_many_answers_about_nothing_wait_for_one_neighbour(
    ledger: SqlLedger, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stored_receipts, "ANSWERS", 10)
    with ledger.book() as book:
        asked = [("link:xa", receipt(number, ReceiptOutcome.UNKNOWN)) for number in range(1, 9)]
        assert book.receipts.add_answers(asked) == 0
    with ledger.book() as book:
        more = [("link:xa", receipt(number, ReceiptOutcome.UNKNOWN)) for number in range(9, 14)]
        more += [("link:xa", receipt(20)), ("link:huyen", receipt(1, ReceiptOutcome.UNKNOWN))]
        assert book.receipts.add_answers(more) == 3
    assert database.count("receipts") == 12
    with ledger.book() as book:  # what nobody can ask for is never left out
        book.receipts.add([("link:xa", receipt(number, ReceiptOutcome.RETURNED)) for number in range(30, 50)])
    assert database.count("receipts") == 32


def test_ordinary_mail_has_a_share_of_what_is_claimed(ledger: SqlLedger) -> None:
    recipients = [f"H53.{number}" for number in range(60)]
    with ledger.book() as book:
        book.envelopes.add([envelope(1)])
        book.deliveries.add([delivery(1, one, urgent=number >= 5) for number, one in enumerate(recipients)])
    with ledger.book() as book:
        first = [one.urgent for one in book.deliveries.claim(NOW, NOW + LEASE, 20)]
        assert first == [True] * 18 + [False] * 2
        assert [one.urgent for one in book.deliveries.claim(NOW, NOW + LEASE, 2)] == [True, False]
        rest = [one.urgent for one in book.deliveries.claim(NOW, NOW + LEASE, 100)]
        assert (rest.count(True), rest.count(False)) == (36, 2)


def test_mail_that_makes_no_attempt_is_found_where_it_lies(ledger: SqlLedger, database: Database) -> None:
    """What lies in an inbox, and what was handed back; by it an agency that has moved is known to have been there."""
    offered, handed_back, *_ = add(
        ledger, delivery(1, "H53.01", route="office:vp"), delivery(2, "H53.02"), delivery(3, "H53.03")
    )
    claim(ledger)
    with ledger.book() as book:
        [first, second] = book.deliveries.numbered([offered.id, handed_back.id])
        moves = [change(first, Event.OFFER, due_at=NOW), change(second, Event.RETRY, due_at=NOW, code="EDX508")]
        assert len(book.deliveries.move(moves)) == 2
    with ledger.book() as book:
        assert sorted(book.moved.places()) == [("H53.01", "office:vp"), ("H53.02", "link:tay-ninh")]
        assert book.moved.placed("H53.01", "office:vp", 10) == [offered.id]
        assert book.moved.placed("H53.01", "link:tay-ninh", 10) == []
        assert [book.moved.found_before(f"H53.0{number}") for number in (1, 2, 3, 4)] == [True, True, False, False]
