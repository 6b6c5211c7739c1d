"""Bodies that are removed on purpose, on both databases: proven, and nothing else excuses a missing one."""

from __future__ import annotations

from datetime import timedelta

import pytest

from edxml_router.core.delivery.lifecycle import Event
from edxml_router.core.problems import Setback
from edxml_router.core.retention.judging import KeptBody
from edxml_router.core.retention.values import Hold, Removal, removal_of
from edxml_router.store.journal.sequencer import number_entries
from edxml_router.store.ledger import SqlLedger
from tests.contract.databases import LEASE, NOW, Database, add, body, delivery, digest_of
from tests.contract.test_recomputing import found, move

DIGESTS = [digest_of(body(number)) for number in (1, 2, 3)]
LATER = NOW + timedelta(days=400)


@pytest.fixture
def ended(ledger: SqlLedger) -> SqlLedger:
    """Three letters, all confirmed; every entry has its place."""
    for number in (1, 2, 3):
        add(ledger, delivery(number))
        with ledger.book() as book:
            [claimed] = book.deliveries.claim(NOW, NOW + LEASE, 10)
        move(ledger, claimed, Event.CONFIRM, actor="tay-ninh")
    number_entries(ledger)
    return ledger


def kept(ledger: SqlLedger) -> list[KeptBody]:
    page, after = ledger.views.kept_bodies(LATER, limit=100)
    assert after is None
    return list(page)


def remove(ledger: SqlLedger, *digests: str) -> Removal:
    removal = removal_of(LATER, "retention", "node", [(digest, 40) for digest in digests])
    with ledger.book() as book:
        book.retention.alone()
        book.retention.remove_bodies(removal, digests)
    number_entries(ledger)
    return removal


def test_a_removal_is_no_damage_and_is_told(ended: SqlLedger) -> None:
    removal = remove(ended, *DIGESTS[:2])
    assert found(ended) == []
    assert (ended.views.bodies_kept(), ended.views.removals()) == ((1, 40), (2, 80))
    told = ended.views.removed_bodies(DIGESTS)
    assert {digest: one.removal for digest, one in told.items()} == dict.fromkeys(DIGESTS[:2], removal)
    [line] = ended.views.lines(event="bodies.removed")
    assert {(one.entry, one.position) for one in told.values()} == {(line.number, line.position)}
    assert line.entry.facts == {"count": 2, "size": 80, "rule": "retention", "removed_sha256": removal.digest}
    assert [one.envelope.digest for one in kept(ended)] == DIGESTS[2:]


def test_pages_go_over_what_has_gone(ended: SqlLedger) -> None:
    remove(ended, *sorted(DIGESTS)[:2])
    seen, after = [], None
    for _ in DIGESTS:
        page, after = ended.views.kept_bodies(LATER, after, limit=1)
        seen.append([one.envelope.digest for one in page])
    assert seen == [[], [], [sorted(DIGESTS)[2]]]
    assert ended.views.kept_bodies(LATER, after, limit=1) == ([], None)
    assert ended.views.kept_bodies(NOW) == ([], None)  # accepted at that moment, not before


@pytest.mark.parametrize(
    ("cheat", "said"),
    [
        ("DELETE FROM bodies WHERE digest = :third", "it was accepted, and is not in the table any more"),
        ("DELETE FROM removed WHERE digest = :first", "the bodies that it names are others than those that it was of"),
        ("UPDATE removals SET rule = 'other'", "no entry of the journal tells of it"),
        ("DELETE FROM removals", "the journal tells of 1 more than are in the table"),
    ],
)
def test_nothing_else_excuses_a_missing_body(ended: SqlLedger, database: Database, cheat: str, said: str) -> None:
    remove(ended, *DIGESTS[:2])
    database.run(cheat, first=DIGESTS[0], third=DIGESTS[2])
    assert any(said in one for one in found(ended)), found(ended)


def test_a_row_that_excuses_one_is_found(ended: SqlLedger, database: Database) -> None:
    remove(ended, *DIGESTS[:2])
    database.run("INSERT INTO removed (digest, removal) VALUES (:third, 1)", "DELETE FROM bodies WHERE digest = :third",
                 third=DIGESTS[2])  # fmt: skip
    assert found(ended) == ["removal 1: the bodies that it names are others than those that it was of"]


def test_one_that_comes_again_is_there_and_can_go_again(ended: SqlLedger) -> None:
    remove(ended, DIGESTS[0])
    with ended.book() as book:
        assert book.retention.removed(DIGESTS) == {DIGESTS[0]}
    add(ended, delivery(1, "H53.02"))
    number_entries(ended)
    with ended.book() as book:
        assert book.retention.removed(DIGESTS) == set()
    assert ended.views.removed_bodies(DIGESTS) == {}
    assert found(ended) == []
    last = remove(ended, DIGESTS[0], DIGESTS[1])
    assert ended.views.removed_bodies(DIGESTS[:1])[DIGESTS[0]].removal == last
    assert found(ended) == []


def test_one_that_another_removed_meanwhile_is_not_removed_twice(ended: SqlLedger) -> None:
    remove(ended, DIGESTS[0])
    with pytest.raises(Setback, match="EDX602"):
        remove(ended, *DIGESTS[:2])
    assert ended.views.removals() == (1, 40)
    assert found(ended) == []


def test_a_hold_is_seen_by_document_and_by_what_speaks_of_it(ended: SqlLedger) -> None:
    for subject, held in (("H53.31.22,2026/11/22,1/UBND-VP", 1), ("H53.01,2026/11/01,7/SNV-VP", 3), (DIGESTS[1], 1)):
        with ended.book() as book:
            assert book.retention.hold(Hold(subject, NOW, "operator:an", "khiếu nại"))
            assert not book.retention.hold(Hold(subject, NOW, "operator:an", "again"))
        assert sum(one.held for one in kept(ended)) == held
        assert [one.subject for one in ended.views.holds()] == [subject]
        with ended.book() as book:
            assert book.retention.release(subject)
            assert not book.retention.release(subject)


def test_what_waits_is_seen(ended: SqlLedger) -> None:
    assert [(one.untold, one.unnumbered, len(one.deliveries)) for one in kept(ended)] == [(0, 0, 1)] * 3
    add(ended, delivery(1, "H53.02"))
    standing = {one.envelope.digest: one for one in kept(ended)}[DIGESTS[0]]
    assert (standing.unnumbered, len(standing.deliveries)) == (1, 2)
    with ended.book() as book:
        assert {one.envelope.digest: one for one in book.retention.standings(DIGESTS)}[DIGESTS[0]] == standing
