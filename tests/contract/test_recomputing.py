"""The tables follow from the journal: what somebody with the database's password changes beside it is named."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from edxml_router.core.body import MemoryBody
from edxml_router.core.delivery.entries.facts import RECIPIENTS_LISTED, Grounds, recipient_facts
from edxml_router.core.delivery.journal import ENVELOPE_ACCEPTED, Entry, MerkleTree, leaf_bytes, leaf_hash
from edxml_router.core.delivery.lifecycle import ENDS, Event, State, advance, allowed
from edxml_router.core.delivery.values import Delivery, Move
from edxml_router.core.link.route import Route
from edxml_router.core.link.wire import Hop
from edxml_router.store.journal import recomputing
from edxml_router.store.journal.sequencer import number_entries
from edxml_router.store.ledger import SqlLedger
from tests.contract.databases import LEASE, NOW, Database, add, body, delivery, digest_of, envelope
from tests.contract.test_log import tamper

FIRST, SECOND = digest_of(body(1)), digest_of(body(2))


def found(ledger: SqlLedger) -> list[str]:
    return [f"{one.where}: {one.detail}" for one in ledger.views.verify().damages]


def move(ledger: SqlLedger, one: Delivery, event: Event, **changes: Any) -> Delivery:
    after = advance(one.state, event)
    assert isinstance(after, State)
    if after in ENDS:
        changes.setdefault("ended_at", NOW + timedelta(hours=1))
    with ledger.book() as book:
        assert book.deliveries.move([Move(one, event, after, **changes)])
        [moved] = [each for each in book.deliveries.of([one.digest]) if each.id == one.id]
    return moved


@pytest.fixture
def told(ledger: SqlLedger) -> SqlLedger:
    """Two letters, one to two recipients; one of these has confirmed. All entries have their places."""
    rows = [delivery(1, "H53.01"), delivery(1, "H53.02"), delivery(2, "H53.01")]
    first, _, last = add(ledger, *rows)
    with ledger.book() as book:
        book.deliveries.claim(NOW, NOW + LEASE, 10)
        first, _, last = book.deliveries.numbered([first.id, last.id - 1, last.id])
    handed = move(ledger, first, Event.HAND_OVER, route=first.route, handed_at=NOW)
    hops = (Hop("hoa-thanh", NOW), Hop("tay-ninh", NOW + timedelta(seconds=3)))
    move(ledger, handed, Event.CONFIRM, actor="tay-ninh", hops=hops)
    move(ledger, last, Event.RETURN, code="EDX801", detail="not for us", actor="tay-ninh")
    number_entries(ledger)
    return ledger


def test_what_is_honest_follows(told: SqlLedger) -> None:
    result = told.views.verify()
    assert (result.sound, result.envelopes, result.deliveries, result.bodies) == (True, 2, 3, 2)
    assert (result.uncovered, result.covered_from) == (0, 0)


D1 = f"delivery of {FIRST} to H53.01"


CHEATS = [
    ("UPDATE deliveries SET state = 'returned' WHERE id = 1", f"{D1}: state is 'returned' in the table"),
    ("UPDATE deliveries SET state = 'forwarded', ended_at = NULL WHERE id = 1", f"{D1}: state is 'forwarded'"),
    ("UPDATE deliveries SET route = 'link:quoc-gia' WHERE id = 1", f"{D1}: route is 'link:quoc-gia'"),
    ("UPDATE deliveries SET origin = 'office:khac' WHERE id = 1", f"{D1}: origin is 'office:khac'"),
    ("UPDATE deliveries SET generation = 4 WHERE id = 1", f"{D1}: generation is 4 in the table, and 1 by the"),
    ("UPDATE deliveries SET id = 77 WHERE id = 1", f"{D1}: id is 77 in the table, and 1 by the journal"),
    ("UPDATE deliveries SET ended_at = ended_at + 1 WHERE id = 1", f"{D1}: ended_at is"),
    ("UPDATE deliveries SET updated_at = updated_at - 1 WHERE id = 1", f"{D1}: updated_at is"),
    ("UPDATE deliveries SET expires_at = expires_at + 1 WHERE id = 1", f"{D1}: expires_at is"),
    ("UPDATE deliveries SET chain = 5 WHERE id = 1", f"{D1}: chain is 5"),
    ("UPDATE deliveries SET version = 9 WHERE id = 1", f"{D1}: version is 9"),
    ("UPDATE deliveries SET urgent = (1 = 1) WHERE id = 1", f"{D1}: urgent is True"),
    ("UPDATE deliveries SET far_accepted = (1 = 1) WHERE id = 1", f"{D1}: far_accepted is True"),
    (
        "UPDATE deliveries SET detail = 'closed' WHERE id = 3",
        f"delivery of {SECOND} to H53.01: detail is 'closed' in the table, and 'not for us' by the journal",
    ),
    ("UPDATE deliveries SET code = '' WHERE id = 3", f"delivery of {SECOND} to H53.01: code is ''"),
    ("UPDATE deliveries SET recipient = 'H99' WHERE id = 1", f"{D1}: the journal tells of it, and it is not in"),
    ("UPDATE deliveries SET recipient = 'H99' WHERE id = 1", f"delivery of {FIRST} to H99: it is in the table"),
    ("DELETE FROM deliveries WHERE id = 1", f"{D1}: the journal tells of it, and it is not in the table"),
    ("UPDATE envelopes SET sender = 'H01' WHERE digest = :first", f"envelope {FIRST}: sender is 'H01' in"),
    ("UPDATE envelopes SET document_id = 'x' WHERE digest = :first", f"envelope {FIRST}: document_id is 'x'"),
    ("UPDATE envelopes SET identity = 'x' WHERE digest = :first", f"envelope {FIRST}: identity is 'x'"),
    ("UPDATE envelopes SET document_key = 'x' WHERE digest = :first", f"envelope {FIRST}: document_key is 'x'"),
    ("UPDATE envelopes SET business = 2 WHERE digest = :first", f"envelope {FIRST}: business is 2"),
    ("UPDATE envelopes SET signer = '' WHERE digest = :first", f"envelope {FIRST}: signer is ''"),
    ("UPDATE envelopes SET indication = 'failed' WHERE digest = :first", f"envelope {FIRST}: indication is"),
    ("UPDATE envelopes SET peer = 'khac' WHERE digest = :first", f"envelope {FIRST}: peer is 'khac'"),
    ("UPDATE envelopes SET channel = 'cli' WHERE digest = :first", f"envelope {FIRST}: channel is 'cli'"),
    ("UPDATE envelopes SET hops = '[]' WHERE digest = :first", f"envelope {FIRST}: hops is []"),
    ("UPDATE envelopes SET remarks = '[]' WHERE digest = :first", f"envelope {FIRST}: remarks is []"),
    ("UPDATE envelopes SET refers_to = '[]' WHERE digest = :first", f"envelope {FIRST}: refers_to is []"),
    ("UPDATE envelopes SET accepted_at = accepted_at - 1 WHERE digest = :first", f"envelope {FIRST}: accepted_at"),
    ("UPDATE envelopes SET digest = :other WHERE digest = :first", f"envelope {FIRST}: it was accepted, and"),
    ("UPDATE envelopes SET digest = :other WHERE digest = :first", "it is in the table, and no entry of"),
    ("DELETE FROM envelopes WHERE digest = :first", f"envelope {FIRST}: it was accepted, and is not in the table"),
    ("DELETE FROM bodies WHERE digest = :first", f"body {FIRST}: it was accepted, and is not in the table"),
    (
        "UPDATE bodies SET data = (SELECT data FROM bodies WHERE digest = :second) WHERE digest = :first",
        f"body {FIRST}: its bytes are others than those that were accepted",
    ),
    ("UPDATE bodies SET size = 41 WHERE digest = :first", f"body {FIRST}: size is 41"),
    (
        "INSERT INTO deliveries (digest, recipient, state, route, origin, generation, attempts, urgent, due_at, "
        "expires_at, far_accepted, code, detail, updated_at, version) SELECT digest, 'H53.03', 'confirmed', route, "
        "origin, generation, attempts, urgent, due_at, expires_at, far_accepted, code, detail, updated_at, version "
        "FROM deliveries WHERE id = 1",
        f"delivery of {FIRST} to H53.03: it is in the table, and no entry of the journal tells of it",
    ),
    (
        "INSERT INTO bodies (digest, size, data) SELECT :other, size, data FROM bodies WHERE digest = :first",
        "body abababababababab",
    ),
]


@pytest.mark.parametrize(("cheat", "said"), CHEATS)
def test_a_row_that_does_not_follow_is_named(told: SqlLedger, database: Database, cheat: str, said: str) -> None:
    values = {"first": FIRST, "second": SECOND, "other": "ab" * 32}
    tamper(database, *([] if database.is_sqlite else ["SET CONSTRAINTS ALL DEFERRED"]), cheat, **values)
    assert any(said in each for each in found(told)), found(told)


def test_an_invented_letter_is_named(told: SqlLedger, database: Database) -> None:
    """With a delivery, and with entries about it in front of which nothing was accepted."""
    columns = ", ".join(name for name in database_columns(database, "envelopes") if name not in ("digest", "identity"))
    invent = f"INSERT INTO envelopes (digest, identity, {columns}) SELECT :other, 'x', {columns} FROM envelopes "  # noqa: S608
    tamper(database, invent + "WHERE digest = :first", first=FIRST, other="ab" * 32)
    assert found(told) == [f"envelope {'ab' * 32}: it is in the table, and no entry of the journal tells of it"]
    with told.book() as book:
        book.journal.note([Entry(NOW, "receipt.late", "ab" * 32, "H53.01"), Entry(NOW, "delivery.late", "ab" * 32)])
        book.deliveries.add([delivery(1, "H53.09", digest="ab" * 32)])
    assert found(told) == [f"envelope {'ab' * 32}: it is in the table, and no entry tells of its acceptance"]


def database_columns(database: Database, table: str) -> list[str]:
    if database.is_sqlite:
        return [row[1] for row in database.rows(f"PRAGMA table_info({table})")]
    return [
        row[0]
        for row in database.rows("SELECT column_name FROM information_schema.columns WHERE table_name = :t", t=table)
    ]


def test_a_journal_that_was_cut_off_with_its_checkpoints_does_not_fit_the_tables(
    told: SqlLedger, database: Database
) -> None:
    """Which no root inside could tell."""
    lines = told.views.lines()
    kept = next(line for line in lines if line.entry.event == "delivery.forwarded").position
    assert kept is not None
    tree = MerkleTree()
    for line in lines[:kept]:
        tree.add(leaf_hash(leaf_bytes(line.entry.canonical(), line.stamp)))
    tamper(
        database,
        "DELETE FROM journal WHERE position >= :kept",
        "UPDATE checkpoints SET size = :kept, root = :root, peaks = :peaks",
        kept=kept,
        root=tree.root(),
        peaks=tree.peaks(),
    )
    assert any(each.startswith(f"{D1}: state is 'confirmed' in the table, and 'forwarding'") for each in found(told))


def test_entries_of_earlier_versions_are_said_to_tell_too_little(ledger: SqlLedger, database: Database) -> None:
    add(ledger, delivery(1))
    number_entries(ledger)
    before = 0
    for line in ledger.views.lines():  # as they were written then
        bare = Entry(*(getattr(line.entry, name) for name in Entry.__slots__ if name != "facts")).canonical()
        values = {"id": line.number, "entry": bare, "leaf": leaf_hash(bare)}
        tamper(database, "UPDATE journal SET entry = :entry, leaf = :leaf, stamp = NULL WHERE id = :id", **values)
        before += 1
    tree = MerkleTree()
    for line in ledger.views.lines():
        tree.add(leaf_hash(line.entry.canonical()))
    tamper(database, "UPDATE checkpoints SET root = :root, peaks = :peaks", root=tree.root(), peaks=tree.peaks())
    result = ledger.views.verify()
    assert (result.sound, result.uncovered, result.covered_from) == (True, before, None)
    [one] = ledger.views.trace(FIRST).deliveries if ledger.views.trace(FIRST) else []
    move(ledger, one, Event.CANCEL)
    add(ledger, delivery(2))
    number_entries(ledger)
    result = ledger.views.verify()
    assert (result.sound, result.uncovered, result.covered_from) == (True, before, before)
    tamper(database, "UPDATE deliveries SET state = 'confirmed'")
    assert f"{D1}: state is 'confirmed' in the table, and 'cancelled' by the journal" in found(ledger)


def test_many_pages_are_read_and_stories_of_several_pages_are_whole(
    ledger: SqlLedger, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recomputing, "PAGE", 3)
    monkeypatch.setattr(recomputing, "_STORIES", 2)
    rows = [delivery(number, f"H53.{last:02}") for number in range(1, 6) for last in range(number)]
    add(ledger, *rows)
    assert ledger.views.verify().deliveries == len(rows)
    assert found(ledger) == []
    tamper(database, "DELETE FROM deliveries WHERE id = 7 OR id = 15")
    assert len(found(ledger)) == 2


def test_what_moves_meanwhile_is_no_damage(told: SqlLedger, monkeypatch: pytest.MonkeyPatch) -> None:
    """A worker that commits between the reading of the entries and that of the rows."""
    [open_one] = [one for one in told.views.trace(FIRST).deliveries if one.state not in ENDS]  # type: ignore[union-attr]
    states = [Event.DEFER, Event.CANCEL]
    rows, standing = recomputing.read_rows, [open_one]

    def later(*given: Any) -> Any:
        if states:
            standing.append(move(told, standing[-1], states.pop(0)))
        return rows(*given)

    monkeypatch.setattr(recomputing, "read_rows", later)
    assert found(told) == []


def test_many_recipients_are_told_by_their_digest() -> None:
    codes = [f"H53.{number:03}" for number in range(RECIPIENTS_LISTED + 1)]
    assert recipient_facts(codes[:2][::-1]) == {"recipients": codes[:2]}
    told = recipient_facts(codes[::-1])
    assert told == {"recipient_count": len(codes), "recipients_sha256": digest_of("\n".join(codes).encode())}


def test_an_acceptance_tells_what_it_rests_on(ledger: SqlLedger) -> None:
    rules = {"agencies": "aa" * 32, "schema": "bb" * 32, "trust": "cc" * 32}
    row = envelope(1)
    with ledger.book() as book:
        book.envelopes.add([row], Grounds({row.digest: ["H53.02", "H53.01"]}, rules))
        book.bodies.add({row.digest: MemoryBody(body(1))})
    [line] = [line for line in ledger.views.lines() if line.entry.event == ENVELOPE_ACCEPTED]
    facts = line.entry.facts
    assert (facts["recipients"], facts["rules"], facts["signer"]) == (["H53.01", "H53.02"], rules, row.signer)
    assert (facts["sender"], facts["document"], facts["size"]) == (row.sender, row.document_id, row.size)


@pytest.mark.parametrize("event", [Event.DEFER, Event.HAND_OVER])
def test_a_route_of_today_follows(ledger: SqlLedger, event: Event) -> None:
    """A worker binds what it has claimed to the routes of today, and moves it as it is then."""
    add(ledger, delivery(1))
    with ledger.book() as book:
        [taken] = book.deliveries.claim(NOW, NOW + LEASE, 1)
    elsewhere = Route.link("quoc-gia")
    moved = move(ledger, replace(taken, route=elsewhere), event, route=elsewhere if event is Event.HAND_OVER else None)
    assert moved.route == elsewhere
    assert found(ledger) == []


_EVENTS = st.lists(st.tuples(st.integers(0, 2), st.sampled_from([*Event])), max_size=25)


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(_EVENTS)
def test_whatever_happens_to_deliveries_follows(sqlite_database: Database, events: list[tuple[int, Event]]) -> None:
    ledger = sqlite_database.ledger()
    tamper(sqlite_database, *(f"DELETE FROM {name}" for name in ("deliveries", "bodies", "envelopes", "journal")))  # noqa: S608
    ones = add(ledger, delivery(1, "H53.01"), delivery(1, "H53.02"), delivery(2, "H53.01", urgent=True))
    for number, event in events:
        sqlite_database.clock.at += timedelta(microseconds=1501)
        one = ones[number]
        if event is Event.CLAIM or not allowed(one.state, event):
            with ledger.book() as book:
                book.deliveries.claim(sqlite_database.clock.at, sqlite_database.clock.at, 1)
                book.deliveries.rebind([Route.link("tay-ninh")], lambda _: Route.link("quoc-gia"))
                ones = [*book.deliveries.numbered([each.id for each in ones])]
            continue
        generation = one.generation + 1 if event is Event.RESEND else None
        changes = {"generation": generation, "far_accepted": event is Event.ACCEPT or None, "detail": event.value}
        ones[number] = move(ledger, one, event, **changes)
    assert found(ledger) == []
