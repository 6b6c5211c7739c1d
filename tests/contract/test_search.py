"""Questions to the journal by what its entries say, on both databases: with the index, and where there is none yet."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import delete, insert, select, update

from edxml_router.core.delivery.entries import terms
from edxml_router.core.delivery.entries.facts import Grounds
from edxml_router.core.delivery.entries.terms import Question
from edxml_router.core.delivery.journal import Entry
from edxml_router.core.delivery.lifecycle import Event, State, advance
from edxml_router.core.delivery.values import Move
from edxml_router.core.problems import Setback
from edxml_router.services.asking import questions
from edxml_router.services.asking.questions import JournalQuery
from edxml_router.store.database.engine import writing
from edxml_router.store.journal.sequencer import number_entries
from edxml_router.store.ledger import SqlLedger
from edxml_router.store.search.blocks import index_blocks
from edxml_router.store.search.table import BLOCK, packed, places_in, postings, unpacked
from tests.contract.databases import NOW, Database, body, delivery, digest_of, envelope
from tests.contract.test_log import tamper

MINUTE = timedelta(minutes=1)
SENDERS = ("H53.31.22", "H53.02", "H19.02")


def fill(ledger: SqlLedger, blocks: int = 1, letters: int = 12) -> None:
    """Letters at even distances among entries that say nothing of them, until so many blocks are full and a bit."""
    filler = (blocks * BLOCK + BLOCK // 8) // letters
    for index in range(1, letters + 1):
        at = NOW + index * MINUTE
        sender, number = SENDERS[index % 3], f"{index}/QĐ-UBND"
        with ledger.book() as book:
            row = envelope(index, sender=sender, accepted_at=at, document_id=f"{sender},2026/11/22,{number}")
            row = replace(row, document_key=row.document_id, kind="status" if index % 4 == 0 else "document")
            book.envelopes.add([replace(row, signer=f"{index % 2}" * 64)])
            book.deliveries.add([delivery(index), delivery(index, "H53.01.7", route="office:vp")])
            book.journal.note([Entry(at, "clock.agrees", actor="tay-ninh") for _ in range(filler)])
        if index % 3 == 0:
            move(ledger, index, Event.RETURN, "EDX505")
    number_entries(ledger)


def move(ledger: SqlLedger, index: int, event: Event, code: str = "") -> None:
    with ledger.book() as book:
        [one] = [each for each in book.deliveries.of([digest_of(body(index))]) if each.recipient == "H53.01"]
        after = advance(one.state, event)
        assert isinstance(after, State)
        book.deliveries.move([Move(one, event, after, code=code, actor="link:xa")])


def told(ledger: SqlLedger, **wanted: Any) -> list[int]:
    """The places of the entries that answer."""
    question = questions.made(ledger.views, JournalQuery(**wanted))
    found = [line.position for page in questions.pages(ledger.views, question) for line in page]
    assert questions.how_many(ledger.views, question) == len(found)
    return [position for position in found if position is not None]


def test_entries_are_found_by_what_they_say_and_what_they_are_about(ledger: SqlLedger) -> None:
    fill(ledger)
    assert index_blocks(ledger.engine) == 1
    assert index_blocks(ledger.engine) == 0
    sender_of = {digest_of(body(index)): SENDERS[index % 3] for index in range(1, 13)}
    index_of = {digest_of(body(index)): index for index in range(1, 13)}
    everything = ledger.views.lines(limit=100_000)

    def scanned(test: Any) -> list[int]:
        return [line.position or 0 for line in everything if test(line.entry)]

    def about(chosen: Any) -> list[int]:
        return scanned(lambda entry: entry.envelope in index_of and chosen(index_of[entry.envelope]))

    assert told(ledger, event="delivery.") == scanned(lambda entry: entry.event.startswith("delivery."))
    assert told(ledger, event="delivery.returned") == told(ledger, state=State.RETURNED) != []
    assert told(ledger, code="EDX505") == scanned(lambda entry: entry.code == "EDX505")
    assert told(ledger, actor="link:xa") == scanned(lambda entry: entry.actor == "link:xa") != []
    assert told(ledger, peer="vp") == scanned(lambda entry: entry.detail == "office:vp") != []
    assert told(ledger, recipient="H53.01") == scanned(lambda entry: entry.recipient == "H53.01")
    assert told(ledger, recipient="H53.01.") == scanned(lambda entry: entry.recipient.startswith("H53.01"))
    assert told(ledger, sender="H19.02") == scanned(lambda entry: sender_of.get(entry.envelope) == "H19.02")
    assert told(ledger, sender="H53.") == about(lambda index: index % 3 != 2)
    assert told(ledger, kind="status") == about(lambda index: index % 4 == 0)
    assert told(ledger, signer="1111") == told(ledger, signer="1" * 64) == about(lambda index: index % 2)
    assert told(ledger, number="7/qd-ubnd") == about(lambda index: index == 7)
    assert told(ledger, number="1/") == about(lambda index: index == 1)
    assert told(ledger, document=digest_of(body(5))) == about(lambda index: index == 5)
    assert told(ledger, agencies=["H19.02", "H53.01.7"]) == scanned(
        lambda entry: entry.recipient == "H53.01.7" or sender_of.get(entry.envelope) == "H19.02"
    )
    both = told(ledger, sender="H53.31.22", event="delivery.", recipient="H53.01", code="EDX505")
    assert both == [one for one in told(ledger, sender="H53.31.22") if one in told(ledger, code="EDX505")] != []
    assert told(ledger, sender="H53.99") == told(ledger, signer="2222") == []
    since, until = NOW + 3 * MINUTE, NOW + 9 * MINUTE
    assert told(ledger, since=since, until=until) == scanned(lambda entry: since <= entry.at < until) != []
    accepted = scanned(lambda entry: entry.event == "envelope.accepted" and since <= entry.at < until)
    assert told(ledger, since=since, until=until, event="envelope.accepted") == accepted
    assert ledger.views.entry_counts(Question((), since, until), terms.SENDER) == {
        "H53.": 4, "H53.31.": 2, "H53.31.22": 2, "H53.02": 2, "H19.": 2, "H19.02": 2,
    }  # fmt: skip


def test_what_is_not_indexed_yet_is_found_all_the_same(ledger: SqlLedger) -> None:
    fill(ledger)
    questions_asked: tuple[dict[str, Any], ...] = (
        {},
        {"sender": "H53.", "recipient": "H53.01"},
        {"number": "7/", "event": "delivery."},
        {"since": NOW + 3 * MINUTE, "until": NOW + 9 * MINUTE, "signer": "1111"},
    )
    before = [told(ledger, **asked) for asked in questions_asked]
    assert all(before)
    assert index_blocks(ledger.engine) == 1
    assert [told(ledger, **asked) for asked in questions_asked] == before


def test_counts_by_a_field_are_those_of_the_entries(ledger: SqlLedger) -> None:
    fill(ledger)
    index_blocks(ledger.engine)
    everything = ledger.views.lines(limit=100_000)
    for name in (terms.EVENT, terms.CODE, terms.ACTOR, terms.RECIPIENT):
        counted: dict[str, int] = {}
        for line in everything:
            value = getattr(line.entry, name)
            if value:
                counted[value] = counted.get(value, 0) + 1
        found = ledger.views.entry_counts(Question(), name)
        assert {value: number for value, number in found.items() if not value.endswith(".")} == counted


def test_who_goes_on_behind_a_place_sees_all_and_nothing_twice(ledger: SqlLedger) -> None:
    fill(ledger)
    index_blocks(ledger.engine)
    question = questions.made(ledger.views, JournalQuery(event="envelope.accepted"))
    first = ledger.views.entries(question, limit=4)
    assert len(first.lines) == 4
    assert first.more
    assert first.reached == first.lines[-1].position
    with ledger.book() as book:
        book.envelopes.add([envelope(20)])
    number_entries(ledger)
    rest = [line for page in questions.pages(ledger.views, question, first.reached) for line in page]
    positions = [line.position for line in [*first.lines, *rest]]
    every = ledger.views.lines(event="envelope.accepted", limit=100)
    assert positions == [line.position for line in every]
    assert len(positions) == 13
    assert ledger.views.entries(question, after=max(filter(None, positions))).lines == []


def test_entries_without_a_place_come_last_and_again_under_their_place(ledger: SqlLedger) -> None:
    fill(ledger, blocks=0)
    with ledger.book() as book:
        book.envelopes.add([envelope(20, sender="H01")])
    question = questions.made(ledger.views, JournalQuery(sender="H01"))
    [[waiting]] = questions.pages(ledger.views, question)
    assert waiting.position is None
    assert questions.how_many(ledger.views, question) == 1
    number_entries(ledger)
    [[placed]] = questions.pages(ledger.views, question)
    assert (placed.number, placed.position) == (waiting.number, ledger.views.feed_head().size - 1)


def test_an_entry_that_gets_its_place_while_the_last_page_is_read_is_told_once(ledger: SqlLedger) -> None:
    with ledger.book() as book:
        book.journal.note([Entry(NOW, "clock.agrees", actor="a")])

    class Numbering:
        """The views; the sequencer runs between the entries with a place and those without."""

        def __getattr__(self, name: str) -> Any:
            if name == "unplaced":
                number_entries(ledger)
            return getattr(ledger.views, name)

    views: Any = Numbering()
    [[line]] = questions.pages(views, Question())
    assert line.position == 0


def test_a_document_is_found_by_each_of_many_recipients(ledger: SqlLedger) -> None:
    """The entry of its acceptance tells only how many they are."""
    with ledger.book() as book:
        facts = Grounds({envelope(1).digest: [f"H53.{number}" for number in range(40)]})
        book.envelopes.add([envelope(1)], facts)
        book.deliveries.add([delivery(1, f"H53.{number}") for number in range(40)])
    number_entries(ledger)
    question = Question((terms.agency_terms(terms.TO, "H53.39"),))
    assert [line.entry.event for line in ledger.views.entries(question).lines] == ["envelope.accepted"]


def test_a_changed_index_is_found(ledger: SqlLedger) -> None:
    fill(ledger, blocks=2)
    assert index_blocks(ledger.engine) == 2
    move(ledger, 1, Event.CANCEL)  # tells of a document of the first block, in one that is not indexed
    number_entries(ledger)

    def differences() -> list[str]:
        found = ledger.views.verify()
        assert (found.index_compared, found.indexed) == (2 * BLOCK, 2 * BLOCK)
        return [one.detail for one in found.damages if one.detail.startswith("the index")]

    assert differences() == []
    with writing(ledger.engine) as connection:
        row = connection.execute(select(postings).where(postings.c.field == "event").limit(1)).one()
        this = (postings.c.field == row.field, postings.c.value == row.value, postings.c.block == row.block)
        connection.execute(update(postings).where(*this).values(places=b""))
    assert differences() == [f"the index is not what the entries say of event {row.value}"]
    with writing(ledger.engine) as connection:
        connection.execute(update(postings).where(*this).values(places=row.places))
        connection.execute(insert(postings).values(field="ended", value="expired", block=0, places=b"\0\0"))
    assert differences() == ["the index is not what the entries say of ended expired"]
    with writing(ledger.engine) as connection:
        connection.execute(delete(postings).where(postings.c.field == "ended"))
    assert differences() == ["the index is not what the entries say of ended returned"] * 2


def test_a_database_of_before_answers_without_an_index(database: Database) -> None:
    ledger = database.ledger()
    fill(ledger, blocks=0)
    before = told(ledger, sender="H53.")
    # Under other names, and not dropped: on PostgreSQL the tests after this one have the same database.
    hidden = ("postings", "journal_blocks")
    database.run(*(f"ALTER TABLE {name} RENAME TO {name}_hidden" for name in hidden))
    try:
        assert told(ledger, sender="H53.") == before != []
    finally:
        database.run(*(f"ALTER TABLE {name}_hidden RENAME TO {name}" for name in hidden))


@pytest.mark.parametrize("number", [0, 1, 3, 62, 63, 64, 65, 66, BLOCK - 1, BLOCK])
def test_a_set_of_places_is_kept_in_at_most_128_bytes(number: int) -> None:
    places = list(range(BLOCK - number, BLOCK))
    bits = sum(1 << place for place in places)
    assert places_in(unpacked(packed(bits))) == places
    assert len(packed(bits)) <= 128


def test_whoever_changes_the_tables_changes_no_answer(ledger: SqlLedger, database: Database) -> None:
    """Sender, kind, signer and recipients are those that the entries tell: in what is indexed, and behind it."""
    fill(ledger)
    asked: tuple[dict[str, Any], ...] = (
        {"sender": "H19.02"}, {"kind": "status"}, {"signer": "1111"}, {"number": "7/"}, {"agencies": ["H53.01.7"]},
    )  # fmt: skip
    before = [told(ledger, **each) for each in asked]
    assert all(before)
    tamper(
        database,
        "UPDATE envelopes SET sender = 'H01', kind = 'document', signer = '', document_key = 'x', business = 2",
        "UPDATE deliveries SET recipient = 'H99.' || id",
        "UPDATE journal SET recipient = 'H99', actor = 'khac', code = 'EDX101' WHERE event <> 'envelope.accepted'",
    )
    assert [told(ledger, **each) for each in asked] == before
    assert told(ledger, sender="H01") == told(ledger, actor="khac") == told(ledger, code="EDX101") == []
    assert index_blocks(ledger.engine) == 1
    assert [told(ledger, **each) for each in asked] == before
    tamper(database, "UPDATE journal SET entry = leaf WHERE position = 3")
    with pytest.raises(Setback) as caught:
        told(ledger)
    assert caught.value.code == "EDX605"
