"""Open a database for queries: a node's own, by its configuration, or any other by its address.

    with open_own(config) as asked: …                    # of the configuration, only where the database is
    with open_other(read_place("copy.db")) as asked: …   # without any

Raises ConfigErrors, Refusal EDX617, and what :mod:`edxml_router.store.read_only` raises. Findings name the database (a
path, or a URL without its password), and its schema where that is the cause.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path

from edxml_router.config import Settings, load_for_reading
from edxml_router.core.agencies.registry import Registry
from edxml_router.core.body import Body
from edxml_router.core.delivery.journal import Entry
from edxml_router.core.detail import Detail
from edxml_router.core.problems import Defect, Refusal, Setback, Trouble
from edxml_router.ports.views import Views
from edxml_router.resources import folder
from edxml_router.store import catalogue
from edxml_router.store.bodies.files import BodyStore
from edxml_router.store.database import migrate
from edxml_router.store.epochs import identity
from edxml_router.store.journal import sequencer
from edxml_router.store.read_only import DatabasePlace, compare_schema, open_views, read_place
from edxml_router.store.views import SqlViews
from edxml_router.wiring.agencies import load_registry
from edxml_router.wiring.own_ledger import OwnLedger, open_ledger

__all__ = ["DatabasePlace", "ReadableDatabase", "open_other", "open_own", "read_place", "require_file"]


def _no_bodies(_digests: Sequence[str]) -> Mapping[str, Body]:
    return {}


@dataclass(frozen=True, slots=True)
class ReadableDatabase:
    """A database open for queries. ``schema`` is "older" or "newer" where it is not this program's; ``files``: the
    folder of the bodies that lie in files, of the node's own."""

    views: Views
    config: Path | None = None
    schema: str = ""
    files: Path | None = None
    ledger: OwnLedger | None = None  # of the node itself; a copy is only read
    named_owner: Callable[[], str] = str
    open_bodies: Callable[[Sequence[str]], Mapping[str, Body]] = _no_bodies

    def note(self, entry: Callable[[datetime], Entry]) -> None:
        """Write an entry, dated by the node's clock, into the journal that was asked, if it is the node's. It gets its
        place here, since no worker may be there to do it. Raises Setback EDX601, EDX602, EDX622."""
        if self.ledger is None:
            return
        with self.ledger.book() as book:
            book.journal.note([entry(self.ledger.clock.now())])
        # Committed. A crash before this line leaves the place to a worker, or to the next command.
        with suppress(Trouble):
            sequencer.number_entries(self.ledger)

    def note_damaged(self, digests: Sequence[str]) -> None:
        """Have neighbours asked for these bodies, if the database is the node's. Raises Setback EDX601, EDX602,
        EDX622."""
        if self.ledger is None or not digests:
            return
        with self.ledger.book() as book:  # a crash before the commit: the scrub finds them as well
            book.damages.note(digests, self.ledger.clock.now())

    def now(self) -> datetime:
        """By the node's clock; of a copy, by this machine's."""
        return self.ledger.clock.now() if self.ledger is not None else datetime.now(UTC)

    def owner(self) -> str:
        """The name of the node whose database this is; empty where it is of a version that did not say."""
        with suppress(Trouble):
            return self.named_owner()
        return ""

    def canonical(self, code: str) -> str:
        """The canonical code of an agency, by the node's catalogue or the packaged one; else as it is. A dot behind it
        stays there."""
        one = code.removesuffix(".")
        return f"{self._registry().canonical_or_none(one) or one}{code[len(one) :]}"

    def named(self, words: str, most: int = 200) -> Sequence[str]:
        """The codes of the agencies whose code and name contain all these words, whatever their case and diacritics.
        Raises Refusal EDX418 where they are more than ``most``."""
        found = [agency.code for agency in islice(self._registry().find(words), most + 1)]
        if len(found) > most:
            raise Refusal("EDX418", where="text", detail=Detail("more than {most} agencies are called so", most=most))
        return found

    def _registry(self) -> Registry:
        if self.config is None:
            return catalogue.load_catalogue(folder("agency_codes"))
        return load_registry(load_for_reading(self.config, agencies=True))


def require_file(settings: Settings) -> None:
    """Refuse (EDX617) where the SQLite file is missing: opening it would create an empty one."""
    file = settings.database_url.partition("sqlite:///")[2]
    if file and not Path(file).exists():
        detail = Detail("no such file") if Path(file).parent.is_dir() else Detail("the folder is not there")
        raise Refusal("EDX617", where=file, detail=detail)


@contextmanager
def open_own(config: Path) -> Iterator[ReadableDatabase]:
    """The node's database; the rest of the configuration is not read."""
    settings = load_for_reading(config)
    require_file(settings)
    ledger = open_ledger(settings)
    with _explained(ledger.views, ""):
        yield ReadableDatabase(ledger.views, config, files=settings.node.data / "bodies", ledger=ledger,
                               named_owner=lambda: identity.owner(ledger.engine),
                               open_bodies=BodyStore(ledger.engine, settings.node.data / "bodies").open)  # fmt: skip


@contextmanager
def open_other(place: DatabasePlace) -> Iterator[ReadableDatabase]:
    """A copy, or any database that may be read: nothing is written to it or beside it."""
    views = open_views(place)
    with _explained(views, place.shown):
        beside = (place.path.parent if place.path else Path()) / "bodies"
        yield ReadableDatabase(
            views,
            schema=compare_schema(views.engine),
            named_owner=lambda: identity.owner(views.engine),
            open_bodies=BodyStore(views.engine, beside).open,
        )


@contextmanager
def _explained(views: SqlViews, shown: str) -> Iterator[None]:
    try:
        yield
    except Trouble as trouble:
        cause = _schema(views, copied=bool(shown)) if isinstance(trouble, Defect) else None
        told = cause or trouble
        if shown and told.finding.where in ("", "store.url"):
            told.finding = replace(told.finding, where=shown)
        if cause:
            raise cause from trouble
        raise
    finally:
        views.close()


def _schema(views: SqlViews, *, copied: bool) -> Setback | None:
    """The schema as the cause of a failure; asked only after one, since the answer takes longer than most commands."""
    found, ours = migrate.current(views.engine), migrate.newest()
    if found == ours:
        return None
    found = found or "missing"
    if copied:  # which nobody is to upgrade
        return Setback(
            "EDX602", where="store.url", detail=Detail("schema {found}, needed {ours}", found=found, ours=ours)
        )
    return Setback(
        "EDX602",
        where="store.url",
        detail=Detail("schema {found}, needed {ours}; run `edxml-router init`", found=found, ours=ours),
    )
