"""The promises of ``ports.Bodies``: bytes by digest, in the database and in files."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from edxml_router.core.body import MemoryBody
from edxml_router.core.delivery.values import NewQuarantinedItem
from edxml_router.core.link.wire import Chunk, Transfer
from edxml_router.core.problems import Defect, Setback
from edxml_router.core.xml import skeleton
from edxml_router.store.bodies import files as store_bodies
from edxml_router.store.bodies.files import BodyStore, SweepResult
from tests.contract.databases import Database, digest_of

SMALL, LARGE = b"<edXML/>", b"<edXML>" + b"x" * 200_000 + b"</edXML>"
DAY = timedelta(days=1)
MIB = 1024 * 1024


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "bodies"


@pytest.fixture
def bodies(database: Database, folder: Path) -> BodyStore:
    return BodyStore(database.ledger().engine, folder, reserve_bytes=0)


def keep(database: Database, bodies: BodyStore, *contents: bytes) -> list[str]:
    """Stage and commit, as accepting does."""
    named = {digest_of(data): MemoryBody(data) for data in contents}
    bodies.stage(named)
    with database.ledger().book() as book:
        book.bodies.add(named)
    return list(named)


def files(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file() and path.name != ".lock"}


def age(folder: Path, by: timedelta) -> None:
    """Make everything look as if it had been written so long ago."""
    then = (datetime.now(UTC) - by).timestamp()
    for path in [*folder.rglob("*")]:
        os.utime(path, (then, then))


def keep_piece(
    bodies: BodyStore, digest: str, number: int, count: int, size: int, piece: bytes, peer: str = "h53"
) -> bool:
    return bodies.keep_chunk(peer, Chunk(digest, number, count, size, digest_of(piece)), piece, quota=4 * MIB)


def assembled(bodies: BodyStore, digest: str, count: int, peer: str = "h53") -> object:
    transfer = Transfer("t", digest, len(LARGE), ("H53",), 0, (), datetime.now(UTC), chunks=count)
    whole = bodies.assembled(peer, transfer)
    return None if whole is None else whole.whole()


# --- stage and read ---


def test_bodies_come_back_and_large_ones_are_files(database: Database, bodies: BodyStore, folder: Path) -> None:
    small, large = keep(database, bodies, SMALL, LARGE)
    assert bodies.read([small, large, "00" * 32, large]) == {small: SMALL, large: LARGE}
    assert files(folder) == {f"{large[:2]}/{large[2:]}"}
    assert bodies.read([]) == {}


def test_the_largest_stay_on_disk_and_are_checked_all_the_same(
    database: Database, bodies: BodyStore, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    small, large = keep(database, bodies, SMALL, LARGE)
    assert {digest: body.held for digest, body in bodies.open([small, large]).items()} == {small: SMALL, large: LARGE}
    monkeypatch.setattr(store_bodies, "LARGE_BYTES", len(LARGE) - 1)
    opened = bodies.open([small, large])
    body = opened[large]
    assert opened[small].held == SMALL
    assert body.held is None
    assert (len(body), body.digest, b"".join(body.pieces()), b"".join(body.pieces(5, 9))) == (
        len(LARGE), large, LARGE, LARGE[5:9],
    )  # fmt: skip
    body.discard()  # it is the store's own
    assert bodies.read([large]) == {large: LARGE}
    (folder / large[:2] / large[2:]).write_bytes(LARGE[:-1] + b"!")
    assert bodies.open([large]) == {}


def test_what_was_staged_without_a_row_is_not_there(bodies: BodyStore, folder: Path) -> None:
    bodies.stage({digest_of(LARGE): MemoryBody(LARGE)})
    assert len(files(folder)) == 1
    assert bodies.read([digest_of(LARGE)]) == {}


def test_staging_again_mends_a_file(database: Database, bodies: BodyStore, folder: Path) -> None:
    [large] = keep(database, bodies, LARGE)
    (folder / large[:2] / large[2:]).write_bytes(b"torn")
    assert bodies.read([large]) == {}
    bodies.stage({large: MemoryBody(LARGE)})
    assert bodies.read([large]) == {large: LARGE}


@pytest.mark.parametrize(
    "damage",
    [
        lambda path: path.write_bytes(LARGE[:-1] + b"!"),
        lambda path: path.write_bytes(LARGE[:4096]),
        lambda path: path.unlink(),
        lambda path: shutil.rmtree(path.parent),
    ],
    ids=["altered", "torn", "missing", "folder missing"],
)
def test_a_damaged_file_is_left_out(
    database: Database, bodies: BodyStore, folder: Path, damage: Callable[[Path], Any]
) -> None:
    small, large = keep(database, bodies, SMALL, LARGE)
    damage(folder / large[:2] / large[2:])
    assert bodies.read([small, large]) == {small: SMALL}


def test_a_damaged_row_is_left_out(database: Database, bodies: BodyStore) -> None:
    small, large = keep(database, bodies, SMALL, LARGE)
    database.run("UPDATE bodies SET data = :data WHERE digest = :digest", data=b"<edXml/>", digest=small)
    assert bodies.read([small, large]) == {large: LARGE}


def test_a_name_that_is_no_digest_never_becomes_a_path(bodies: BodyStore, tmp_path: Path) -> None:
    for name in ("../" * 10 + "x" * 34, "AB" * 32, "", "a" * 63):
        with pytest.raises(Defect):
            bodies.stage({name: MemoryBody(LARGE)})
        with pytest.raises(Defect):
            keep_piece(bodies, name, 0, 1, 10, b"x")
        with pytest.raises(Defect):
            assembled(bodies, name, 1)
        with pytest.raises(Defect):
            bodies.drop_chunks("h53", name)


# --- room ---


def test_nothing_is_taken_when_the_reserve_would_be_touched(database: Database, folder: Path) -> None:
    bodies = BodyStore(database.ledger().engine, folder, reserve_bytes=2**60)
    attempts: list[Callable[[], None]] = [
        lambda: bodies.stage({digest_of(SMALL): MemoryBody(SMALL)}),
        lambda: bodies.stage({digest_of(LARGE): MemoryBody(LARGE)}),
        lambda: keep_piece(bodies, digest_of(LARGE), 0, 1, len(LARGE), LARGE),
    ]
    for attempt in attempts:
        with pytest.raises(Setback) as caught:
            attempt()
        assert caught.value.code == "EDX601"
    assert files(folder) == set()


def test_room_is_asked_for_the_whole_body_at_its_first_piece(bodies: BodyStore, folder: Path) -> None:
    with pytest.raises(Setback) as caught:
        keep_piece(bodies, digest_of(LARGE), 0, 2, 2**60, b"x")
    assert caught.value.code == "EDX601"


def test_a_file_that_cannot_be_written_is_a_setback_and_leaves_no_rest(bodies: BodyStore, folder: Path) -> None:
    digest = digest_of(LARGE)
    (folder / digest[:2] / digest[2:]).mkdir(parents=True)  # the rename fails
    with pytest.raises(Setback) as caught:
        bodies.stage({digest: MemoryBody(LARGE)})
    assert caught.value.code == "EDX622"
    assert files(folder) == set()


# --- documents too large for memory ---


def test_what_is_received_is_staged_under_its_digest(database: Database, bodies: BodyStore, folder: Path) -> None:
    body = bodies.receive([LARGE[:10], LARGE[10:]])
    assert (body.digest, body.size, len(body)) == (digest_of(LARGE), len(LARGE), len(LARGE))
    assert b"".join(body.pieces(5, 20)) == LARGE[5:20]
    assert list(body.pieces(7, 7)) == []
    bodies.stage({body.digest: body})
    bodies.stage({body.digest: body})
    with database.ledger().book() as book:
        book.bodies.add({body.digest: body})
    assert b"".join(body.pieces()) == LARGE  # it is still there while somebody needs it
    body.discard()
    body.discard()
    assert bodies.read([body.digest]) == {body.digest: LARGE}
    assert files(folder) == {f"{body.digest[:2]}/{body.digest[2:]}"}


def test_what_is_received_and_not_accepted_leaves_nothing(bodies: BodyStore, folder: Path) -> None:
    bodies.receive([LARGE]).discard()
    assert files(folder) == set()

    def broken() -> Iterator[bytes]:
        yield LARGE
        raise ConnectionResetError

    with pytest.raises(Setback):
        bodies.receive(broken())
    assert files(folder) == set()


def test_the_sweep_removes_what_a_crash_left_half_received(bodies: BodyStore, folder: Path) -> None:
    bodies.receive([LARGE])
    now = datetime.now(UTC)
    assert bodies.sweep(DAY, now) == SweepResult()
    age(folder, 2 * DAY)
    assert bodies.sweep(DAY, now) == SweepResult(unfinished=1)
    assert files(folder) == set()


def test_a_received_body_that_has_gone_is_a_setback(bodies: BodyStore) -> None:
    body = bodies.receive([LARGE])
    body.discard()
    with pytest.raises(Setback) as caught:
        list(body.pieces())
    assert caught.value.code == "EDX622"
    with pytest.raises(Setback):
        bodies.stage({body.digest: body})


def test_nothing_is_received_when_the_reserve_would_be_touched(database: Database, folder: Path) -> None:
    bodies = BodyStore(database.ledger().engine, folder, reserve_bytes=2**60)
    with pytest.raises(Setback) as caught:
        bodies.receive([LARGE])
    assert caught.value.code == "EDX601"
    assert files(folder) == set()


def test_a_large_body_is_assembled_on_disk(bodies: BodyStore, folder: Path) -> None:
    data = bytes(skeleton.LARGE_BYTES + 1)
    digest, cut = digest_of(data), pieces(data, 3)
    bound = 4 * len(data)
    for number, piece in enumerate(cut):
        bodies.keep_chunk("h53", Chunk(digest, number, 3, len(data), digest_of(piece)), piece, bound)
    transfer = Transfer("t", digest, len(data), ("H53",), 0, (), datetime.now(UTC), chunks=3)
    whole = bodies.assembled("h53", transfer)
    assert not isinstance(whole, bytes | None)
    assert (whole.digest, b"".join(whole.pieces())) == (digest, data)
    whole.discard()
    odd = cut[1][:-1] + b"!"
    bodies.keep_chunk("h53", Chunk(digest, 1, 3, len(data), digest_of(odd)), odd, bound)
    assert bodies.assembled("h53", transfer) is None
    assert files(folder) == set()


def test_of_a_refused_body_only_the_metadata_is_kept(database: Database, bodies: BodyStore) -> None:
    body = bodies.receive([LARGE])
    item = NewQuarantinedItem(datetime.now(UTC), "h53", "cli", "EDX302", "", "", body)
    with database.ledger().book() as book:
        assert book.quarantine.keep([item], 10**9) == [False]
    body.discard()


# --- chunks ---


def pieces(data: bytes, count: int) -> list[bytes]:
    step = -(-len(data) // count)
    return [data[start : start + step] for start in range(0, len(data), step)]


def test_a_body_is_assembled_from_its_pieces_in_any_order(bodies: BodyStore, folder: Path) -> None:
    digest, cut = digest_of(LARGE), pieces(LARGE, 11)
    assert assembled(bodies, digest, 11) is None
    for number in (10, 3, 0, 9, 1, 8, 2, 4, 6, 7, 7):
        keep_piece(bodies, digest, number, 11, len(LARGE), cut[number])
        assert assembled(bodies, digest, 11) is None
    keep_piece(bodies, digest, 5, 11, len(LARGE), cut[5])
    assert assembled(bodies, digest, 11) == LARGE
    bodies.drop_chunks("h53", digest)
    bodies.drop_chunks("h53", digest)
    assert assembled(bodies, digest, 11) is None
    assert files(folder) == set()


def test_pieces_of_another_cut_do_not_mix(bodies: BodyStore) -> None:
    digest = digest_of(LARGE)
    keep_piece(bodies, digest, 0, 3, len(LARGE), pieces(LARGE, 3)[0])
    for number, piece in enumerate(pieces(LARGE, 2)):
        keep_piece(bodies, digest, number, 2, len(LARGE), piece)
    assert assembled(bodies, digest, 3) is None
    assert assembled(bodies, digest, 2) == LARGE


def test_pieces_that_add_up_to_something_else_are_dropped(bodies: BodyStore, folder: Path) -> None:
    digest, (first, second) = digest_of(LARGE), pieces(LARGE, 2)
    keep_piece(bodies, digest, 0, 2, len(LARGE), first)
    keep_piece(bodies, digest, 1, 2, len(LARGE), second[:-1] + b"!")
    assert assembled(bodies, digest, 2) is None
    assert files(folder) == set()
    keep_piece(bodies, digest, 0, 2, len(LARGE), first)
    keep_piece(bodies, digest, 1, 2, len(LARGE), second)
    assert assembled(bodies, digest, 2) == LARGE


def test_a_piece_that_cannot_be_one_is_a_defect(bodies: BodyStore) -> None:
    for number, count, size in ((2, 2, 10), (-1, 2, 10), (0, 1, 2)):
        with pytest.raises(Defect):
            keep_piece(bodies, digest_of(LARGE), number, count, size, b"abc")


def test_nobody_adds_to_what_another_peer_has_begun(bodies: BodyStore) -> None:
    digest, (first, second) = digest_of(LARGE), pieces(LARGE, 2)
    keep_piece(bodies, digest, 0, 2, len(LARGE), first)
    keep_piece(bodies, digest, 1, 2, len(LARGE), second[:-1] + b"!", peer="h01")
    assert assembled(bodies, digest, 2) is None
    keep_piece(bodies, digest, 1, 2, len(LARGE), second)
    assert assembled(bodies, digest, 2, peer="h01") is None
    assert assembled(bodies, digest, 2) == LARGE
    for name in ("", ".", "..", "a/b"):
        with pytest.raises(Defect):
            keep_piece(bodies, digest, 0, 2, len(LARGE), first, peer=name)


def test_what_a_peer_has_begun_is_bounded_and_can_be_completed(bodies: BodyStore, folder: Path) -> None:
    """Each small body counts for a mebibyte, so neither bytes nor files grow; the others have their own bound."""
    kept = [keep_piece(bodies, digest_of(b"%d" % n), 0, 2, 10, b"x") for n in range(10)]
    assert kept == [True] * 4 + [False] * 6
    assert len(files(folder)) == 4
    assert keep_piece(bodies, digest_of(b"3"), 1, 2, 10, b"y")
    assert keep_piece(bodies, digest_of(b"4"), 0, 2, 10, b"x", peer="h01")
    assert not keep_piece(bodies, digest_of(b"5"), 0, 1000, 1000, b"x")
    bodies.drop_chunks("h53", digest_of(b"0"))
    assert keep_piece(bodies, digest_of(b"4"), 0, 2, 10, b"x")


def test_the_first_body_is_begun_whatever_its_size(bodies: BodyStore) -> None:
    assert keep_piece(bodies, digest_of(LARGE), 0, 2, 40 * MIB, b"x")
    assert not keep_piece(bodies, digest_of(SMALL), 0, 2, 10, b"x")


# --- sweep ---


def test_the_sweep_removes_what_nothing_refers_to(database: Database, bodies: BodyStore, folder: Path) -> None:
    [kept] = keep(database, bodies, LARGE)
    loose = LARGE + b" "
    bodies.stage({digest_of(loose): MemoryBody(loose)})
    keep_piece(bodies, "ab" * 32, 0, 2, 10, b"x")
    (folder / kept[:2] / "0123.part").write_bytes(b"a crash left this")
    assert bodies.sweep(DAY, datetime.now(UTC)) == SweepResult()
    age(folder, 2 * DAY)
    assert bodies.sweep(3 * DAY, datetime.now(UTC)) == SweepResult()
    assert bodies.sweep(DAY, datetime.now(UTC)) == SweepResult(files=1, unfinished=1, chunks=1)
    assert files(folder) == {f"{kept[:2]}/{kept[2:]}"}
    assert bodies.read([kept]) == {kept: LARGE}
    assert bodies.sweep(DAY, datetime.now(UTC)) == SweepResult()


def test_staging_again_keeps_the_sweep_away(bodies: BodyStore, folder: Path) -> None:
    """A repeat after a crash: the row comes only after the sweep has looked."""
    bodies.stage({digest_of(LARGE): MemoryBody(LARGE)})
    age(folder, 2 * DAY)
    bodies.stage({digest_of(LARGE): MemoryBody(LARGE)})
    assert bodies.sweep(DAY, datetime.now(UTC)) == SweepResult()


def test_a_new_piece_keeps_the_old_ones(bodies: BodyStore, folder: Path) -> None:
    digest, (first, second) = digest_of(LARGE), pieces(LARGE, 2)
    keep_piece(bodies, digest, 0, 2, len(LARGE), first)
    age(folder, 2 * DAY)
    keep_piece(bodies, digest, 1, 2, len(LARGE), second)
    assert bodies.sweep(DAY, datetime.now(UTC)) == SweepResult()
    assert assembled(bodies, digest, 2) == LARGE


def test_sweeping_an_empty_store(bodies: BodyStore) -> None:
    assert bodies.sweep(DAY, datetime.now(UTC)) == SweepResult()
