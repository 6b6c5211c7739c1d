"""Outcomes that rest on a neighbour's word, on both databases."""

from __future__ import annotations

from datetime import timedelta

from edxml_router.core.delivery.lifecycle import Event, State
from edxml_router.core.delivery.values import Move
from edxml_router.core.detail import Detail
from edxml_router.core.link.statement import CONTRADICTED, NOT_ENTITLED, UNSIGNED, Evidence, SignedText
from edxml_router.core.link.wire import Receipt, ReceiptOutcome
from edxml_router.core.problems import Finding
from edxml_router.services.proof.unproven import sum_up_unproven
from edxml_router.store.ledger import SqlLedger
from tests.contract.databases import NOW, body, delivery, digest_of, envelope


def end(number: int, doubt: str, at: int = 0, outcome: ReceiptOutcome = ReceiptOutcome.CONFIRMED) -> Receipt:
    finding = Finding(doubt, "trung-uong", Detail("so it is")) if doubt else None
    shown = SignedText("x", "eA==", "ab" * 32)
    known = Evidence(shown, (), "trung-uong", NOW + timedelta(hours=at), finding, True)
    return Receipt(digest_of(body(number)), "H53.01", 0, outcome, NOW, evidence=known)


def test_only_what_stands_unproven_is_listed_in_pages(ledger: SqlLedger) -> None:
    with ledger.book() as book:
        book.envelopes.add([envelope(number) for number in range(1, 7)])
        book.deliveries.add([delivery(number, "H53.01") for number in range(1, 7)])
        rows = book.deliveries.of([digest_of(body(number)) for number in range(1, 6)])
        book.deliveries.move([Move(one, Event.CONFIRM, State.CONFIRMED) for one in rows])
        told = [end(1, UNSIGNED), end(2, CONTRADICTED, 1), end(3, ""), end(4, NOT_ENTITLED, 2), end(5, UNSIGNED, -9)]
        told += [end(6, UNSIGNED), end(3, UNSIGNED, outcome=ReceiptOutcome.EXPIRED)]  # open still; corrected since
        book.receipts.add((rows[0].origin, receipt) for receipt in told)
    views = ledger.views
    pages, before = [], 0
    while page := views.unproven_ends(NOW, before=before, limit=2):
        pages.append([each.finding.code for each in page])
        before = page[-1].number
    assert pages == [[NOT_ENTITLED, CONTRADICTED], [UNSIGNED]]
    assert [each.sender for each in views.unproven_ends(NOW, code=CONTRADICTED)] == [envelope(2).sender]
    assert views.unproven_ends(NOW, peer="elsewhere") == []
    assert {key: len(found) for key, found in sum_up_unproven(views, NOW - timedelta(days=1)).items()} == {
        ("trung-uong", UNSIGNED): 2, ("trung-uong", CONTRADICTED): 1, ("trung-uong", NOT_ENTITLED): 1,
    }  # fmt: skip
