"""Whether the tables follow from the journal: envelopes, deliveries and bodies, each row compared with what the entries
about it tell.

Entries are read by envelope, in pages, and only the stories of a page are held: what one envelope has of recipients,
never the journal. A node may be working meanwhile, so whatever does not follow is looked at again before it counts:
rows first, then entries. Then two anti-joins find rows that no entry tells of. Raises Setback EDX601, EDX602.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Connection, Engine, and_, exists, select

from edxml_router.core.delivery.entries.changes import Changes
from edxml_router.core.delivery.entries.reasons import CommittedReason
from edxml_router.core.delivery.entries.receipts import differing, missing
from edxml_router.core.delivery.entries.replay import ToldDelivery, ToldEnvelope
from edxml_router.core.delivery.journal import (
    DELIVERY_EVENTS,
    DELIVERY_QUEUED,
    DELIVERY_REROUTED,
    ENVELOPE_ACCEPTED,
    OUTCOME_SIGNED,
    WORDS_REDACTED,
    Entry,
)
from edxml_router.core.delivery.values import Delivery, EnvelopeRow
from edxml_router.core.delivery.views import Damage
from edxml_router.core.detail import Detail
from edxml_router.core.link.manifest import shortest_instant
from edxml_router.core.link.wire import Receipt
from edxml_router.store.bodies.table import bodies
from edxml_router.store.database.engine import reading
from edxml_router.store.deliveries.reasons import reasons_of
from edxml_router.store.deliveries.table import deliveries, delivery_rows
from edxml_router.store.envelopes.table import envelopes, envelopes_of
from edxml_router.store.journal.table import journal
from edxml_router.store.receipts.book import receipt_of, receipts
from edxml_router.store.retention.tables import removed

PAGE: Final = 2000  # rows in one read
_STORIES: Final = 200  # envelopes that are compared at once, …
_DELIVERIES: Final = 5000  # … or deliveries
_LOOKS: Final = 3

_DELIVERED: Final = (DELIVERY_QUEUED, DELIVERY_REROUTED, *DELIVERY_EVENTS.values())
TELLING: Final = frozenset({ENVELOPE_ACCEPTED, *_DELIVERED, WORDS_REDACTED})
STORIED: Final = TELLING | {OUTCOME_SIGNED}  # which has no facts beside its fields
_ENTRIES: Final = select(journal.c.id, journal.c.envelope, journal.c.entry).where(
    journal.c.envelope != "", journal.c.event.in_(sorted(STORIED))
)


@dataclass(frozen=True, slots=True)
class Compared:
    """How many rows were compared with the journal."""

    envelopes: int = 0
    deliveries: int = 0
    bodies: int = 0


def compare_tables(
    engine: Engine, changes: Changes, found: Callable[[Damage], None], progress: Callable[[int], None]
) -> Compared:
    """Tell ``found`` each row that does not follow from the journal. ``progress`` gets how many entries were read."""
    counts = [0, 0, 0]
    for batch in _batches(_stories(engine, progress)):
        damages = _differences(engine, batch, changes, counts)
        for digest in dict.fromkeys(digest for digest, _ in damages):
            for damage in _again(engine, digest, changes, {one for where, one in damages if where == digest}):
                found(damage)
    for damage in _untold(engine):
        found(damage)
    return Compared(*counts)


def story_of(connection: Connection, digest: str) -> ToldEnvelope:
    """The story that all entries of one envelope tell."""
    story, after = ToldEnvelope(digest), -1
    while True:
        query = _ENTRIES.where(journal.c.envelope == digest, journal.c.id > after)
        rows = connection.execute(query.order_by(journal.c.id).limit(PAGE)).all()
        for row in rows:
            _tell(story, row.entry)
        if len(rows) < PAGE:
            return story
        after = rows[-1].id


def _tell(story: ToldEnvelope, canonical: bytes) -> None:
    try:
        story.add(Entry.read(bytes(canonical)))
    except (ValueError, KeyError, TypeError):
        story.covered = False  # said where entries are verified one by one


def _stories(engine: Engine, progress: Callable[[int], None]) -> Iterator[ToldEnvelope]:
    story, digest, after = ToldEnvelope(""), "", -1
    while True:
        # Two ranges of the index by envelope: what is left of this one, and then all that follow.
        same = _ENTRIES.where(journal.c.envelope == digest, journal.c.id > after).order_by(journal.c.id).limit(PAGE)
        others = _ENTRIES.where(journal.c.envelope > digest).order_by(journal.c.envelope, journal.c.id).limit(PAGE)
        with reading(engine) as connection:
            rows = connection.execute(same).all() if digest else []
            rows = rows or connection.execute(others).all()
        if not rows:
            break
        for row in rows:
            if row.envelope != story.digest:
                if story.digest:
                    yield story
                story = ToldEnvelope(row.envelope)
            _tell(story, row.entry)
        digest, after = rows[-1].envelope, rows[-1].id
        progress(len(rows))
    if story.digest:
        yield story


def _batches(stories: Iterable[ToldEnvelope]) -> Iterator[list[ToldEnvelope]]:
    batch: list[ToldEnvelope] = []
    count = 0
    for story in stories:
        batch.append(story)
        count += len(story.deliveries)
        if len(batch) >= _STORIES or count >= _DELIVERIES:
            yield batch
            batch, count = [], 0
    if batch:
        yield batch


@dataclass(frozen=True, slots=True)
class Rows:
    """What the tables have of some envelopes, by digest."""

    envelopes: Mapping[str, EnvelopeRow]
    deliveries: Mapping[str, Sequence[Delivery]]
    bodies: Mapping[str, Any]
    removed: frozenset[str]  # bodies that were removed on purpose; that this was told is verified by itself
    receipts: Mapping[str, Sequence[Receipt]]
    reasons: Mapping[str, Sequence[CommittedReason]]


def read_rows(connection: Connection, digests: Sequence[str], recipient: str = "") -> Rows:
    """The rows of these envelopes; of deliveries all, or those to one recipient."""
    theirs: dict[str, list[Delivery]] = {digest: [] for digest in digests}
    about = select(deliveries).where(deliveries.c.digest.in_(digests))
    if recipient:
        about = about.where(deliveries.c.recipient == recipient)
    for one in delivery_rows(connection.execute(about)):
        theirs[one.digest].append(one)
    kept = {row.digest: row for row in connection.execute(select(bodies).where(bodies.c.digest.in_(digests)))}
    gone = select(removed.c.digest).where(removed.c.digest.in_([each for each in digests if each not in kept]))
    made: dict[str, list[Receipt]] = {digest: [] for digest in digests}
    said: dict[str, list[CommittedReason]] = {digest: [] for digest in digests}
    for row in connection.execute(select(receipts).where(receipts.c.envelope.in_(digests))):
        if recipient in ("", row.recipient):
            made[row.envelope].append(receipt_of(row))
    for each in reasons_of(connection, digests):
        if recipient in ("", each.recipient):
            said[each.digest].append(each)
    absent = frozenset(connection.execute(gone).scalars())
    return Rows(envelopes_of(connection, digests), theirs, kept, absent, made, said)


def _differences(
    engine: Engine, stories: Sequence[ToldEnvelope], changes: Changes, counts: list[int]
) -> list[tuple[str, Damage]]:
    with reading(engine) as connection:
        rows = read_rows(connection, [story.digest for story in stories])
    counts[0] += len(rows.envelopes)
    counts[1] += sum(map(len, rows.deliveries.values()))
    counts[2] += len(rows.bodies)
    return compare(stories, changes, rows)


def _again(engine: Engine, digest: str, changes: Changes, damages: set[Damage]) -> list[Damage]:
    """What still holds when rows and entries are read again: what moved meanwhile falls out."""
    for _ in range(_LOOKS):
        with reading(engine) as connection:
            rows = read_rows(connection, [digest])
            story = story_of(connection, digest)
        damages = damages & {damage for _, damage in compare([story], changes, rows)}
    return sorted(damages, key=lambda one: (one.where, one.detail))


def compare(stories: Sequence[ToldEnvelope], changes: Changes, rows: Rows) -> list[tuple[str, Damage]]:
    """What does not follow of these rows, each with the digest of its envelope."""
    return [
        (story.digest, damage)
        for story in stories
        for damage in (
            *_envelope(story, rows.envelopes.get(story.digest), changes),
            *_reasons(story, rows.reasons[story.digest]),
            *_deliveries(story, rows.deliveries[story.digest], changes),
            *_body(story, rows.bodies.get(story.digest), removed=story.digest in rows.removed),
            *_receipts(story, rows.receipts[story.digest]),
        )
    ]


def _envelope(story: ToldEnvelope, row: EnvelopeRow | None, changes: Changes) -> Iterator[Damage]:
    where = Detail("envelope {digest}", digest=story.digest)
    if story.accepted is None:
        if row is not None:
            yield Damage(where, Detail("it is in the table, and no entry tells of its acceptance"))
        return
    if row is None:
        yield Damage(where, Detail("it was accepted, and is not in the table any more"))
        return
    try:
        told = story.envelope
    except (ValueError, KeyError, TypeError):
        yield Damage(where, Detail("the facts of its acceptance cannot be read"))
        return
    if told is None:  # of a version that did not write them
        return
    for name in (each.name for each in fields(EnvelopeRow)):
        said, found = getattr(told, name), getattr(row, name)
        if name == "peer":
            said, found = changes.peer(said), changes.peer(found)
        if said != found:
            yield Damage(where, _differs(name, found, said))


def _deliveries(story: ToldEnvelope, rows: Sequence[Delivery], changes: Changes) -> Iterator[Damage]:
    there = {row.recipient: row for row in rows}
    for recipient, one in story.deliveries.items():
        row = there.pop(recipient, None)
        where = Detail("delivery of {digest} to {recipient}", digest=story.digest, recipient=recipient)
        if row is None:
            yield Damage(where, Detail("the journal tells of it, and it is not in the table any more"))
            continue
        for name, found, said in (*one.differing(row), *_parties(one, row, changes), *_lasts(one, row, changes)):
            yield Damage(where, _differs(name, found, said))
        chains = story.accepted.facts.get("chains", []) if story.accepted and story.accepted.facts else None
        if chains is not None and row.chain != (chains[0] if chains else 0):
            yield Damage(where, _differs("chain", row.chain, chains[0] if chains else 0))
    for row in there.values():
        where = Detail("delivery of {digest} to {recipient}", digest=story.digest, recipient=row.recipient)
        yield Damage(where, Detail("it is in the table, and no entry of the journal tells of it"))


def _reasons(story: ToldEnvelope, kept: Sequence[CommittedReason]) -> Iterator[Damage]:
    """Words that entries commit to; where they are kept no more, an entry tells of their erasure. The story has them
    from here on."""
    words = {one.commitment: one.words for one in kept if one.holds}
    committed: set[str] = set()
    excused = story.redacted | {one.commitment for one in kept}
    for told in story.deliveries.values():
        told.say(words)
        committed |= told.reasons
        if told.reasons - excused:
            where = Detail("reason of {digest} from {recipient}", digest=story.digest, recipient=told.recipient)
            yield Damage(where, Detail("its words are gone, and no entry of the journal tells of their erasure"))
    for one in kept:
        where = Detail("reason of {digest} from {recipient}", digest=one.digest, recipient=one.recipient)
        if not one.holds:
            yield Damage(where, Detail("its words are others than those that the entry commits to"))
        elif one.commitment not in committed:
            yield Damage(where, _NOWHERE)


def _receipts(story: ToldEnvelope, kept: Sequence[Receipt]) -> Iterator[Damage]:
    for one in story.deliveries.values():
        redacted = bool(story.redacted & one.reasons)
        for outcome in dict.fromkeys(missing(one, kept, redacted=redacted)):
            where = Detail("receipt of {digest} from {recipient}", digest=story.digest, recipient=one.recipient)
            yield Damage(where, Detail("the statement on which {outcome} rests is not in the table any more",
                                       outcome=outcome))  # fmt: skip
    for receipt in kept:
        told = story.deliveries.get(receipt.recipient)
        for name, found, said in differing(told, receipt) if told is not None else ():
            where = Detail("receipt of {digest} from {recipient}", digest=story.digest, recipient=receipt.recipient)
            yield Damage(where, _differs(name, found, said))


def _parties(one: ToldDelivery, row: Delivery, changes: Changes) -> Iterator[tuple[str, Any, Any]]:
    for name in ("route", "origin"):
        said, found = getattr(one, name), getattr(row, name)
        if said is not None and one.whole and changes.party(said) != changes.party(found):
            yield name, found, said


def _lasts(one: ToldDelivery, row: Delivery, changes: Changes) -> Iterator[tuple[str, Any, Any]]:
    """When it expires: as told, or later where a back-up was restored while it was open."""
    if one.expires_at is None or row.expires_at == one.expires_at:
        return
    if row.expires_at > one.expires_at and row.expires_at in changes.graces:
        return
    yield "expires_at", row.expires_at, one.expires_at


def _body(story: ToldEnvelope, row: Any, *, removed: bool) -> Iterator[Damage]:
    where = Detail("body {digest}", digest=story.digest)
    if story.accepted is None or not story.accepted.facts:
        if row is not None and row.data is not None and hashlib.sha256(row.data).hexdigest() != story.digest:
            yield Damage(where, Detail("its bytes are others than those that were accepted"))
        return
    size = story.accepted.facts.get("size", 0)
    if row is None:
        if not removed:
            yield Damage(where, Detail("it was accepted, and is not in the table any more"))
    elif row.data is not None and hashlib.sha256(row.data).hexdigest() != story.digest:
        yield Damage(where, Detail("its bytes are others than those that were accepted"))
    elif row.size != size:
        yield Damage(where, _differs("size", row.size, size))


def _untold(engine: Engine) -> Iterator[Damage]:
    """Rows of which no entry tells at all; of others, the stories have told."""
    tables = (
        (envelopes.c.digest, envelopes.c.digest, ()),
        (deliveries.c.id, deliveries.c.digest, (deliveries.c.recipient,)),
        (bodies.c.digest, bodies.c.digest, ()),
    )
    for key, digest, more in tables:
        told = exists().where(and_(journal.c.envelope == digest, journal.c.envelope != ""))
        query = select(key.label("key"), digest.label("of"), told.label("told"), *more).order_by(key).limit(PAGE)
        after: Any = None
        while True:
            with reading(engine) as connection:
                rows = connection.execute(query if after is None else query.where(key > after)).all()
            for row in rows:
                if not row.told:
                    yield Damage(_named(key.table.name, row), _NOWHERE)
            if len(rows) < PAGE:
                break
            after = rows[-1].key


_NOWHERE: Final = Detail("it is in the table, and no entry of the journal tells of it")


def _named(table: str, row: Any) -> Detail:
    if table == deliveries.name:
        return Detail("delivery of {digest} to {recipient}", digest=row.of, recipient=row.recipient)
    if table == bodies.name:
        return Detail("body {digest}", digest=row.of)
    return Detail("envelope {digest}", digest=row.of)


def _differs(name: str, found: Any, told: Any) -> Detail:
    return Detail(
        "{name} is {found} in the table, and {told} by the journal", name=name, found=_text(found), told=_text(told)
    )


def _text(value: Any) -> str:
    if isinstance(value, datetime):
        return shortest_instant(value)
    if isinstance(value, tuple):
        return "[" + ", ".join(str(each) for each in value[:10]) + "]"
    return repr(str(value)[:200]) if isinstance(value, str) or value is None else str(value)
