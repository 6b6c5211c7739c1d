"""Stored bodies are read again slice by slice; what is damaged is kept aside, journalled once, and mended."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

from edxml_router.core.body import MemoryBody
from edxml_router.store import upkeep
from edxml_router.store.bodies.damaged import damaged_bodies
from edxml_router.store.bodies.files import BodyStore
from edxml_router.store.bodies.scrubbing import Scrubbed, scrub
from edxml_router.store.ledger import SqlLedger
from tests.contract.databases import Database, digest_of, envelope

RATE = 7000  # bytes a second: a slice of ten seconds is one large body
LARGE = [b"<edXML>%d</edXML>" % number + bytes(70_000) for number in range(2)]
SMALL = b"<edXML>small</edXML>"


def kept(database: Database, folder: Path) -> tuple[SqlLedger, BodyStore]:
    ledger = database.ledger()
    store = BodyStore(ledger.engine, folder, reserve_bytes=0)
    whole = {digest_of(data): MemoryBody(data) for data in (*LARGE, SMALL)}
    store.stage(whole)
    with ledger.book() as book:
        book.envelopes.add([envelope(number, digest=digest) for number, digest in enumerate(whole, 1)])
        book.bodies.add(whole)
    return ledger, store


def rounds(database: Database, ledger: SqlLedger, store: BodyStore) -> list[Scrubbed]:
    """Slices, each when its time has come, to the end of the round."""
    found = [scrub(ledger, store, RATE)]
    while (standing := upkeep.last(ledger.engine, upkeep.SCRUB)) is not None and standing.place:
        assert standing.due_at is not None
        assert scrub(ledger, store, RATE) == Scrubbed()  # not before its time, by whatever process
        database.clock.at = standing.due_at
        found.append(scrub(database.ledger(), store, RATE))  # a restart goes on where it was
    return found


def test_everything_is_read_again_at_its_pace(database: Database, tmp_path: Path) -> None:
    ledger, store = kept(database, tmp_path)
    before = database.clock.at
    slices = rounds(database, ledger, store)
    assert (sum(each.bodies for each in slices), [one for each in slices for one in each.damaged]) == (3, [])
    assert len(slices) > 1
    spent = (database.clock.at - before).total_seconds()
    assert spent >= sum(each.bytes for each in slices[:-1]) / RATE
    assert scrub(ledger, store, RATE) == Scrubbed()
    database.clock.at += timedelta(days=1)
    assert scrub(ledger, store, RATE).bodies == 1 or len(slices) == 2


def test_what_is_damaged_is_kept_aside_and_journalled_once(database: Database, tmp_path: Path) -> None:
    ledger, store = kept(database, tmp_path)
    changed, gone, small = *map(digest_of, LARGE), digest_of(SMALL)
    path = tmp_path / changed[:2] / changed[2:]
    path.write_bytes(b"!" + LARGE[0][1:])
    (tmp_path / gone[:2] / gone[2:]).unlink()
    database.run("UPDATE bodies SET data = :data WHERE digest = :digest", data=b"?", digest=small)
    found = sorted(one for each in rounds(database, ledger, store) for one in each.damaged)
    assert found == sorted((changed, gone, small))
    assert not path.exists()
    aside = {each.name: each.read_bytes() for each in (tmp_path / "damaged").iterdir()}
    assert aside == {changed: b"!" + LARGE[0][1:], small: b"?"}
    assert [digest for digest, _ in damaged_bodies(ledger.engine, 10)] == sorted(found)
    database.clock.at += timedelta(days=1)
    assert [one for each in rounds(database, ledger, store) for one in each.damaged] == []
    assert database.count("journal", "event = 'body.damaged' AND code = 'EDX603'") == 3
    with ledger.book() as book:
        assert sorted(book.damages.claim(database.clock.at, 10)) == sorted(found)
        assert book.damages.claim(database.clock.at, 10) == []
    store.stage({digest: MemoryBody(data) for digest, data in ((changed, LARGE[0]), (gone, LARGE[1]))})
    with ledger.book() as book:
        for digest, data, inline in ((changed, LARGE[0], None), (gone, LARGE[1], None), (small, SMALL, SMALL)):
            book.damages.mend(digest, len(data), inline, database.clock.at, "link:tw")
            book.damages.mend(digest, len(data), inline, database.clock.at, "link:tw")  # a second answer
    assert store.read(found).keys() == set(found)
    assert damaged_bodies(ledger.engine, 10) == []
    assert database.count("journal", "event = 'body.mended'") == 3


def test_what_is_damaged_goes_with_its_letter(database: Database, tmp_path: Path) -> None:
    ledger, store = kept(database, tmp_path)
    digest = digest_of(SMALL)
    database.run("UPDATE bodies SET data = :data WHERE digest = :digest", data=b"?", digest=digest)
    rounds(database, ledger, store)
    later = datetime.now(UTC) + timedelta(hours=2)
    store.sweep(timedelta(hours=1), later)
    assert (tmp_path / "damaged" / digest).exists()
    database.run("DELETE FROM bodies WHERE digest = :digest", digest=digest)  # as [retention] does
    with ledger.book() as book:
        assert book.damages.claim(database.clock.at, 10) == []
    assert damaged_bodies(ledger.engine, 10) == []
    store.sweep(timedelta(hours=1), later)
    assert not (tmp_path / "damaged" / digest).exists()


def test_a_body_that_was_let_go_is_not_missed(database: Database, tmp_path: Path) -> None:
    ledger, store = kept(database, tmp_path)
    digest = digest_of(LARGE[0])
    original = store.open

    def vanishing(digests: list[str]) -> object:
        if digest in digests:
            database.run("DELETE FROM bodies WHERE digest = :digest", digest=digest)
            (tmp_path / digest[:2] / digest[2:]).unlink(missing_ok=True)
        return original(digests)

    store.open = vanishing  # type: ignore[method-assign, assignment]
    assert [one for each in rounds(database, ledger, store) for one in each.damaged] == []
