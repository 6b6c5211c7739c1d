"""How long questions to the journal take: a database is filled with so many entries, indexed, and asked.

    scripts/bench queries [--entries 1000000] [--open 100] [--postgresql URL] [--keep FILE]

Each letter has one recipient and ten entries; one in fifty is returned, one in twenty is a status, the last are under
way. The entries have their places and leaves, and one checkpoint without a true root. Prints the sizes, and for each
question to the journal and to the list of documents the median and the 95th percentile of one page of 100 and of the
count.
"""

from __future__ import annotations

import argparse
import hashlib
import random
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import quantiles
from typing import Any, Final

from sqlalchemy import Engine, insert

from edxml_router.core.delivery.entries.facts import Grounds, envelope_facts
from edxml_router.core.delivery.entries.terms import Question
from edxml_router.core.delivery.journal import Entry, leaf_bytes, leaf_hash
from edxml_router.core.delivery.lifecycle import State
from edxml_router.core.delivery.values import EnvelopeRow, identity
from edxml_router.core.link.route import Route
from edxml_router.services.asking import questions
from edxml_router.services.asking.documents import (
    DocumentQuery,
    document_count,
    document_pages,
    document_question,
)
from edxml_router.services.asking.questions import JournalQuery
from edxml_router.store.database.bulk import Insert
from edxml_router.store.database.engine import connect, writing
from edxml_router.store.database.migrate import upgrade
from edxml_router.store.deliveries.table import deliveries
from edxml_router.store.envelopes.table import envelopes
from edxml_router.store.journal.table import checkpoints, journal
from edxml_router.store.search.blocks import index_blocks
from edxml_router.store.views import SqlViews

START: Final = datetime(2026, 1, 1, tzinfo=UTC)
PER_LETTER: Final = 10
AT_ONCE: Final = 5000  # letters in a transaction
RUNS: Final = 20
AGENCIES: Final = [f"H{region:02}.{agency}" for region in range(1, 21) for agency in range(1, 26)]
MOVES: Final = ("claimed", "forwarded", "accepted", "claimed", "deferred", "claimed", "forwarded", "confirmed")
COLUMNS: Final = tuple(column.name for column in envelopes.columns)
ADD_ENVELOPES: Final = Insert(envelopes, COLUMNS)
ADD_DELIVERIES: Final = Insert(deliveries, tuple(each.name for each in deliveries.columns if each.name != "id"))
ADD_ENTRIES: Final = Insert(
    journal, ("position", "at", "event", "envelope", "recipient", "code", "actor", "entry", "leaf", "stamp")
)


def letter(number: int, chance: random.Random) -> tuple[EnvelopeRow, list[Entry]]:
    """A letter and what the journal says of it."""
    at = START + timedelta(seconds=number * 6)
    sender, recipient = chance.choice(AGENCIES), chance.choice(AGENCIES)
    digest = hashlib.sha256(str(number).encode()).hexdigest()
    name = f"{sender},{at:%Y/%m/%d},{number % 40_000}/QĐ-UBND"  # 40,000 letters take almost three days
    kind = "status" if number % 20 == 0 else "document"
    row = EnvelopeRow(
        digest, identity(sender, kind, 0, digest, name), kind, 0, sender, name, (), "", 6000, 1, False, at,
        at + timedelta(days=5), f"xa-{number % 40}", "link", "passed", "", f"{number % 300:064x}", (), (), name,
    )  # fmt: skip
    facts = envelope_facts(row, Grounds({digest: [recipient]}))
    told = [Entry(at, "envelope.accepted", digest, actor=row.peer, detail="passed", facts=facts)]
    route = f"link:tinh-{number % 30}"
    told.append(Entry(at, "delivery.queued", digest, recipient, after="queued", actor=row.peer, detail=route))
    returned = number % 50 == 0
    for step, move in enumerate(MOVES):
        last = step == len(MOVES) - 1
        name, code = ("returned", "EDX505") if last and returned else (move, "EDX702" if move == "deferred" else "")
        when = at + timedelta(seconds=step)
        told.append(Entry(when, f"delivery.{name}", digest, recipient, after=name if last else "", actor="node",
                          code=code, facts={"delivery": number, "route": route}))  # fmt: skip
    return row, told


def standing(number: int, row: EnvelopeRow, told: list[Entry], first_open: int) -> dict[str, Any]:
    """The row of the letter's delivery."""
    last = told[-1]
    under_way = number >= first_open
    state = State.FORWARDED if under_way else State.RETURNED if last.after == "returned" else State.CONFIRMED
    return {
        "digest": row.digest, "recipient": last.recipient, "state": state, "route": Route(last.facts["route"]),
        "origin": Route(f"link:{row.peer}"), "generation": 0, "attempts": 1, "urgent": False, "due_at": last.at,
        "expires_at": row.expires_at, "far_accepted": True, "code": last.code, "detail": "", "updated_at": last.at,
        "version": 9, "lapses": 0, "ended_at": None if under_way else last.at, "handed_at": None, "asked_at": None,
        "chain": 0,
    }  # fmt: skip


def fill(engine: Engine, entries: int, under_way: int) -> None:
    """So many entries, the last letters ``under_way``."""
    chance, position = random.Random(7), 0  # noqa: S311  # the same letters each time
    for first in range(0, entries // PER_LETTER, AT_ONCE):
        numbers = range(first, min(first + AT_ONCE, entries // PER_LETTER))
        letters = [letter(number, chance) for number in numbers]
        rows: list[dict[str, Any]] = []
        for _, told in letters:
            for each in told:
                stamp = START + timedelta(microseconds=position)
                rows.append({"position": position, "at": each.at, "event": each.event, "envelope": each.envelope,
                             "recipient": each.recipient, "code": each.code, "actor": each.actor,
                             "entry": (told_bytes := each.canonical()), "stamp": stamp,
                             "leaf": leaf_hash(leaf_bytes(told_bytes, stamp))})  # fmt: skip
                position += 1
        with writing(engine) as connection:
            ADD_ENVELOPES(connection, [{name: getattr(row, name) for name in COLUMNS} for row, _ in letters])
            first_open = entries // PER_LETTER - under_way
            stand = [standing(number, *one, first_open) for number, one in zip(numbers, letters, strict=True)]
            ADD_DELIVERIES(connection, stand)
            ADD_ENTRIES(connection, rows)
    with writing(engine) as connection:
        values = {"size": position, "root": b"\0" * 32, "peaks": b"", "at": START}
        connection.execute(insert(checkpoints).values(values))


def asked(entries: int) -> Iterator[tuple[str, JournalQuery]]:
    """What an auditor asks: what there is much of, little of, and none of."""
    middle = START + timedelta(seconds=entries // PER_LETTER * 3)
    late = START + timedelta(seconds=entries // PER_LETTER * 6 - 3600)
    yield "nothing", JournalQuery()
    yield "event, all", JournalQuery(event="delivery.")
    yield "event, rare", JournalQuery(event="delivery.returned")
    yield "event, none", JournalQuery(event="trust.block")
    yield "state", JournalQuery(state=State.CONFIRMED)
    yield "code", JournalQuery(code="EDX505")
    yield "actor", JournalQuery(actor="xa-7")
    yield "peer", JournalQuery(peer="tinh-7")
    yield "sender", JournalQuery(sender="H07.7")
    yield "sender, below", JournalQuery(sender="H07.")
    yield "sender, none", JournalQuery(sender="H99.1")
    yield "recipient", JournalQuery(recipient="H09.9")
    yield "kind", JournalQuery(kind="status")
    yield "signer", JournalQuery(signer=f"{7:064x}")
    yield "number", JournalQuery(number="77/qd-ubnd")
    yield "number, any notation", JournalQuery(number="77/")
    yield "digest", JournalQuery(document=hashlib.sha256(b"77").hexdigest())
    yield "agencies (text)", JournalQuery(agencies=AGENCIES[:50])
    yield "an hour", JournalQuery(since=middle, until=middle + timedelta(hours=1))
    yield "the last hour", JournalQuery(since=late)
    yield "sender + recipient", JournalQuery(sender="H07.7", recipient="H09.9")
    yield "sender + code + half", JournalQuery(sender="H07.", code="EDX505", since=middle)


def documents_asked(entries: int) -> Iterator[tuple[str, DocumentQuery]]:
    """What is asked of documents."""
    middle = START + timedelta(seconds=entries // PER_LETTER * 3)
    yield "nothing", DocumentQuery()
    yield "outcome open", DocumentQuery(outcome="open")
    yield "outcome failed", DocumentQuery(outcome="failed")
    yield "outcome confirmed", DocumentQuery(outcome="confirmed")
    yield "outcome mixed: none", DocumentQuery(outcome="mixed")
    yield "state returned", DocumentQuery(state=State.RETURNED)
    yield "code", DocumentQuery(code="EDX505")
    yield "peer", DocumentQuery(peer="tinh-7")
    yield "level", DocumentQuery(level=2)
    yield "recipient, below", DocumentQuery(recipient="H09.")
    yield "number as people say", DocumentQuery(number="Số 077 qd-ubnd")
    yield "sender + failed", DocumentQuery(sender="H07.7", outcome="failed")
    yield "sender + hour + failed", DocumentQuery(
        sender="H07.", outcome="failed", since=middle, until=middle + timedelta(hours=1)
    )


def measure_documents(views: SqlViews, entries: int) -> None:
    for name, query in documents_asked(entries):

        def page(one: DocumentQuery = query) -> None:
            found, shown = document_pages(views, document_question(views, one), size=100), 0
            for part in found:
                shown += len(part.documents)
                if shown >= 100:
                    break

        question = document_question(views, query)
        spent = timed(lambda one=question: document_count(views, one))
        print(f"{name:<22} {timed(page)} {spent}  {document_count(views, question):>12}", flush=True)


def timed(work: Any) -> str:
    """Median and 95th percentile of some runs, in milliseconds."""
    spent = []
    for _ in range(RUNS):
        begun = time.perf_counter()
        work()
        spent.append((time.perf_counter() - begun) * 1000)
    parts = quantiles(spent, n=20)
    return f"{parts[9]:8.1f} {parts[18]:8.1f}"


def measure(engine: Engine, entries: int) -> None:
    views = SqlViews(engine)
    print(f"{'question':<22} {'page p50':>8} {'p95':>8} {'count p50':>9} {'p95':>7}  ms; {'found':>9}")
    for name, query in asked(entries):
        question = questions.made(views, query)

        def page(one: Question = question) -> None:
            views.entries(one, -1, 100)

        def count(one: Question = question) -> None:
            views.entry_count(one)

        print(f"{name:<22} {timed(page)} {timed(count)}  {views.entry_count(question):>12}", flush=True)
    print("documents:")
    measure_documents(views, entries)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--entries", type=int, default=1_000_000)
    parser.add_argument("--open", type=int, default=100, help="how many letters are under way")
    parser.add_argument("--postgresql", default="", help="the URL of an empty database, instead of a file of SQLite")
    parser.add_argument("--keep", type=Path, help="the file to be filled, or asked again")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        file = given.keep or Path(folder) / "journal.db"
        there = file.exists()
        engine = connect(given.postgresql or f"sqlite:///{file}")
        if not there:
            begun = time.perf_counter()
            upgrade(engine)
            fill(engine, given.entries, given.open)
            filled = time.perf_counter()
            before = file.stat().st_size if file.exists() else 0
            blocks = index_blocks(engine, given.entries)
            spent = time.perf_counter() - filled
            print(f"filled in {filled - begun:.0f} s; {blocks} blocks indexed in {spent:.0f} s")
            if before:
                print(f"{before / 1e6:.0f} MB before the index, {file.stat().st_size / 1e6:.0f} MB with it")
        measure(engine, given.entries)
        engine.dispose()


if __name__ == "__main__":
    main()
