"""Whose database this is, and whether it is the one this node last used.

    recognised = recognise(ledger, data_folder, claim)     # at every opening, and now and then while the node runs

A database restored from a back-up has forgotten what came afterwards, and cannot tell. So each node keeps a mark
outside it: the number and hash of the newest journal entry it has seen, in ``journal.mark`` of its data folder. A
journal where that entry is missing or different is not the one the node last used. Copies made by ``edxml-router
backup`` identify themselves, so they are recognised on a new machine too. A new *epoch* then begins in the database and
the mark, is journalled, and :mod:`edxml_router.store.epochs.recovery` notes who is to be asked for what is missing.

The mark lags by the pause between two looks, so a restore goes unnoticed only if nothing older than that is missing.
Several machines on one PostgreSQL have a mark each: the first to notice begins the epoch, and the others find it in the
list of epochs. Raises Refusal EDX619 when the database is another node's, Setback EDX602 when the mark cannot be read.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from sqlalchemy import Connection, Engine, func, insert, select, text, update

from edxml_router.core.delivery.journal import JOURNAL_RESTORED, Entry, leaf_hash
from edxml_router.core.detail import Detail
from edxml_router.core.link.manifest import shortest_instant
from edxml_router.core.link.route import Route
from edxml_router.core.problems import Refusal, Setback
from edxml_router.core.wording import in_words
from edxml_router.disk import durable
from edxml_router.store.book import SqlBook
from edxml_router.store.database.engine import alone, reading
from edxml_router.store.deliveries.table import OPEN, deliveries
from edxml_router.store.epochs import numbers, recovery
from edxml_router.store.epochs.tables import epochs, identity
from edxml_router.store.journal.table import journal
from edxml_router.store.ledger import SqlLedger

FILE: Final = "journal.mark"
_LOCK: Final = 0x6564786D_0003  # an advisory lock of PostgreSQL: "edxm", 3
_NEWEST: Final = select(journal.c.id, journal.c.entry, journal.c.at).order_by(journal.c.id.desc()).limit(1)


@dataclass(frozen=True, slots=True)
class Claimant:
    """Who opens the database: the node's name, those it had before, and whom it would ask after a restore. ``log`` is
    the name of the log whose checkpoints it signs; empty where it signs none."""

    node: str
    formerly: Sequence[str] = ()
    parties: Sequence[Route] = ()
    log: str = ""


@dataclass(frozen=True, slots=True)
class NewEpoch:
    """A new epoch: everything after ``since`` is missing."""

    epoch: str
    since: datetime
    reason: str


@dataclass(frozen=True, slots=True)
class _Mark:
    epoch: str
    entry: int
    leaf: str


def recognise_database(ledger: SqlLedger, data: Path, claim: Claimant) -> NewEpoch | None:
    """Look whether the database is this node's and the one it left, and renew the mark; the epoch that began now."""
    mark = _read(data)
    with reading(ledger.engine) as connection:
        standing = _standing(connection, data, mark, claim)
        newest = connection.execute(_NEWEST).one_or_none()
    if standing.settled:
        _keep(data, mark, _Mark(standing.epoch, *_entry(newest)))
        return None
    with ledger.book() as book:
        alone(book.connection, _LOCK)
        restored = _settle(book, data, claim, ledger.clock.now())
    # A crash here, after the commit, leaves the old mark; its epoch is in the list, so nothing begins twice.
    with reading(ledger.engine) as connection:
        standing = _standing(connection, data, _read(data), claim)
        newest = connection.execute(_NEWEST).one_or_none()
    _keep(data, mark, _Mark(standing.epoch, *_entry(newest)))
    return restored


def declare_restored(ledger: SqlLedger, claim: Claimant, since: datetime, reason: str) -> NewEpoch:
    """Begin an epoch because an operator says that everything since then is missing."""
    with ledger.book() as book:
        return _begin(book, claim, ledger.clock.now(), since, reason, claim.log)


def log_ended(engine: Engine, log: str) -> datetime | None:
    """When a log of this name ended, because entries of it are missing: what is signed under it from then on would
    contradict what others have seen. None: it goes on."""
    with reading(engine) as connection:
        return connection.execute(select(func.min(epochs.c.at)).where(epochs.c.log == log)).scalar_one_or_none()


def begun_at(engine: Engine) -> datetime | None:
    """When the first epoch began: since then there is something to lose."""
    with reading(engine) as connection:
        return connection.execute(select(func.min(epochs.c.at))).scalar_one_or_none()


def owner(engine: Engine) -> str:
    """The node whose database this is; empty when it is nobody's yet."""
    with reading(engine) as connection:
        return connection.execute(select(identity.c.node)).scalar_one_or_none() or ""


def marked(data: Path) -> bool:
    """Whether this data folder has ever belonged to a database."""
    return (data / FILE).exists()


@dataclass(frozen=True, slots=True)
class _Standing:
    settled: bool
    epoch: str = ""
    lost: str = ""  # why the journal is not the one that was left; empty when it is
    shorter: bool = False  # whether entries are missing for sure


def _standing(connection: Connection, data: Path, mark: _Mark | None, claim: Claimant) -> _Standing:
    row = connection.execute(select(identity)).one_or_none()
    if row is None:
        return _Standing(settled=False)
    lost, shorter = "", True
    if row.copied_at is not None:
        lost = Detail("a back-up of {at:%Y-%m-%d %H:%M:%S} UTC was restored", at=row.copied_at)
    elif mark is None:
        # Machines that share a database come and go; but a SQLite file lies beside the mark that was made before it.
        if connection.dialect.name == "sqlite" and data.is_dir():
            lost, shorter = Detail("{file} is missing beside it", file=FILE), False
    elif not _fits(connection, mark, row.epoch):
        lost = Detail("entry {entry} of the journal is missing", entry=mark.entry)
    return _Standing(not lost and row.node == claim.node, row.epoch, lost, bool(lost) and shorter)


def _fits(connection: Connection, mark: _Mark, epoch: str) -> bool:
    if mark.epoch != epoch:  # another machine of this node has noticed already, or this is older than our epoch
        return connection.execute(select(epochs.c.at).where(epochs.c.epoch == mark.epoch)).one_or_none() is not None
    if not mark.entry:
        return True
    entry = connection.execute(select(journal.c.entry).where(journal.c.id == mark.entry)).scalar_one_or_none()
    return entry is not None and _hash(entry) == mark.leaf


def _settle(book: SqlBook, data: Path, claim: Claimant, now: datetime) -> NewEpoch | None:
    connection = book.connection
    row = connection.execute(select(identity)).one_or_none()
    if row is None:
        epoch = secrets.token_hex(8)
        _first_mark(data, epoch)  # before the commit: a database with an epoch but no mark counts as restored
        connection.execute(insert(identity), {"id": 1, "node": claim.node, "epoch": epoch, "copied_at": None})
        connection.execute(insert(epochs), {"epoch": epoch, "at": now, "since": now, "reason": "made"})
        return None
    if row.node != claim.node:
        if row.node not in claim.formerly:
            whose = Detail("it is the database of {node}, not of {named}", node=row.node, named=claim.node)
            raise Refusal("EDX619", where="store.url", detail=whose)
        connection.execute(update(identity).values(node=claim.node))
        told = Detail("{old} is {new}", old=row.node, new=claim.node)
        book.journal.note([Entry(now, "node.renamed", actor="node", detail=told)])
    standing = _standing(connection, data, _read(data), claim)  # asked again under the lock
    if not standing.lost:
        return None
    since = connection.execute(select(func.max(journal.c.at))).scalar_one_or_none() or now
    ended = claim.log if standing.shorter else ""  # a lost mark alone takes no name from a log that may be whole
    return _begin(book, claim, now, min(since, now), standing.lost, ended)


def _begin(book: SqlBook, claim: Claimant, now: datetime, since: datetime, reason: str, log: str) -> NewEpoch:
    epoch = secrets.token_hex(8)
    connection = book.connection
    connection.execute(update(identity).values(epoch=epoch, copied_at=None))
    connection.execute(insert(epochs), {"epoch": epoch, "at": now, "since": since, "reason": reason, "log": log})
    recovery.open_all(connection, claim.parties, epoch, since, now)
    numbers.leave_behind(connection, now)
    # What had left here may have ended long ago: ask about all of it now, and expire none of it before the answers.
    connection.execute(update(deliveries).where(text("state = 'forwarded'")).values(due_at=now))
    grace = now + recovery.GRACE
    connection.execute(
        update(deliveries).where(text(OPEN), deliveries.c.expires_at < grace).values(expires_at=grace)
    )
    detail = Detail(
        "epoch {epoch}, since {since:%Y-%m-%d %H:%M:%S} UTC: {reason}", epoch=epoch, since=since, reason=reason
    )
    facts = {"expires_at": shortest_instant(grace)}
    book.journal.note([Entry(now, JOURNAL_RESTORED, actor="node", code="EDX618", detail=detail, facts=facts)])
    return NewEpoch(epoch, since, reason)


def _entry(newest: Any) -> tuple[int, str]:
    return (newest.id, _hash(newest.entry)) if newest is not None else (0, "")


def _hash(entry: bytes) -> str:
    """Of the entry without its stamp: it may have none yet, and the mark must fit when it has."""
    return leaf_hash(bytes(entry)).hex()


def _read(data: Path) -> _Mark | None:
    """The mark; None where there is none, or something else. Raises Setback EDX602 where it cannot be read now: without
    a handle, or the permission, a whole journal would be taken for one from a back-up, at every try again."""
    try:
        fields = json.loads((data / FILE).read_bytes())
        return _Mark(str(fields["epoch"]), int(fields["entry"]), str(fields["leaf"]))
    except (FileNotFoundError, NotADirectoryError, ValueError, KeyError, TypeError):
        return None
    except OSError as error:
        raise Setback("EDX602", where=str(data / FILE), detail=in_words(error)) from error


def _first_mark(data: Path, epoch: str) -> None:
    try:
        durable.write([(data / FILE, _bytes(_Mark(epoch, 0, "")))])
    except OSError as error:
        raise Refusal("EDX908", where=str(data / FILE), detail=in_words(error)) from error


def _bytes(mark: _Mark) -> bytes:
    return json.dumps({"epoch": mark.epoch, "entry": mark.entry, "leaf": mark.leaf}).encode() + b"\n"


def _keep(data: Path, old: _Mark | None, new: _Mark) -> None:
    if new == old:
        return
    with suppress(OSError):  # an older mark still fits; mail is forwarded even on a full disk
        durable.write([(data / FILE, _bytes(new))])
