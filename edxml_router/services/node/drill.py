"""Try a copy out: put it back into a folder of its own, look whether all is there, and leave nothing behind.

    found = drill(settings, Path("/backup/2026-11-27"), "lan", progress)

What a person would find out after a loss is found out before it: every file is as it was written; the database opens
here, with this version's schema; the journal verifies and ends with the root that the manifest names; every body is
what its digest says; the newest letters can be told with their history; the journal of the node, where there is one,
continues that of the copy; and who opens what was put back knows that it is a copy. The act is journalled. Raises
Refusal EDX677, EDX908, EDX619; Setback EDX601 where there is too little room, and what the node's own database raises;
all that is wrong with the copy is in :class:`Drill`.
"""

from __future__ import annotations

import shutil
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from edxml_router.config import Settings
from edxml_router.core.delivery.journal import Entry
from edxml_router.core.detail import Detail
from edxml_router.core.problems import Finding, Refusal, Setback, Trouble
from edxml_router.core.proof.note import VerifierKey
from edxml_router.core.proof.paths import is_consistent
from edxml_router.core.wording import in_words
from edxml_router.credentials.identities import log_signer
from edxml_router.services import auditor
from edxml_router.services.node.copies import Progress
from edxml_router.store import integrity, upkeep
from edxml_router.store.bodies import listing
from edxml_router.store.bodies.files import BodyStore
from edxml_router.store.clocks import steady_clock
from edxml_router.store.clocks.steady_clock import SteadyClock
from edxml_router.store.copies import restoring
from edxml_router.store.copies.making import BODIES, DATABASE
from edxml_router.store.copies.manifest import Manifest, changed_files, read_manifest
from edxml_router.store.database.engine import connect
from edxml_router.store.epochs import identity
from edxml_router.store.ledger import SqlLedger
from edxml_router.wiring.opening import ledger_of
from edxml_router.wiring.own_ledger import claim

BACKUP_TRIED: Final = "backup.tried"
FAILED: Final = "EDX682"
_LETTERS: Final = 100  # the newest, whose history is told
_NAMED: Final = 20  # findings that are kept
_PAGE: Final = 20  # bodies that are read at once
_ROOM: Final = 3  # times the size of a copy: the bodies, and the database twice while its schema is brought up to date


@dataclass(slots=True)
class Drill:
    """What came of it. ``node_size`` is how far the node's own journal goes; None where there was none to compare with.
    ``seconds`` is how long it took, which a restore takes too."""

    folder: Path
    manifest: Manifest
    letters: int = 0  # whose history was told
    bodies: int = 0  # that were hashed, in the database and in files
    deliveries: int = 0
    node_size: int | None = None
    seconds: float = 0.0
    findings: list[Finding] = field(default_factory=list)

    @property
    def sound(self) -> bool:
        return not self.findings

    def fail(self, code: str, where: str, detail: str) -> None:
        if len(self.findings) < _NAMED:
            self.findings.append(Finding(code, where, detail))


def drill(settings: Settings, folder: Path, operator: str, progress: Progress, scratch: Path | None = None) -> Drill:
    """Try the copy in ``folder`` out in a new folder within ``scratch``, by default where temporary files go."""
    begun = time.monotonic()
    found = Drill(folder.absolute(), read_manifest(folder))
    if found.manifest.node not in (settings.node.name, *settings.node.formerly):
        names = {"node": found.manifest.node, "named": settings.node.name}
        whose = Detail("it is the database of {node}, not of {named}", **names)
        raise Refusal("EDX619", where=str(folder), detail=whose)
    for changed in changed_files(folder, progress):
        found.fail(changed.code, changed.where, changed.detail)
    for digest in found.manifest.missing:
        found.fail("EDX603", digest, Detail("it was gone when the copy was made"))
    with _scratch(scratch, found.manifest) as place:
        try:
            _put_back(settings, found, place, progress)
        except Trouble as trouble:  # of the copy: that is what a drill is for
            if trouble.code == "EDX610":  # whose remedy is for the node's own journal, which is not what is damaged
                found.fail(FAILED, str(found.folder / DATABASE), trouble.finding.detail)
            else:
                found.fail(trouble.code, trouble.finding.where, trouble.finding.detail)
    _compare(settings, found)
    found.seconds = time.monotonic() - begun
    _note(settings, found, operator)
    return found


@contextmanager
def _scratch(within: Path | None, manifest: Manifest) -> Iterator[Path]:
    try:
        with tempfile.TemporaryDirectory(prefix="edxml-router-drill-", dir=within) as name:
            free = shutil.disk_usage(name).free
            if free < _ROOM * manifest.bytes:
                detail = Detail("{free} bytes free, {needed} needed", free=free, needed=_ROOM * manifest.bytes)
                raise Setback("EDX601", where=name, detail=detail)
            yield Path(name)
    except OSError as error:
        raise Refusal("EDX908", where=str(within or tempfile.gettempdir()), detail=in_words(error)) from error


def _put_back(settings: Settings, found: Drill, place: Path, progress: Progress) -> None:
    restoring.restore_bodies(found.folder, place / BODIES, progress)
    engine = connect(f"sqlite:///{place / DATABASE}")
    restoring.restore_database(found.folder / DATABASE, engine, place, progress)
    engine.dispose()
    ledger = SqlLedger(connect(f"sqlite:///{place / DATABASE}"), SteadyClock(place / steady_clock.FILE))
    with closing(ledger):
        if damage := integrity.database_damage(ledger.engine):
            found.fail(FAILED, str(found.folder / DATABASE), damage)
            return
        _verify(found, ledger, _keys(settings), progress)
        _hash_bodies(found, ledger, place, progress)
        _tell_letters(found, ledger)
        # Last, since it writes: whoever starts from it knows what it has forgotten.
        if identity.recognise_database(ledger, place, claim(settings)) is None:
            found.fail(FAILED, str(found.folder / DATABASE), Detail("it does not say that it is a copy"))


def _keys(settings: Settings) -> Sequence[VerifierKey]:
    signer = log_signer(settings)
    return (signer.verifier,) if signer else ()


def _verify(found: Drill, ledger: SqlLedger, keys: Sequence[VerifierKey], progress: Progress) -> None:
    def verified(_done: int, _of: int) -> None:
        progress(1)

    told = ledger.views.verify({}, verified, keys)
    for damage in told.damages:
        found.fail("EDX605", damage.where, damage.detail)
    if (told.size, told.root) != (found.manifest.size, found.manifest.root):
        found.fail(FAILED, DATABASE, Detail("its journal does not end as the manifest says"))
    found.deliveries = told.deliveries


def _hash_bodies(found: Drill, ledger: SqlLedger, place: Path, progress: Progress) -> None:
    """Read every body by its digest, as who forwards or fetches it would."""
    store, after = BodyStore(ledger.engine, place / BODIES, reserve_bytes=0), ""
    while page := [digest for digest, _ in listing.digests_after(ledger.engine, after, _PAGE)]:
        whole = store.open(page)
        for digest in page:
            if digest not in whole and digest not in found.manifest.missing:
                found.fail("EDX603", digest, Detail("it is not in the copy, or damaged"))
        found.bodies += len(whole)
        progress(len(page))
        after = page[-1]


def _tell_letters(found: Drill, ledger: SqlLedger) -> None:
    """The newest letters with all that happened to them, as an auditor asks for it."""
    for one in ledger.views.find_envelopes(limit=_LETTERS):
        told = auditor.history(ledger.views, one.envelope.digest).told
        if not told or not told[0].trace.deliveries or not told[0].trace.lines:
            found.fail(FAILED, one.envelope.digest, Detail("its history is not told"))
        found.letters += 1


def _compare(settings: Settings, found: Drill) -> None:
    """Whether the node's own journal continues that of the copy, by a proof of growth. After a loss there is none."""
    try:
        with ledger_of(settings) as ledger:
            newest = ledger.views.checkpoint()
            size, root = found.manifest.size, bytes.fromhex(found.manifest.root)
            if newest is None:
                return
            found.node_size = newest.size
            if newest.size < size:
                told = Detail("the node's journal has {size} entries, the copy {more}", size=newest.size, more=size)
                found.fail(FAILED, "journal", told)
                return
            path = ledger.views.consistency(size, newest.size)
            if not is_consistent(size, root, newest.size, bytes.fromhex(newest.root), path):
                found.fail(FAILED, "journal", Detail("the node's journal does not continue that of the copy"))
    except Refusal as refusal:
        if refusal.code != "EDX617":
            raise


def _note(settings: Settings, found: Drill, operator: str) -> None:
    if found.node_size is None:
        return  # there is no journal to write it into
    told = Detail(
        "{folder}: {letters} letters, {bodies} bodies",
        folder=str(found.folder),
        letters=found.letters,
        bodies=found.bodies,
    )
    facts = {"root": found.manifest.root, "size": found.manifest.size, "sound": found.sound}
    with ledger_of(settings) as ledger, ledger.book() as book:
        code = "" if found.sound else FAILED
        at = ledger.clock.now()
        book.journal.note([Entry(at, BACKUP_TRIED, actor=f"operator:{operator}", code=code, detail=told, facts=facts)])
        upkeep.note(book.connection, upkeep.DRILL, datetime.now(UTC), str(found.folder), sound=found.sound)
