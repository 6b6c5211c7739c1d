"""What operators and auditors are told, on both databases."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from edxml_router.core.body import MemoryBody
from edxml_router.core.delivery.lifecycle import Event, State, advance
from edxml_router.core.delivery.values import EnvelopeRow, Move, NewQuarantinedItem
from edxml_router.core.delivery.views import Notice, QuarantinedItem, Shape
from edxml_router.core.link.statement import OWN
from edxml_router.core.link.wire import Receipt, ReceiptOutcome
from edxml_router.store.journal.sequencer import number_entries
from edxml_router.store.ledger import SqlLedger
from edxml_router.store.quarantine import queries
from tests.contract.databases import LEASE, NOW, Database, body, delivery, digest_of, envelope

MINUTE = timedelta(minutes=1)


def accept(ledger: SqlLedger, count: int = 5) -> None:
    """Envelopes 1 … count, a minute apart; even ones of another sender; two recipients each."""
    with ledger.book() as book:
        for index in range(1, count + 1):
            sender = "H53.31.22" if index % 2 else "H19.02"
            book.envelopes.add([envelope(index, accepted_at=NOW + index * MINUTE, sender=sender)])
            book.deliveries.add([delivery(index), delivery(index, "H53.02", route="office:so-noi-vu")])


def advance_to(ledger: SqlLedger, index: int, recipient: str, *happening: Event, code: str = "") -> None:
    for event in happening:
        with ledger.book() as book:
            [one] = [each for each in book.deliveries.of([digest_of(body(index))]) if each.recipient == recipient]
            after = advance(one.state, event)
            assert isinstance(after, State)
            assert book.deliveries.move([Move(one, event, after, code=code)])


def found(ledger: SqlLedger, **wanted: Any) -> list[int]:
    """The numbers of the envelopes found."""
    return [int(one.envelope.document_id.split(",")[-1].split("/")[0])
            for one in ledger.views.find_envelopes(**wanted)]  # fmt: skip


# --- envelopes ---


def test_envelopes_are_found_by_what_is_known_of_them(ledger: SqlLedger) -> None:
    accept(ledger)
    advance_to(ledger, 2, "H53.02", Event.CLAIM, Event.OFFER)
    advance_to(ledger, 3, "H53.01", Event.RETURN, code="EDX505")
    assert found(ledger) == [5, 4, 3, 2, 1]
    assert found(ledger, sender="H19.02") == [4, 2]
    assert found(ledger, document_id=envelope(3).document_id) == [3]
    for length in (4, 20, 64):
        assert found(ledger, digest=envelope(3).digest[:length]) == [3]
    assert found(ledger, recipient="H53.02") == [5, 4, 3, 2, 1]
    assert found(ledger, recipient="H53.03") == []
    assert found(ledger, state=State.AVAILABLE) == [2]
    assert found(ledger, state=State.AVAILABLE, recipient="H53.01") == []
    assert found(ledger, code="EDX505") == [3]
    assert found(ledger, since=NOW + 2 * MINUTE, until=NOW + 4 * MINUTE) == [3, 2]
    assert found(ledger, sender="H53.31.22", since=NOW + 2 * MINUTE, limit=1) == [5]


def test_an_envelope_is_found_with_its_outcome(ledger: SqlLedger) -> None:
    accept(ledger, 1)
    advance_to(ledger, 1, "H53.02", Event.CONFIRM)
    [one] = ledger.views.find_envelopes()
    assert one.envelope == envelope(1, accepted_at=NOW + MINUTE)
    assert one.states == {State.QUEUED: 1, State.CONFIRMED: 1}
    assert one.outcome == "open"
    advance_to(ledger, 1, "H53.01", Event.CANCEL)
    assert ledger.views.find_envelopes()[0].outcome == "mixed"


def test_pages_of_envelopes_follow_without_gap_or_repeat(ledger: SqlLedger) -> None:
    with ledger.book() as book:  # all at the same instant
        book.envelopes.add([envelope(index) for index in range(1, 8)])
    page = ledger.views.find_envelopes(limit=3)
    seen = list(page)
    while page:
        page = ledger.views.find_envelopes(limit=3, before=seen[-1].key)
        seen += page
    assert len(seen) == 7
    assert {one.envelope.digest for one in seen} == {envelope(index).digest for index in range(1, 8)}


# --- deliveries ---


def test_deliveries_are_listed_by_state_route_and_age(ledger: SqlLedger) -> None:
    accept(ledger, 3)
    advance_to(ledger, 1, "H53.01", Event.HOLD)
    advance_to(ledger, 2, "H53.02", Event.CONFIRM)
    everything = ledger.views.list_deliveries()
    assert [(one.recipient, one.state) for one in everything] == [
        ("H53.01", State.HELD),
        ("H53.02", State.QUEUED),
        ("H53.01", State.QUEUED),
        ("H53.01", State.QUEUED),
        ("H53.02", State.QUEUED),
    ]
    assert ledger.views.list_deliveries(states=[State.HELD]) == everything[:1]
    assert ledger.views.list_deliveries(route="office:so-noi-vu") == [everything[1], everything[4]]
    assert ledger.views.list_deliveries(recipient="H53.01", accepted_before=NOW + 2 * MINUTE) == everything[:1]
    assert [one.state for one in ledger.views.list_deliveries(digest=envelope(2).digest)] == ["queued", "confirmed"]
    assert [one.state for one in ledger.views.list_deliveries(states=[State.CONFIRMED])] == ["confirmed"]
    first = ledger.views.list_deliveries(limit=3)
    assert [*first, *ledger.views.list_deliveries(after=first[-1].id, limit=3)] == everything
    story = ledger.views.story(everything[2].id)
    assert story is not None
    assert story.delivery == everything[2]
    assert ledger.views.story(10**6) is None


def test_counts_and_shape(ledger: SqlLedger) -> None:
    assert ledger.views.shape(NOW) == []
    accept(ledger, 5)
    advance_to(ledger, 1, "H53.01", Event.CONFIRM)
    counts = ledger.views.counts()
    assert (counts[State.QUEUED], counts[State.CONFIRMED], counts[State.HELD]) == (9, 1, 0)
    assert sum(counts.values()) == 10
    # Accepted 1 … 5 minutes after NOW: now 9 … 5 minutes old, of which 5 is in the second bucket, not the third.
    [offices, links] = ledger.views.shape(NOW + 10 * MINUTE)
    assert offices == Shape("office:so-noi-vu", (0, 0, 5, *(0,) * 8))
    assert links == Shape("link:tay-ninh", (0, 0, 4, *(0,) * 8))
    assert ledger.views.shape(NOW + 3 * MINUTE)[0].ages == (3, 2, *(0,) * 9)
    old = ledger.views.shape(NOW + timedelta(days=2))[0]
    assert (old.ages[-1], old.total) == (5, 5)


def test_an_inbox_holds_what_lies_ready_for_its_agencies(ledger: SqlLedger) -> None:
    accept(ledger, 4)
    for index in (1, 3, 4):
        advance_to(ledger, index, "H53.02", Event.CLAIM, Event.OFFER)
    advance_to(ledger, 2, "H53.01", Event.CLAIM, Event.OFFER)
    advance_to(ledger, 4, "H53.02", Event.CONFIRM)
    ready = ledger.views.inbox(["H53.02", "H53.07"])
    assert [one.envelope for one in ready] == [
        envelope(1, accepted_at=NOW + MINUTE),
        envelope(3, accepted_at=NOW + 3 * MINUTE),
    ]
    assert [one.delivery.state for one in ready] == [State.AVAILABLE] * 2
    assert ledger.views.inbox(["H53.02"], after=ready[0].delivery.id) == ready[1:]
    assert ledger.views.inbox(["H53.02"], limit=1) == ready[:1]
    assert len(ledger.views.inbox(["H53.01", "H53.02"])) == 3
    assert ledger.views.inbox([]) == []


# --- journal ---


def test_the_journal_is_read_by_subject_and_time(ledger: SqlLedger, database: Database) -> None:
    accept(ledger, 2)
    database.clock.at = NOW + 10 * MINUTE
    advance_to(ledger, 1, "H53.01", Event.RETURN, code="EDX505")

    def told(**wanted: Any) -> list[str]:
        return [line.entry.event for line in ledger.views.lines(**wanted)]

    assert told() == ["envelope.accepted", "delivery.queued", "delivery.queued"] * 2 + ["delivery.returned"]
    assert told(event="delivery.returned") == ["delivery.returned"]
    assert told(event="delivery.") == ["delivery.queued"] * 4 + ["delivery.returned"]
    assert told(envelope=envelope(2).digest, event="envelope.") == ["envelope.accepted"]
    assert told(recipient="H53.01") == ["delivery.queued"] * 2 + ["delivery.returned"]
    assert told(code="EDX505") == ["delivery.returned"]
    assert told(actor="office:van-phong-xa", limit=3) == ["delivery.queued"] * 3
    exact = NOW.replace(microsecond=456_000)  # entries are exact to the millisecond
    assert told(since=exact + 10 * MINUTE) == ["delivery.returned"]
    assert told(since=exact + MINUTE, until=exact + 2 * MINUTE) == ["envelope.accepted"]
    page = ledger.views.lines(limit=4)
    assert len(page) == 4
    assert len(ledger.views.lines(after=page[-1].number)) == 3


def test_a_trace_tells_everything_about_an_envelope(ledger: SqlLedger) -> None:
    accept(ledger, 2)
    advance_to(ledger, 1, "H53.01", Event.CLAIM, Event.CONFIRM)
    digest = envelope(1).digest
    receipts = [
        Receipt(digest, recipient, 1, ReceiptOutcome.CONFIRMED, NOW, hops=envelope(1).hops)
        for recipient in ("H53.01", "H53.02")
    ]
    with ledger.book() as book:
        book.receipts.add([("link:x", receipts[0]), ("office:y", receipts[1])])
        book.receipts.sent([1], NOW + MINUTE)
    number_entries(ledger)
    whole = ledger.views.trace(digest)
    assert whole is not None
    assert whole.envelope.digest == digest
    assert [one.recipient for one in whole.deliveries] == ["H53.01", "H53.02"]
    assert [line.entry.event for line in whole.lines] == [
        "envelope.accepted",
        "delivery.queued",
        "delivery.queued",
        "delivery.claimed",
        "delivery.confirmed",
    ]
    assert [line.position for line in whole.lines] == [0, 1, 2, 6, 7]
    assert whole.receipts == [
        Notice(1, "link:x", receipts[0], NOW + MINUTE),
        Notice(2, "office:y", replace(receipts[1], evidence=replace(OWN, complete=True)), None),  # nobody signs it
    ]
    one = ledger.views.trace(digest, "H53.02")
    assert one is not None
    assert [line.entry.event for line in one.lines] == ["envelope.accepted", "delivery.queued"]
    assert [each.recipient for each in one.deliveries] == ["H53.02"]
    assert [each.receipt.recipient for each in one.receipts] == ["H53.02"]
    cut = ledger.views.trace(digest, limit=2)
    assert cut is not None and len(cut.lines) == 2
    assert ledger.views.trace("00" * 32) is None


def test_the_story_of_a_delivery(ledger: SqlLedger) -> None:
    accept(ledger, 1)
    advance_to(ledger, 1, "H53.02", Event.CLAIM, Event.OFFER)
    [_, theirs] = ledger.views.list_deliveries()
    story = ledger.views.story(theirs.id)
    assert story is not None
    assert (story.delivery, story.envelope.digest) == (theirs, envelope(1).digest)
    assert [line.entry.event for line in story.lines] == ["delivery.queued", "delivery.claimed", "delivery.offered"]
    assert ledger.views.story(10**6) is None


def test_notices_wait_for_an_office(ledger: SqlLedger) -> None:
    told = Receipt(envelope(1).digest, "H53.01", 1, ReceiptOutcome.EXPIRED, NOW, "EDX802")
    with ledger.book() as book:
        book.receipts.add([("office:xa", told), ("link:x", told), ("office:xa", replace(told, recipient="H53.02"))])
        book.receipts.unsent(NOW, NOW + LEASE, 1)  # a lease does not hide them
    notes = ledger.views.notices("office:xa")
    assert [note.receipt.recipient for note in notes] == ["H53.01", "H53.02"]
    assert ledger.views.notices("office:xa", after=notes[0].number) == notes[1:]
    with ledger.book() as book:
        book.receipts.sent([notes[0].number], NOW)
    assert ledger.views.notices("office:xa") == notes[1:]


# --- refused input ---


def test_refused_input_is_listed_shown_and_removed(ledger: SqlLedger) -> None:
    with ledger.book() as book:
        book.quarantine.keep(
            [NewQuarantinedItem(NOW, "ke-la", "amqp", "EDX101", "line 1", "not XML", MemoryBody(b"<<"))], 2
        )
        book.quarantine.keep(
            [NewQuarantinedItem(NOW + MINUTE, "xa", "cli", "EDX403", "", "xa", MemoryBody(b"beyond the quota"))], 2
        )
        book.quarantine.keep(
            [NewQuarantinedItem(NOW + MINUTE, "ke-la", "amqp", "EDX101", "line 1", "not XML", MemoryBody(b"<<"))], 2
        )
    first, second = ledger.views.list_quarantined()
    assert first == QuarantinedItem(
        first.number, NOW, "ke-la", "amqp", "EDX101", "line 1", "not XML", digest_of(b"<<"), 2, 2, NOW + MINUTE, "",
        kept=True,
    )  # fmt: skip
    assert (second.kept, second.size, second.count) == (False, 16, 1)
    assert ledger.views.list_quarantined(code="EDX403") == [second]
    assert ledger.views.list_quarantined(peer="ke-la") == [first]
    assert ledger.views.list_quarantined(after=first.number) == [second]
    assert ledger.views.one_quarantined(first.number) == (first, b"<<")
    assert ledger.views.one_quarantined(second.number) == (second, None)
    with ledger.book() as book:
        assert queries.remove(book, [first.number, first.number, 10**6], "operator:lan", NOW) == [first.number]
    assert ledger.views.list_quarantined() == [second]
    assert ledger.views.one_quarantined(first.number) is None
    [line] = ledger.views.lines(event="quarantine.removed")
    assert (line.entry.actor, line.entry.code) == ("operator:lan", "EDX101")


def test_another_fault_of_the_same_bytes_is_an_item_of_its_own(ledger: SqlLedger, database: Database) -> None:
    one = NewQuarantinedItem(NOW, "xa", "amqp", "EDX301", "Signature", "", MemoryBody(b"the same"))
    others = [replace(one, code="EDX309"), replace(one, peer="ke-la"), one]
    with ledger.book() as book:
        assert book.quarantine.keep([one], 10) == [True]
        assert book.quarantine.keep(others, 10) == [True, True, True]  # stored once, so it fits
    items = ledger.views.list_quarantined()
    assert sorted((item.peer, item.code, item.count, item.kept) for item in items) == [
        ("ke-la", "EDX301", 1, True),
        ("xa", "EDX301", 2, True),
        ("xa", "EDX309", 1, True),
    ]
    assert database.count("aside", "data IS NOT NULL") == 1
    with ledger.book() as book:
        assert {number: bytes(data) for number, _, data in book.quarantine.kept(["EDX309"], 0, 10)} == {
            item.number: b"the same" for item in items if item.code == "EDX309"
        }
        book.quarantine.take_back([items[0].number])
    left = [item for item in items if item != items[0]]
    assert ledger.views.list_quarantined() == left
    assert {ledger.views.one_quarantined(item.number) for item in left} == {(item, b"the same") for item in left}
    with ledger.book() as book:
        assert queries.remove(book, [left[0].number], "operator:lan", NOW) == [left[0].number]
    assert ledger.views.one_quarantined(left[1].number) == (left[1], b"the same")
    with ledger.book() as book:
        assert queries.remove(book, [left[1].number], "operator:lan", NOW) == [left[1].number]
    assert database.count("aside") == 0


def test_refused_input_is_found_by_its_document(ledger: SqlLedger) -> None:
    unread = NewQuarantinedItem(NOW, "xa", "cli", "EDX102", "", "", MemoryBody(b"much"))
    with ledger.book() as book:
        book.quarantine.keep(
            [NewQuarantinedItem(NOW, "xa", "cli", "EDX301", "", "", MemoryBody(b"a"), "cafe0123"), unread], 100
        )
        book.quarantine.keep([replace(unread, document_id="H53-2"), replace(unread, code="EDX101")], 100)
    first, second, third = sorted(ledger.views.list_quarantined(), key=lambda item: (item.size, item.number))
    assert (first.document_id, second.document_id, second.count) == ("cafe0123", "H53-2", 2)
    for text, items in (
        ("cafe0123", [first]),  # a DocumentId that looks like the beginning of a digest
        ("CAFE0123", []),
        ("H53-2", [second, third]),  # the same bytes, with a fault that left them unread
        (digest_of(b"a"), [first]),
        (digest_of(b"much")[:8].upper(), [second, third]),
        ("H53-3", []),
    ):
        assert ledger.views.list_quarantined(document=text) == items


def test_a_document_is_told_what_changed_it(ledger: SqlLedger) -> None:
    """By its own sender, and by exactly its id; what has not the right id in it is not even looked at."""
    awkward = 'H53,"100%"_\\'
    original = envelope(1, document_id=awkward)

    def acting(index: int, **fields: object) -> EnvelopeRow:
        at = {"accepted_at": NOW + index * MINUTE, "business": 1, "refers_to": ("x", awkward), **fields}
        return replace(envelope(index), **at)  # type: ignore[arg-type]

    with ledger.book() as book:
        book.envelopes.add([
            original, acting(4, business=3), acting(2), acting(3, sender="H19.02"), acting(5, business=0),
            acting(6, refers_to=(awkward.lower(),)), acting(7, refers_to=(awkward + "x",)),
        ])  # fmt: skip
        book.deliveries.add([delivery(2)])
    assert [(one.envelope.business, one.outcome) for one in ledger.views.changes(original)] == [
        (1, "open"), (3, "empty")
    ]  # fmt: skip
    assert ledger.views.changes(envelope(2)) == []


# --- speed does not depend on the size of the ledger ---


@pytest.mark.parametrize(
    ("query", "index"),
    [
        ("SELECT * FROM deliveries WHERE state IN ('queued', 'forwarding', 'deferred') AND urgent = true "
         "AND due_at <= 5 AND expires_at > 5 ORDER BY due_at LIMIT 100", "deliveries_due"),
        ("SELECT * FROM deliveries WHERE state NOT IN ('confirmed', 'returned', 'expired', 'cancelled') "
         "AND expires_at <= 5 ORDER BY expires_at LIMIT 100", "deliveries_expiry"),
        ("SELECT * FROM deliveries WHERE recipient IN ('a', 'b') AND state = 'available' AND id > 5 LIMIT 100",
         "deliveries_recipient"),
        ("SELECT * FROM journal WHERE envelope = 'abc' AND envelope <> '' ORDER BY id", "journal_envelope"),
        ("SELECT * FROM journal WHERE envelope BETWEEN 'abc' AND 'abcg' AND envelope <> ''", "journal_envelope"),
        ("SELECT * FROM envelopes WHERE business <> 0 AND sender = 'H53' ORDER BY accepted_at", "envelopes_changes"),
        ("SELECT * FROM aside WHERE document_id = 'x' AND document_id <> ''", "aside_document_id"),
        ("SELECT id FROM journal WHERE position IS NULL ORDER BY id LIMIT 10", "journal_unnumbered"),
        ("SELECT max(position) FROM journal WHERE position IS NOT NULL", "journal_position"),
        ("SELECT id FROM receipts WHERE sent_at IS NULL AND origin = 'link:x' ORDER BY id", "receipts_unsent"),
    ],
)  # fmt: skip
def test_hot_queries_go_by_their_index(database: Database, query: str, index: str) -> None:
    if database.is_sqlite:
        plan = str(database.rows(f"EXPLAIN QUERY PLAN {query}"))
    else:  # on an empty table PostgreSQL would rather read it whole
        plan = str(database.run("SET LOCAL enable_seqscan = off", f"EXPLAIN {query}"))
    assert index in plan
