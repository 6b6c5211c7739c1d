"""What an office is told about what it sent, on both databases."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from edxml_router.core.delivery.lifecycle import Event, State, advance
from edxml_router.core.delivery.values import Move
from edxml_router.core.link.wire import Hop, Receipt, ReceiptOutcome
from edxml_router.core.message.envelope import Kind
from edxml_router.core.problems import Refusal
from edxml_router.services import office
from edxml_router.services.office import SentPage, SentQuery
from edxml_router.store.ledger import SqlLedger
from tests.contract.databases import NOW, Database, body, delivery, digest_of, envelope

MINUTE = timedelta(minutes=1)
FURTHER = (*envelope(1).hops, Hop("so-noi-vu", NOW + MINUTE))


def accept(ledger: SqlLedger, numbers: range, recipients: tuple[str, ...] = ("H53.01", "H53.02")) -> None:
    """Envelopes of the office ``van-phong-xa``, a minute apart."""
    with ledger.book() as book:
        for index in numbers:
            book.envelopes.add([envelope(index, accepted_at=NOW + index * MINUTE)])
            book.deliveries.add([delivery(index, recipient) for recipient in recipients])


def status(ledger: SqlLedger, number: int, code: str, sender: str, to: str, about: int = 1) -> None:
    """A status about envelope ``about``, as envelope ``number``."""
    with ledger.book() as book:
        book.envelopes.add(
            [
                envelope(
                    number,
                    identity=f"{sender}|status|{number}",
                    kind="status",
                    status_code=code,
                    sender=sender,
                    document_id=envelope(about).document_id,
                    refers_to=(envelope(about).document_key,),
                    peer="tay-ninh",
                    channel="link",
                    accepted_at=NOW + number * MINUTE,
                )
            ]
        )
        book.deliveries.add([delivery(number, to, origin="link:tay-ninh")])


def numbers(page: SentPage) -> list[str]:
    return [one.found.envelope.document_id.rsplit(",", 1)[1] for one in page.envelopes]


def test_an_office_sees_what_it_sent_page_by_page_and_nobody_elses(ledger: SqlLedger) -> None:
    accept(ledger, range(1, 6))
    with ledger.book() as book:
        book.envelopes.add([envelope(20, peer="so-noi-vu"), envelope(21, channel="link")])
    page = office.sent(ledger.views, "van-phong-xa", SentQuery(limit=2))
    assert numbers(page) == ["5/UBND-VP", "4/UBND-VP"]
    seen = numbers(page)
    accept(ledger, range(6, 7))  # what is sent meanwhile moves no page
    while page.next:
        page = office.sent(ledger.views, "van-phong-xa", SentQuery(limit=2, after=page.next))
        seen += numbers(page)
    assert seen == [f"{number}/UBND-VP" for number in (5, 4, 3, 2, 1)]
    assert numbers(office.sent(ledger.views, "nobody", SentQuery())) == []
    assert numbers(office.sent(ledger.views, "so-noi-vu", SentQuery())) == ["20/UBND-VP"]
    for wrong in ("2026", "20261122T000000.000000Z", "x-y-z"):
        with pytest.raises(Refusal, match="EDX606"):
            office.sent(ledger.views, "van-phong-xa", SentQuery(after=wrong))


def test_what_was_sent_is_found_by_document_recipient_state_and_time(ledger: SqlLedger) -> None:
    accept(ledger, range(1, 4))
    with ledger.book() as book:
        [one] = [each for each in book.deliveries.of([digest_of(body(2))]) if each.recipient == "H53.02"]
        after = advance(one.state, Event.RETURN)
        assert isinstance(after, State)
        book.deliveries.move([Move(one, Event.RETURN, after, code="EDX801", detail="nhầm nơi nhận")])
    status(ledger, 9, "01", "H53.31.22", "H53.01")

    def found(**wanted: object) -> list[str]:
        return numbers(office.sent(ledger.views, "van-phong-xa", SentQuery(**wanted)))  # type: ignore[arg-type]

    assert found(document=envelope(3).document_id) == ["3/UBND-VP"]
    assert found(document=envelope(3).digest[:12]) == ["3/UBND-VP"]
    assert found(recipient="H53.09") == []
    assert found(state=State.RETURNED) == ["2/UBND-VP"]
    assert found(state=State.RETURNED, recipient="H53.01") == []
    assert found(since=NOW + 2 * MINUTE, until=NOW + 3 * MINUTE) == ["2/UBND-VP"]
    assert found(kind=Kind.DOCUMENT) == ["3/UBND-VP", "2/UBND-VP", "1/UBND-VP"]
    assert found(kind=Kind.STATUS) == []


def test_each_recipient_has_its_state_its_way_and_its_answer(ledger: SqlLedger) -> None:
    accept(ledger, range(1, 3))
    digest = digest_of(body(1))
    taken = Receipt(digest, "H53.01", 1, ReceiptOutcome.ACCEPTED, NOW, hops=envelope(1).hops)
    with ledger.book() as book:
        for receipt in (taken, replace(taken, outcome=ReceiptOutcome.CONFIRMED, hops=FURTHER)):
            book.receipts.add([("office:van-phong-xa", receipt)])
    status(ledger, 10, "01", "H53.01", "H53.31.22")
    status(ledger, 12, "03", "H53.01", "H53.31.22")
    status(ledger, 11, "02", "H53.01", "H53.31.22")  # older than the one before: it came late
    status(ledger, 13, "06", "H53.02", "H19.02")  # about another agency's document of the same DocumentId
    [first] = [one for one in office.sent(ledger.views, "van-phong-xa", SentQuery()).envelopes
               if one.found.envelope.digest == digest]  # fmt: skip
    assert [one.delivery.recipient for one in first.deliveries] == ["H53.01", "H53.02"]
    assert [one.hops for one in first.deliveries] == [FURTHER, ()]
    assert [one.status and one.status.status_code for one in first.deliveries] == ["03", None]
    other = office.sent_one(ledger.views, "van-phong-xa", digest_of(body(2)))
    assert [one.status for one in other.deliveries] == [None, None]


def test_a_circular_shows_its_recipients_in_pages(ledger: SqlLedger) -> None:
    recipients = tuple(f"H53.{number:02}" for number in range(1, 8))
    accept(ledger, range(1, 3), recipients)
    page = office.sent(ledger.views, "van-phong-xa", SentQuery(recipients=3))
    assert [len(one.deliveries) for one in page.envelopes] == [3, 3]
    assert page.envelopes[0].found.states == {State.QUEUED: 7}
    digest = digest_of(body(1))
    one = office.sent_one(ledger.views, "van-phong-xa", digest[:16], recipients=3)
    seen = [each.delivery.recipient for each in one.deliveries]
    while one.next is not None:
        one = office.sent_one(ledger.views, "van-phong-xa", digest, one.next, recipients=3)
        seen += [each.delivery.recipient for each in one.deliveries]
    assert tuple(seen) == recipients
    for office_name, name in (("so-noi-vu", digest), ("van-phong-xa", "00" * 32), ("van-phong-xa", "1/UBND-VP")):
        with pytest.raises(Refusal, match="EDX606"):
            office.sent_one(ledger.views, office_name, name)


def test_what_an_office_sent_is_found_by_its_index(database: Database) -> None:
    query = (
        "SELECT * FROM envelopes WHERE channel <> 'link' AND peer = 'vp' AND accepted_at < 5 "
        "ORDER BY accepted_at DESC, digest DESC LIMIT 50"
    )
    if database.is_sqlite:
        plan = str(database.rows(f"EXPLAIN QUERY PLAN {query}"))
        assert "TEMP B-TREE" not in plan
    else:
        plan = str(database.run("SET LOCAL enable_seqscan = off", f"EXPLAIN {query}"))
    assert "envelopes_handed_in" in plan
