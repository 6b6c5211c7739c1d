"""What a control is measured on, and what a measurement says.

    with opened_situation(settings, level) as situation: …

Everything is read from what is there: configuration, database, files, connections. Nothing is changed but what opening
a database changes. Raises Refusal EDX617 where there is no database, Setback EDX602 for one of another version.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

from edxml_router.config import Settings
from edxml_router.core.detail import Detail
from edxml_router.core.problems import Setback
from edxml_router.services.health.report import PATIENCE
from edxml_router.store.bodies.files import BodyStore
from edxml_router.store.database import migrate
from edxml_router.store.ledger import SqlLedger
from edxml_router.wiring import own_ledger
from edxml_router.wiring.reading import require_file

Compliance = Literal["met", "gap", "not-measured"]


@dataclass(frozen=True, slots=True)
class Measurement:
    """``in_effect`` is the value of what was set, ``evidence`` what was looked at and found. What cannot be seen from
    here is "not-measured", never "met"."""

    compliance: Compliance
    in_effect: str
    evidence: str


@dataclass(frozen=True, slots=True)
class Situation:
    """A node at a moment, of a security level (2, 3 or 4)."""

    settings: Settings
    level: int
    now: datetime
    ledger: SqlLedger
    bodies: BodyStore

    @property
    def size(self) -> int:
        """How many entries of the journal have their place."""
        return self.ledger.views.feed_head().size


@contextmanager
def opened_situation(settings: Settings, level: int) -> Iterator[Situation]:
    """The node of this configuration, as it is now."""
    require_file(settings)
    with closing(own_ledger.open_ledger(settings, PATIENCE)) as ledger:
        schema, newest = migrate.current(ledger.engine), migrate.newest()
        if schema != newest:
            found = schema or Detail("missing")
            detail = Detail("schema {schema}, needed {newest}; run `edxml-router init`", schema=found, newest=newest)
            raise Setback("EDX602", where="store.url", detail=detail)
        yield Situation(
            settings, level, datetime.now(UTC), ledger, BodyStore(ledger.engine, settings.node.data / "bodies")
        )


def met(in_effect: str, evidence: str) -> Measurement:
    return Measurement("met", in_effect, evidence)


def gap(in_effect: str, evidence: str) -> Measurement:
    return Measurement("gap", in_effect, evidence)


def not_measured(in_effect: str, evidence: str) -> Measurement:
    return Measurement("not-measured", in_effect, evidence)
