"""The documents that were accepted, on both databases: with the index, and where there is none yet."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import Connection

from edxml_router.core.delivery.entries.facts import Grounds
from edxml_router.core.delivery.journal import Entry
from edxml_router.core.delivery.lifecycle import Event, State, advance
from edxml_router.core.delivery.values import Move
from edxml_router.core.problems import Setback
from edxml_router.services.asking import questions
from edxml_router.services.asking.documents import (
    DOCUMENT_GROUPS,
    OUTCOME,
    DocumentQuery,
    document_count,
    document_counts,
    document_pages,
    document_question,
)
from edxml_router.services.asking.questions import JournalQuery
from edxml_router.store.envelopes.queries import states_of
from edxml_router.store.journal.sequencer import number_entries
from edxml_router.store.ledger import SqlLedger
from edxml_router.store.search import entries, finding
from edxml_router.store.search.blocks import index_blocks
from edxml_router.store.search.table import BLOCK
from tests.contract.databases import NOW, Database, body, delivery, digest_of, envelope

SENDERS = ("H53.31.22", "H53.02", "H19")
RECIPIENTS = ("H53.01", "H53.01.7")


def accept(ledger: SqlLedger, index: int) -> None:
    """Letter ``index`` to both recipients, the second of them by an office."""
    sender = SENDERS[index % 3]
    row = replace(envelope(index, sender=sender), document_id=f"{sender},2026/11/22,{index:02}/QĐ-UBND")
    row = replace(row, document_key=row.document_id, signer=f"{index % 2}" * 64)
    with ledger.book() as book:
        book.envelopes.add([row], Grounds({row.digest: RECIPIENTS}))
        book.deliveries.add([delivery(index), delivery(index, RECIPIENTS[1], route="office:vp")])


def end(ledger: SqlLedger, index: int, recipient: str, *events: Event, code: str = "") -> None:
    for event in events:
        with ledger.book() as book:
            [one] = [each for each in book.deliveries.of([digest_of(body(index))]) if each.recipient == recipient]
            after = advance(one.state, event)
            assert isinstance(after, State)
            book.deliveries.move([Move(one, event, after, code=code, actor="link:xa")])


def fill(ledger: SqlLedger, filler: int) -> None:
    """Letters 1 to 4: open, returned by both, returned by one and confirmed by the other, returned and sent again; all
    ends stand behind ``filler`` other entries."""
    for index in range(1, 5):
        accept(ledger, index)
    with ledger.book() as book:
        book.journal.note([Entry(NOW, "clock.agrees", actor="a") for _ in range(filler)])
    for index, recipient in ((2, RECIPIENTS[0]), (2, RECIPIENTS[1]), (3, RECIPIENTS[0]), (4, RECIPIENTS[0])):
        end(ledger, index, recipient, Event.RETURN, code="EDX505")
    end(ledger, 3, RECIPIENTS[1], Event.CLAIM, Event.OFFER, Event.CONFIRM)
    end(ledger, 4, RECIPIENTS[0], Event.RESEND)
    number_entries(ledger)


def told(ledger: SqlLedger, **wanted: Any) -> list[int]:
    """The numbers of the documents that answer."""
    question = document_question(ledger.views, DocumentQuery(**wanted))
    names = [
        document.found.envelope.document_id
        for page in document_pages(ledger.views, question, size=2)
        for document in page.documents
    ]
    assert document_count(ledger.views, question) == len(names)
    return [int(name.rpartition(",")[2][:2]) for name in names]


@pytest.mark.parametrize("filler", [0, BLOCK], ids=["not-indexed", "indexed"])
def test_documents_are_found_by_what_they_are_and_what_became_of_them(ledger: SqlLedger, filler: int) -> None:
    fill(ledger, filler)
    assert index_blocks(ledger.engine) == filler // BLOCK
    assert told(ledger) == [1, 2, 3, 4]
    assert told(ledger, sender="H53.") == [1, 3, 4]
    assert told(ledger, sender="H19") == told(ledger, level=1) == [2]
    assert told(ledger, level=3) == [3]
    assert told(ledger, recipient="H53.01.7") == told(ledger, recipient="H53.") == [1, 2, 3, 4]
    assert told(ledger, agencies=["H19", "H01"]) == [2]
    assert told(ledger, signer="1111") == [1, 3]
    assert told(ledger, peer="vp") == [1, 2, 3, 4]
    assert told(ledger, peer="nobody") == told(ledger, kind="status") == []
    assert told(ledger, code="EDX505") == [2, 3, 4]
    assert told(ledger, document=digest_of(body(3))) == [3]
    assert told(ledger, outcome="open") == [1, 4]
    assert told(ledger, outcome="failed") == [2]
    assert told(ledger, outcome="mixed", sender="H53.") == [3]
    assert told(ledger, outcome="confirmed") == told(ledger, outcome="open", document=digest_of(body(2))) == []
    # Letter 4 was returned once; what it is now decides.
    assert told(ledger, state=State.RETURNED) == [2, 3]
    assert told(ledger, state=State.RETURNED, recipient="H53.01.7") == [2]
    assert told(ledger, state=State.CONFIRMED, recipient="H53.01.") == [3]
    assert told(ledger, state=State.QUEUED) == [1, 4]


@pytest.mark.parametrize("said", ["3/QĐ-UBND", "số 03/qđ-ubnd", "So 3 QD-UBND", "No. 3/qd-ubnd", "3", "03/"])
def test_a_number_is_found_as_people_say_it(ledger: SqlLedger, said: str) -> None:
    fill(ledger, 0)
    assert told(ledger, number=said) == [3]
    asked = questions.made(ledger.views, JournalQuery(number=said, event="envelope.accepted"))
    assert questions.how_many(ledger.views, asked) == 1


@pytest.mark.parametrize("filler", [0, BLOCK], ids=["not-indexed", "indexed"])
def test_documents_are_counted_by_each_group(ledger: SqlLedger, filler: int) -> None:
    fill(ledger, filler)
    index_blocks(ledger.engine)

    def counts(group: str, **wanted: Any) -> dict[str, int]:
        return dict(document_counts(ledger.views, document_question(ledger.views, DocumentQuery(**wanted)), group))

    assert counts(OUTCOME) == {"open": 2, "failed": 1, "mixed": 1}
    end(ledger, 2, RECIPIENTS[0], Event.CONFIRM)
    end(ledger, 2, RECIPIENTS[1], Event.CONFIRM)
    number_entries(ledger)
    assert counts(OUTCOME) == {"open": 2, "confirmed": 1, "mixed": 1}  # a confirmation corrects what had failed
    assert told(ledger, outcome="confirmed") == [2]
    assert counts("level") == {"1": 1, "2": 2, "3": 1}
    asked: tuple[dict[str, Any], ...] = (
        {"outcome": "open"}, {"outcome": "failed"}, {"outcome": "mixed"}, {"outcome": "confirmed"},
        {"state": State.RETURNED}, {"state": State.CONFIRMED}, {"state": State.QUEUED},
        {"state": State.RETURNED, "recipient": RECIPIENTS[1]},
    )  # fmt: skip
    for wanted in asked:
        found = told(ledger, **wanted)
        for group in DOCUMENT_GROUPS:
            assert counts(group, **wanted) == {
                value: number
                for value in counts(group)
                if (number := sum(counts(group, document=digest_of(body(index))).get(value, 0) for index in found))
            }, (group, wanted)


@pytest.mark.parametrize("filler", [0, BLOCK], ids=["not-indexed", "indexed"])
def test_a_count_looks_only_at_what_ended_in_more_than_one_way(
    ledger: SqlLedger, filler: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(ledger, filler)
    index_blocks(ledger.engine)
    looked: list[str] = []

    def looking(connection: Connection, digests: Iterable[str], recipient: str = "") -> Any:
        looked.extend(digests := list(digests))
        return states_of(connection, digests, recipient)

    monkeypatch.setattr(entries, "states_of", looking)
    for wanted in ({"outcome": "failed"}, {"outcome": "open"}, {"state": State.CONFIRMED}):
        document_count(ledger.views, document_question(ledger.views, DocumentQuery(**wanted)))
        assert looked == ([digest_of(body(3))] if "state" in wanted else []), wanted
    document_count(ledger.views, document_question(ledger.views, DocumentQuery(outcome="confirmed")))
    assert set(looked) == {digest_of(body(3))}


def test_a_list_goes_on_behind_a_place_and_a_document_without_one_comes_later(ledger: SqlLedger) -> None:
    fill(ledger, 0)
    accept(ledger, 5)
    question = document_question(ledger.views, DocumentQuery())
    seen = [one for page in document_pages(ledger.views, question) for one in page.documents]
    assert len(seen) == 4
    number_entries(ledger)
    [rest] = [page.documents for page in document_pages(ledger.views, question, seen[-1].position)]
    assert [one.found.envelope.digest for one in rest] == [digest_of(body(5))]


def test_many_recipients_are_counted_where_the_entry_does_not_list_them(ledger: SqlLedger) -> None:
    with ledger.book() as book:
        names = [f"H53.{number}" for number in range(40)]
        book.envelopes.add([envelope(1)], Grounds({envelope(1).digest: names}))
        book.deliveries.add([delivery(1, name) for name in names])
    number_entries(ledger)
    question = document_question(ledger.views, DocumentQuery(recipient="H53.39"))
    [[one]] = [page.documents for page in document_pages(ledger.views, question)]
    assert (one.recipients, one.count) == (None, 40)


def test_what_an_earlier_version_accepted_is_told_by_its_row(database: Database) -> None:
    ledger = database.ledger()
    with ledger.book() as book:
        book.envelopes.add([envelope(1)])
        book.journal.note([Entry(NOW, "envelope.accepted", digest_of(body(number))) for number in (1, 2)])
    number_entries(ledger)
    question = document_question(ledger.views, DocumentQuery())
    [page] = document_pages(ledger.views, question)
    assert [one.found.envelope.digest for one in page.documents] == [digest_of(body(1))] * 2
    assert page.untold == 1  # nothing tells of the second


def test_without_an_index_nobody_waits_for_an_answer_without_end(
    ledger: SqlLedger, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(finding, "_UNREAD", 0)
    fill(ledger, 0)
    assert told(ledger, sender="H19") == [2]
    with pytest.raises(Setback, match="EDX665"):
        told(ledger, code="EDX505")
