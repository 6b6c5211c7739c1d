"""What an office wrote: committed by the journal, kept beside it, gone when it is erased, and never exchanged."""

from __future__ import annotations

import pytest

from edxml_router.core.delivery.entries.reasons import FACT, commitment, reason_of
from edxml_router.core.delivery.entries.redaction import Redaction, redaction_of
from edxml_router.core.delivery.journal import Entry
from edxml_router.core.delivery.lifecycle import Event, State
from edxml_router.core.delivery.values import Move
from edxml_router.core.detail import Detail
from edxml_router.core.link.wire import Receipt, ReceiptOutcome
from edxml_router.services import auditor
from edxml_router.shapes.history import entry_shape
from edxml_router.store.journal.sequencer import number_entries
from edxml_router.store.ledger import SqlLedger
from tests.contract.databases import NOW, Database
from tests.contract.test_log import tamper
from tests.contract.test_recomputing import FIRST, SECOND, found, told

__all__ = ["told"]  # the fixture

WHERE = f"reason of {SECOND} from H53.01"
DELIVERY = f"delivery of {SECOND} to H53.01"


def test_a_reason_is_not_in_the_journal_and_is_told(told: SqlLedger, database: Database) -> None:
    [line] = told.views.lines(event="delivery.returned")
    assert b"not for us" not in line.entry.canonical()
    [(salt, words)] = database.rows("SELECT salt, words FROM reasons")
    assert line.entry.facts[FACT] == commitment(bytes(salt), words)
    assert (line.entry.detail, line.told.detail) == ("", "not for us")
    assert entry_shape(line)["detail"] == "not for us"
    shown = told.views.trace(SECOND)
    assert shown is not None
    assert [one.detail for one in shown.deliveries] == ["not for us"]
    assert [one.told.detail for one in shown.lines][-1] == "not for us"
    number = line.position
    assert number is not None
    [event] = told.views.feed(number, number + 1)
    assert event.told.detail == "not for us"


def redact(ledger: SqlLedger) -> Redaction:
    with ledger.book() as book:
        [words] = book.retention.words([FIRST, SECOND])
        assert (words.digest, words.recipient, words.words) == (SECOND, "H53.01", "not for us")
        redaction = Redaction(NOW, SECOND, "H53.01", (words.commitment,), "operator:an", "91/2025/QH15")
        book.retention.redact([redaction])
    number_entries(ledger)
    return redaction


def test_what_was_erased_is_not_missed(told: SqlLedger, database: Database) -> None:
    redaction = redact(told)
    assert database.rows("SELECT * FROM reasons") == []
    assert found(told) == []
    verified = told.views.verify()
    assert (verified.redactions, verified.redaction_count) == ((redaction,), 1)
    assert redaction_of(told.views.lines(event="words.redacted")[0].entry) == redaction
    shown = told.views.trace(SECOND)
    assert shown is not None
    assert ([one.detail for one in shown.deliveries], shown.damages) == ([""], [])
    [line] = told.views.lines(event="delivery.returned")
    assert entry_shape(line)["detail"] == line.entry.detail


@pytest.mark.parametrize(
    ("cheat", "said"),
    [
        ("UPDATE reasons SET words = 'closed'", f"{WHERE}: its words are others than those that the entry commits to"),
        ("UPDATE reasons SET salt = :salt", f"{WHERE}: its words are others than those that the entry commits to"),
        (
            "DELETE FROM reasons",
            f"{WHERE}: its words are gone, and no entry of the journal tells of their erasure",
        ),
        ("DELETE FROM reasons", f"{DELIVERY}: detail is 'not for us' in the table, and '' by the journal"),
        ("UPDATE deliveries SET detail = 'closed' WHERE id = 3", f"{DELIVERY}: detail is 'closed' in the table"),
    ],
)
def test_words_that_nobody_wrote_are_named(told: SqlLedger, database: Database, cheat: str, said: str) -> None:
    tamper(database, cheat, salt=b"0" * 16)
    assert any(said in each for each in found(told)), found(told)
    past = auditor.history(told.views, SECOND)
    assert [one.detail for one in past.told[0].trace.deliveries] in (["not for us"], [""])


def test_what_was_written_as_it_was_before_is_still_told(told: SqlLedger) -> None:
    """Entries of earlier versions hold the words."""
    [line] = told.views.lines(event="delivery.returned")
    before = {name: fact for name, fact in line.entry.facts.items() if name != FACT}
    entry = Entry(NOW, "delivery.returned", detail="not for us", after="returned", facts=before)
    assert Entry.read(entry.canonical()).detail == "not for us"


def test_only_what_an_office_wrote_is_kept_apart(told: SqlLedger) -> None:
    [one] = [each for each in told.views.list_deliveries() if each.recipient == "H53.02"]
    random = bytes
    assert reason_of(Move(one, Event.RETURN, State.RETURNED, code="EDX801", detail="Mrs …"), random) is not None
    assert reason_of(Move(one, Event.RETURN, State.RETURNED, code="EDX801", detail=Detail("ours")), random) is None
    assert reason_of(Move(one, Event.RETURN, State.RETURNED, code="EDX401", detail="H99"), random) is None
    assert reason_of(Move(one, Event.RETURN, State.RETURNED, code="EDX801"), random) is None


def test_a_statement_with_the_words_goes_with_them(received: SqlLedger, database: Database) -> None:
    tamper(database, "UPDATE receipts SET signed_end = :said, passes = :said WHERE outcome = 'returned'",
           said='[["{not for us}","c2ln","00"]]')  # fmt: skip
    redact(received)
    kept = "SELECT detail, signed_end, passes FROM receipts WHERE outcome = 'returned'"
    assert database.rows(kept) == [("", "[]", "[]")]
    assert found(received) == []


def test_a_neighbour_is_told_before(received: SqlLedger) -> None:
    with received.book() as book:
        assert book.retention.untold([SECOND]) == {(SECOND, "H53.01")}  # "unknown", to a neighbour
        assert book.retention.untold([FIRST]) == set()


def test_only_what_was_named_goes(told: SqlLedger, database: Database) -> None:
    with told.book() as book:
        book.retention.redact([Redaction(NOW, FIRST, "H53.01", ("0" * 64,), "operator:an", "91/2025/QH15")])
    number_entries(told)
    assert database.rows("SELECT words FROM reasons") == [("not for us",)]
    assert found(told) == []


# --- receipts ---

FIRST_RECEIPT = "receipt of {digest} from H53.01"


@pytest.fixture
def received(told: SqlLedger) -> SqlLedger:
    [line] = told.views.lines(event="delivery.returned")
    told_at = {"at": NOW.fromisoformat(line.entry.facts["ended_at"]), "code": "EDX801", "detail": "not for us"}
    with told.book() as book:
        book.receipts.add([("office:xa", Receipt(SECOND, "H53.01", 0, ReceiptOutcome.RETURNED, **told_at))])  # type: ignore[list-item]
        book.receipts.add_answers([("link:x", Receipt(SECOND, "H53.01", 0, ReceiptOutcome.UNKNOWN, NOW))])  # type: ignore[list-item]
    return told


def test_receipts_that_follow(received: SqlLedger) -> None:
    assert found(received) == []


@pytest.mark.parametrize(
    ("cheat", "said"),
    [
        ("UPDATE receipts SET outcome = 'confirmed' WHERE outcome = 'returned'", "outcome is 'confirmed' in the table"),
        ("UPDATE receipts SET at = at - 1 WHERE outcome = 'returned'", "at is "),
        (
            "UPDATE receipts SET code = 'EDX401' WHERE outcome = 'returned'",
            "code is 'EDX401' in the table, and",
        ),
        (
            'UPDATE receipts SET signed_end = \'[["{}","",""]]\' WHERE outcome = \'returned\'',
            "signed_end is '44136fa355b3678a",
        ),
    ],
)
def test_a_receipt_that_does_not_follow_is_named(
    received: SqlLedger, database: Database, cheat: str, said: str
) -> None:
    tamper(database, cheat)
    where = FIRST_RECEIPT.format(digest=SECOND)
    assert any(each.startswith(f"{where}: {said}") for each in found(received)), found(received)
    past = auditor.history(received.views, SECOND)
    assert [one.detail for one in past.told[0].trace.damages] != []
