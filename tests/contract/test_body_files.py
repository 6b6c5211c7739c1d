"""Bodies that lie in files are read when the journal is verified: what was exchanged, cut or lost there is named."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from edxml_router.core.body import MemoryBody
from edxml_router.store.bodies import rehashing
from edxml_router.store.bodies.files import BodyStore
from edxml_router.store.ledger import SqlLedger
from tests.contract.databases import Database, body, delivery, digest_of, envelope

BYTES = [body(number, 4096 + number) for number in range(1, 6)]


@pytest.fixture
def filed(database: Database, tmp_path: Path) -> tuple[SqlLedger, Path]:
    ledger = database.ledger(inline_limit=1024)
    store = BodyStore(ledger.engine, tmp_path / "bodies", inline_limit=1024, reserve_bytes=0)
    kept = {digest_of(data): MemoryBody(data) for data in BYTES}
    store.stage(kept)
    rows = [
        replace(envelope(number), digest=digest_of(data), size=len(data)) for number, data in enumerate(BYTES, start=1)
    ]
    with ledger.book() as book:
        book.envelopes.add(rows)
        book.bodies.add(kept)
        book.deliveries.add([replace(delivery(), digest=row.digest) for row in rows])
    return ledger, tmp_path / "bodies"


def named(ledger: SqlLedger, folder: Path) -> list[str]:
    found = ledger.views.verify(files=folder)
    assert found.files == len(BYTES)
    return [f"{one.where}: {one.detail}" for one in found.damages]


def test_what_lies_in_files_is_read(filed: tuple[SqlLedger, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    ledger, folder = filed
    monkeypatch.setattr(rehashing, "_PAGE", 2)
    progress: list[int] = []
    found = ledger.views.verify(None, lambda done, _: progress.append(done), (), folder)
    assert (found.damages, found.files, found.bodies) == ((), len(BYTES), len(BYTES))
    assert progress == sorted(progress)
    assert ledger.views.verify().files == 0  # a copy of the database alone


def test_each_file_that_is_another_is_named(filed: tuple[SqlLedger, Path]) -> None:
    ledger, folder = filed
    first, second, third, fourth, _ = (digest_of(data) for data in BYTES)
    path = {digest: folder / digest[:2] / digest[2:] for digest in (first, second, third, fourth)}
    for each in path.values():
        each.chmod(0o600)
    path[first].write_bytes(BYTES[1])  # exchanged
    path[second].write_bytes(BYTES[1][:-1])
    path[third].unlink()
    path[fourth].unlink()
    path[fourth].mkdir()
    others = "its bytes are others than those that were accepted"
    told = named(ledger, folder)
    assert set(told) >= {f"body {first}: {others}", f"body {second}: {others}"}
    assert f"body {third}: its file is missing" in told
    assert len(told) == 4


def test_a_name_that_is_no_digest_is_no_path(filed: tuple[SqlLedger, Path], database: Database) -> None:
    ledger, folder = filed
    database.run("UPDATE bodies SET digest = '../../etc/passwd' WHERE digest = :digest", digest=digest_of(BYTES[0]))
    assert "body ../../etc/passwd: its name in the table is no digest" in named(ledger, folder)
