"""Copies of a node, and a node made anew from one.

    made = back_up(settings, folder, "lan", progress)
    found = reread(settings, folder, progress)        # what a restore would put back
    restored = restore(settings, folder, "lan", progress)

Each act is journalled with who did it. Raises Refusal EDX609 (the node runs), EDX619 (another node's), EDX677, EDX678
(the copy), EDX679 (there is a journal already), EDX901 (of a newer version), EDX908; Setback as the database and the
disk do.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from edxml_router.config import Settings
from edxml_router.core.delivery.journal import Entry
from edxml_router.core.delivery.lifecycle import State
from edxml_router.core.detail import Detail
from edxml_router.core.link.manifest import exact_instant
from edxml_router.core.link.resync import Recovery
from edxml_router.core.problems import Finding, Refusal
from edxml_router.core.wording import in_words
from edxml_router.node.sole import sole
from edxml_router.services.people.authenticator import sealing_file
from edxml_router.store import upkeep
from edxml_router.store.copies import making, restoring
from edxml_router.store.copies.making import Backup, make_copy
from edxml_router.store.copies.manifest import MANIFEST, Manifest, changed_files, file_digest, read_manifest
from edxml_router.store.database.engine import served_elsewhere
from edxml_router.store.epochs import identity
from edxml_router.store.epochs.recovery import pending
from edxml_router.wiring.opening import ledger_of
from edxml_router.wiring.own_ledger import open_ledger, recognise

BACKUP_MADE: Final = "backup.made"
BACKUP_RESTORED: Final = "backup.restored"
_NAMED: Final = 10  # bodies or damages that are named
_ASKED: Final = 1000  # damaged bodies that one copy reports; the scrub finds the others
Progress = Callable[[int], None]


@dataclass(frozen=True, slots=True)
class Restored:
    """A node that goes on from a copy: everything after ``since`` is missing, and ``parties`` repeat it. ``opened``
    are the deliveries that have not ended, by state. ``log`` is the name of the log that has ended; empty where none
    was signed."""

    manifest: Manifest
    since: datetime
    parties: Sequence[Recovery]
    opened: Mapping[State, int]
    log: str

    @property
    def finding(self) -> Finding | None:
        """What is left for a person to do."""
        return Finding("EDX680", self.log) if self.log else None


def back_up(
    settings: Settings, folder: Path, operator: str, progress: Progress, *, configuration: bool = False
) -> Backup:
    """Copy the journal and the large bodies to a new folder, and verify the copy; with ``configuration`` node.toml and
    every file that it names, keys and passwords too."""
    files = dict(_configuration(settings)) if configuration else {}
    with ledger_of(settings) as ledger:
        folder, now = folder.absolute(), datetime.now(UTC)
        made = make_copy(ledger, settings.node.data / "bodies", folder, now, progress, files)
        told = Detail("{folder}: {entries} entries", folder=str(folder), entries=made.manifest.entries)
        facts = {"manifest": made.digest, "root": made.manifest.root, "size": made.manifest.size, "sound": made.sound}
        with ledger.book() as book:  # the copy is there; a crash before the commit: it is, and nobody was told
            book.journal.note([_entry(ledger.clock.now(), BACKUP_MADE, operator, told, facts)])
            upkeep.note(book.connection, upkeep.BACKUP, now, str(folder), sound=made.sound)
            book.damages.note(made.manifest.missing[:_ASKED], ledger.clock.now())  # and neighbours are asked for them
    return made


def findings(made: Backup) -> Sequence[Finding]:
    """What of a copy is damaged, the first of each kind."""
    missing = [Finding("EDX603", digest) for digest in made.manifest.missing[:_NAMED]]
    return [*missing, *(Finding("EDX605", one.where, one.detail) for one in made.damages[:_NAMED])]


def reread(settings: Settings, folder: Path, progress: Progress | None = None) -> Backup:
    """Read every byte of a copy again. Raises what a restore would refuse it for."""
    manifest = read_manifest(folder)
    if manifest.node not in (settings.node.name, *settings.node.formerly):
        whose = Detail("it is the database of {node}, not of {named}", node=manifest.node, named=settings.node.name)
        raise Refusal("EDX619", where=str(folder), detail=whose)
    for changed in changed_files(folder, progress):
        raise Refusal(changed.code, where=changed.where, detail=changed.detail)
    return Backup(folder, manifest, file_digest(folder / MANIFEST), ())


def restore(settings: Settings, folder: Path, operator: str, progress: Progress | None = None) -> Restored:
    """Put a copy in the place of what this node has lost, and begin the epoch in which it is made up for."""
    data = settings.node.data
    copy = reread(settings, folder, progress)
    manifest = copy.manifest
    try:
        data.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise Refusal("EDX908", where=str(data), detail=in_words(error)) from error
    with sole(data, patience=0.0):
        _require_place(settings)
        restoring.restore_bodies(folder, data / "bodies", progress)
        with closing(open_ledger(settings)) as ledger:
            file = settings.database_url.partition("sqlite:///")[2]
            scratch = Path(file).parent if file else data
            restoring.restore_database(folder / making.DATABASE, ledger.engine, scratch, progress)
        with closing(open_ledger(settings)) as ledger:
            begun = recognise(settings, ledger)
            told = Detail("{folder}, made at {at:%Y-%m-%d %H:%M:%S} UTC", folder=str(folder), at=manifest.made_at)
            facts = {"manifest": copy.digest, "made_at": exact_instant(manifest.made_at)}
            with ledger.book() as book:  # a crash before: the epoch has begun, and its entry says of what
                book.journal.note([_entry(ledger.clock.now(), BACKUP_RESTORED, operator, told, facts)])
            ended = identity.log_ended(ledger.engine, settings.origin)
            since = begun.since if begun else manifest.made_at
            log = settings.origin if ended else ""
            return Restored(manifest, since, pending(ledger.engine), _open(ledger.views.counts()), log)


def _require_place(settings: Settings) -> None:
    """That nobody uses the place of the database, and nothing is in it."""
    file = settings.database_url.partition("sqlite:///")[2]
    if file and not Path(file).exists():
        return
    with closing(open_ledger(settings)) as ledger:
        if served_elsewhere(ledger.engine):
            raise Refusal("EDX609", where="store.url", detail=Detail("workers on another machine use the database"))
        restoring.require_empty(ledger.engine)


def _open(counts: Mapping[State, int]) -> Mapping[State, int]:
    ended = (State.CONFIRMED, State.RETURNED, State.EXPIRED, State.CANCELLED)
    return {state: count for state, count in counts.items() if count and state not in ended}


def _entry(at: datetime, event: str, operator: str, told: Detail, facts: Mapping[str, Any]) -> Entry:
    return Entry(at, event, actor=f"operator:{operator}", detail=told, facts=facts)


def _configuration(settings: Settings) -> Iterator[tuple[str, Path]]:
    """node.toml and the files that it names, by the names they get in a copy."""
    home = settings.path.absolute().parent
    named = [settings.path.absolute(), settings.bindings, sealing_file(settings)]
    for name, value, _ in settings.as_table():
        each = value if isinstance(value, tuple) else (value,)
        named += [path for path in each if isinstance(path, Path) and name != "node.data"]
    for path in dict.fromkeys(named):
        for file in sorted(path.rglob("*")) if path.is_dir() else [path]:
            if file.is_file():
                inside = file.is_relative_to(home)
                yield (file.relative_to(home) if inside else Path("elsewhere", *file.parts[1:])).as_posix(), file
