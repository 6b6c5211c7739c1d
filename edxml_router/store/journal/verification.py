"""Read the whole journal and tell whether it is what was written.

For every entry: the leaf is the hash of its bytes, the bytes are an entry in canonical form, the searchable
columns repeat its fields. For the log: places without gaps, stamps that rise, and at every checkpoint the root of the
tree over all leaves before it. For the tables beside it: every row of envelopes, deliveries and bodies follows from
the entries about it (:mod:`edxml_router.store.journal.recomputing`). That finds rows and entries altered, removed, or
slipped in. What it cannot find by itself is a journal cut off or rewritten together with its checkpoints and tables:
against that, give the roots that were kept elsewhere (``known``). Runs beside a working node, in short reads. Raises
Setback EDX601, EDX602.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from sqlalchemy import Engine, Select, func, select

from edxml_router.core.delivery.entries.changes import TOLD_BY, Changes
from edxml_router.core.delivery.entries.redaction import Redaction, redaction_of
from edxml_router.core.delivery.journal import Entry, MerkleTree, leaf_bytes, leaf_hash
from edxml_router.core.delivery.views import Damage, Verification
from edxml_router.core.detail import Detail, said
from edxml_router.core.proof.note import VerifierKey
from edxml_router.store.bodies.rehashing import damaged_files
from edxml_router.store.database import migrate
from edxml_router.store.database.engine import reading
from edxml_router.store.journal.notes import note_damage
from edxml_router.store.journal.recomputing import TELLING, Compared, compare_tables
from edxml_router.store.journal.table import checkpoint_columns, checkpoints, entry_columns, journal
from edxml_router.store.retention.recounting import ToldHolds, ToldRemovals

PAGE: Final = 2000  # rows in one read
DAMAGES: Final = 100  # that are described; the others are counted

_SCOPE: Final = select(
    select(func.count()).select_from(journal).scalar_subquery(),
    select(func.coalesce(func.max(checkpoints.c.size), 0)).scalar_subquery(),
    select(func.max(journal.c.position)).where(journal.c.position.is_not(None)).scalar_subquery(),
)


@dataclass(slots=True)
class _Findings:
    damages: list[Damage] = field(default_factory=list)
    count: int = 0

    def add(self, where: str, detail: str, body: str = "") -> None:
        self.count += 1
        if self.count <= DAMAGES:
            self.damages.append(Damage(where, detail, body))


def verify(
    engine: Engine,
    known: Mapping[int, str] | None = None,
    progress: Callable[[int, int], None] | None = None,
    keys: Sequence[VerifierKey] = (),
    files: Path | None = None,
) -> Verification:
    """Verify everything. ``known`` are roots (hex) by size from outside; ``progress`` gets (done, of); ``keys`` are the
    log's, by which the notes of checkpoints are verified. ``files``: where the bodies lie that are kept in files;
    each is read and hashed, one piece at a time."""
    found = _Findings()
    with reading(engine) as connection:
        total, end, highest = connection.execute(_SCOPE).one()  # in one look, since numbering goes on meanwhile
    if highest is not None and highest >= end:
        found.add(Detail("place {end}", end=end), Detail("entries with a place but without a checkpoint"))
    tree, marks = MerkleTree(), _Marks(engine, end, known or {}, found, keys)
    facts = _Facts(found)
    done, stamp = 0, None  # stamps begin with the version that gives them
    with reading(engine) as connection:
        entries = select(*entry_columns(connection))
    for row in _pages(engine, entries.where(journal.c.position < end), journal.c.position):
        if row.position != tree.size:
            found.add(
                Detail("place {size}", size=tree.size),
                Detail("next is place {position}: entries are missing", position=row.position),
            )
            tree.size = row.position  # report each gap once; the roots differ from here on anyway
        facts.look(row, _check(row, found))
        if stamp is not None and (row.stamp is None or row.stamp <= stamp):
            found.add(Detail("entry {id}", id=row.id), Detail("its stamp is not later than that of the place before"))
        stamp = row.stamp or stamp
        tree.add(bytes(row.leaf))
        marks.compare(tree)
        done += 1
        if progress and done % PAGE == 0:
            progress(done, max(done, total))
    marks.finish(tree)
    unnumbered, since = 0, None
    for row in _pages(engine, entries.where(journal.c.position.is_(None)), journal.c.id):
        facts.look(row, _check(row, found))
        unnumbered += 1
        since = row.at if since is None else min(since, row.at)
    compared = Compared()
    if _is_current(engine):
        read = [done + unnumbered]

        def further(count: int) -> None:
            read[0] += count
            if progress:
                progress(read[0], 2 * (done + unnumbered))

        compared = compare_tables(engine, facts.changes, lambda one: found.add(one.where, one.detail), further)
        facts.removals.compare(engine, lambda one: found.add(one.where, one.detail))
        facts.rules.compare(engine, lambda one: found.add(one.where, one.detail))
        facts.holds.compare(engine, lambda one: found.add(one.where, one.detail))
    filed = 0
    if files is not None:

        def one_more(count: int) -> None:
            nonlocal filed
            filed += count
            if progress:
                progress(2 * (done + unnumbered) + filed, 2 * (done + unnumbered) + filed)

        for damage in damaged_files(engine, files, one_more):
            found.add(damage.where, damage.detail, damage.body)
    if progress:
        progress(2 * (done + unnumbered) + filed, 2 * (done + unnumbered) + filed)
    return Verification(
        size=tree.size,
        root=tree.root().hex(),
        unnumbered=unnumbered,
        unnumbered_since=since,
        checkpoints=marks.seen,
        damages=tuple(found.damages),
        damage_count=found.count,
        uncovered=facts.uncovered,
        covered_from=facts.covered_from if facts.uncovered else 0,
        envelopes=compared.envelopes,
        deliveries=compared.deliveries,
        bodies=compared.bodies,
        files=filed,
        redactions=tuple(facts.redactions),
        redaction_count=facts.redaction_count,
    )


def unreadable(damages: Sequence[Damage]) -> Verification:
    """Of a database whose tables cannot be read as what they are: nothing is verified."""
    return Verification(
        size=0,
        root=MerkleTree().root().hex(),
        unnumbered=0,
        unnumbered_since=None,
        checkpoints=0,
        damages=tuple(damages[:DAMAGES]),
        damage_count=len(damages),
    )


def _is_current(engine: Engine) -> bool:
    """Whether the tables are those of this version; a copy of another one may have others, and its entries no facts."""
    return migrate.current(engine) == migrate.newest()


class _Facts:
    """Which entries tell what rows follow from: all, since the version that writes facts."""

    def __init__(self, found: _Findings) -> None:
        self._found = found
        self._begun = False
        self.changes = Changes()
        self.removals = ToldRemovals()
        self.holds = ToldHolds()
        from edxml_router.store.rulesets.recounting import ToldRules  # noqa: PLC0415  # reads all that rules are made of

        self.rules = ToldRules()
        self.redactions: list[Redaction] = []
        self.redaction_count = 0
        self.uncovered = 0
        self.covered_from: int | None = None  # place; None while no entry has facts

    def look(self, row: Any, entry: Entry | None) -> None:
        if entry is None:
            return
        self.removals.add(entry)
        self.holds.add(row.id, entry)
        self.rules.add(entry)
        if (redaction := redaction_of(entry)) is not None:
            self.redaction_count += 1
            if self.redaction_count <= DAMAGES:
                self.redactions.append(redaction)
        if entry.event in TOLD_BY:
            self.changes.add(entry)
        elif entry.event in TELLING:
            if entry.facts:
                if not self._begun:
                    self._begun, self.covered_from = True, row.position
            elif self._begun:
                self._found.add(Detail("entry {id}", id=row.id), Detail("it lacks the facts that such an entry has"))
            else:
                self.uncovered += 1


class _Marks:
    """The checkpoints in order, compared with the tree as it grows."""

    def __init__(
        self, engine: Engine, end: int, known: Mapping[int, str], found: _Findings, keys: Sequence[VerifierKey]
    ) -> None:
        self._keys = keys
        with reading(engine) as connection:
            marks = select(*checkpoint_columns(connection))
        self._stored = _pages(engine, marks.where(checkpoints.c.size <= end), checkpoints.c.size)
        self._next = next(self._stored, None)
        self._known = dict(known)
        self._found = found
        self._broken = False
        self.seen = 0

    def compare(self, tree: MerkleTree) -> None:
        if tree.size in self._known:
            self._compare_known(tree)
        while self._next is not None and self._next.size <= tree.size:
            mark, self._next = self._next, next(self._stored, None)
            self.seen += 1
            if self._broken:
                continue  # every root after the first wrong one is wrong too
            if mark.size != tree.size or bytes(mark.root) != tree.root():
                self._broken = True
                self._found.add(
                    Detail("checkpoint {size}", size=mark.size), Detail("the root does not fit the entries before it")
                )
            elif bytes(mark.peaks) != tree.peaks():
                self._found.add(
                    Detail("checkpoint {size}", size=mark.size), Detail("the peaks do not fit the entries before it")
                )
            elif damage := note_damage(mark, self._keys):
                self._found.add(Detail("checkpoint {size}", size=mark.size), damage)

    def finish(self, tree: MerkleTree) -> None:
        if self._next is not None:
            self._found.add(
                Detail("checkpoint {size}", size=self._next.size),
                Detail("the journal ends at {size}: entries are missing", size=tree.size),
            )
        for size in sorted(self._known):
            self._found.add(
                Detail("known root at {size}", size=size),
                Detail("the journal ends at {size}: entries are missing", size=tree.size),
            )

    def _compare_known(self, tree: MerkleTree) -> None:
        expected = self._known.pop(tree.size).lower()
        if expected != tree.root().hex():
            self._found.add(
                Detail("known root at {size}", size=tree.size), Detail("the journal has {root}", root=tree.root().hex())
            )


def _check(row: Any, found: _Findings) -> Entry | None:
    canonical = bytes(row.entry)
    where = Detail("entry {id}", id=row.id)
    if leaf_hash(leaf_bytes(canonical, row.stamp)) != bytes(row.leaf):
        found.add(where, Detail("the leaf is not the hash of the entry"))
    try:
        entry = Entry.read(canonical)
    except ValueError as error:
        found.add(where, said(error))
        return None
    for name in ("at", "event", "envelope", "recipient", "code", "actor"):
        if getattr(row, name) != getattr(entry, name):
            found.add(where, Detail("column {name} differs from the entry", name=name))
    return entry


def _pages(engine: Engine, query: Select[Any], key: Any) -> Iterator[Any]:
    """All rows by ``key``, each page in its own transaction, so that none takes long."""
    after = -1
    while True:
        with reading(engine) as connection:
            rows = connection.execute(query.where(key > after).order_by(key).limit(PAGE)).all()
        yield from rows
        if len(rows) < PAGE:
            return
        after = rows[-1]._mapping[key.name]
