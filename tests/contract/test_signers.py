"""Which keys have signed lately, on both databases."""

from __future__ import annotations

from datetime import timedelta

from edxml_router.store.envelopes import signers
from edxml_router.store.ledger import SqlLedger
from tests.contract.databases import NOW, body, digest_of, envelope

DAY = timedelta(days=1)
OLD, ONE, TWO = ("ab" * 32, "cd" * 32, "ef" * 32)


def test_each_key_with_its_last_use_and_its_smallest_document(ledger: SqlLedger) -> None:
    rows = [
        envelope(1, signer=OLD, accepted_at=NOW - 91 * DAY),
        envelope(2, signer=ONE, accepted_at=NOW - 3 * DAY, size=700),
        envelope(3, signer=ONE, accepted_at=NOW - 2 * DAY, size=900),
        envelope(4, signer=TWO, accepted_at=NOW - DAY, size=5, indication="passed"),
        envelope(5, signer=TWO, accepted_at=NOW, size=1, indication="indeterminate"),
        envelope(6, signer="", accepted_at=NOW, indication="absent"),
    ]
    with ledger.book() as book:
        book.envelopes.add(rows)
    found = signers.seen(ledger, NOW - 90 * DAY)
    assert [(one.key, one.last, one.digest, one.size) for one in found] == [
        (TWO, NOW - DAY, digest_of(body(4)), 5),
        (ONE, NOW - 2 * DAY, digest_of(body(2)), 700),
    ]


def test_what_is_no_signed_document_has_no_certificate() -> None:
    assert signers.certificate_of(b"<a/>", ONE) is None
    assert signers.certificate_of(b"nothing", ONE) is None
