"""What is counted and timed, for Prometheus: one function per measure, so that the list of measures is this file.

Labels are names of neighbours and offices from the configuration, problem codes and words of ours; never a document,
an agency or anything that a stranger chooses, because each new value is a series that is kept for ever. Names and units
are by the conventions of Prometheus; ``edxml_router_`` stands before them where they are shown.
"""

from __future__ import annotations

import time
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Final

from edxml_router.core.delivery import shares
from edxml_router.core.delivery.journal import ENVELOPE_ACCEPTED, Entry
from edxml_router.core.delivery.lifecycle import ENDS, Event
from edxml_router.core.delivery.values import Move
from edxml_router.core.problems import PROBLEMS, Finding
from edxml_router.observe import tally
from edxml_router.observe.tally import Measure

STRANGERS: Final = "strangers"
REFUSED_EVENT: Final = "envelope.refused"
_QUICK: Final = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0)
_STAGE: Final = (0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)

ACCEPTED: Final = Measure(
    "envelopes_accepted",
    "Envelopes that were accepted, by who brought them.",
    ("peer", "kind", "urgency"),
)
REFUSED: Final = Measure(
    "envelopes_refused", "Envelopes that were refused for good, by who brought them and why.", ("peer", "code")
)
ODD: Final = Measure(
    "inputs_odd", "Other input that was refused or could not be read, by who brought it and why.", ("peer", "code")
)
FORWARDED: Final = Measure(
    "deliveries_forwarded",
    "Deliveries handed over to the hub of the next node, repeats included.",
    ("route", "urgency"),
)
OFFERED: Final = Measure("deliveries_offered", "Deliveries put into the inbox of an office here.", ("route", "urgency"))
DEFERRED: Final = Measure("deliveries_deferred", "Attempts that failed for now, and why.", ("route", "code"))
HELD: Final = Measure("deliveries_held", "Deliveries that were held until a person looks at them, and why.",
                      ("route", "code"))  # fmt: skip
ENDED: Final = Measure(
    "deliveries_ended",
    "Deliveries that came to an end: confirmed, returned, expired or cancelled.",
    ("route", "urgency", "outcome", "code"),
)
STAGE: Final = Measure(
    "stage_duration_seconds",
    "How long a stage took for one batch in which there was something to do.",
    ("stage",),
    _STAGE,
)
BATCH: Final = Measure("stage_items", "What the stages have dealt with in those batches.", ("stage",))
COMMIT: Final = Measure("commit_duration_seconds", "How long the database took to commit.", (), _QUICK)
SYNC: Final = Measure("sync_duration_seconds", "How long the disk took to keep a file for good (fsync).", (), _QUICK)
CONFIRM: Final = Measure(
    "broker_confirm_duration_seconds", "How long a broker took to confirm a message.", ("broker",), _QUICK
)
LOGGED: Final = Measure("log_bytes", "What was written to the log, in bytes.")
LOST_LINES: Final = Measure("log_lost_lines", "Lines of the log that could not be written.")
LOST_PROCESSES: Final = Measure("processes_lost", "Processes that ended unasked and were started again.", ("process",))
REFUSED_CALLERS: Final = Measure(
    "callers_refused", "Calls to the gateway whose credentials count for nothing, and why.", ("code",)
)

MEASURES: Final[Mapping[str, Measure]] = {
    one.name: one
    for one in (
        ACCEPTED, REFUSED, ODD, FORWARDED, OFFERED, DEFERRED, HELD, ENDED, STAGE, BATCH, COMMIT, SYNC, CONFIRM, LOGGED,
        LOST_LINES, LOST_PROCESSES, REFUSED_CALLERS,
    )
}  # fmt: skip


def noted(entries: Iterable[Entry], odd: Iterable[Entry], peers: Collection[str]) -> None:
    """Journal entries that are committed. ``odd`` are those about refused and odd input, those included that the
    journal only counts; a name that is not among ``peers`` was chosen by a stranger."""
    for entry in entries:
        if entry.event == ENVELOPE_ACCEPTED:
            kind = "status" if entry.facts.get("kind") == "status" else "document"
            tally.count(ACCEPTED, (entry.actor, kind, _urgency(bool(entry.facts.get("urgent")))))
    for entry in odd:
        if entry.code:
            measure = REFUSED if entry.event == REFUSED_EVENT else ODD
            tally.count(measure, (shares.counted_as(entry.actor, peers) or STRANGERS, _code(entry.code)))


def moved(moves: Iterable[Move]) -> None:
    """Changes of deliveries that are committed."""
    for move in moves:
        route, urgency = str(move.route or move.delivery.route), _urgency(move.delivery.urgent)
        if move.after in ENDS:
            tally.count(ENDED, (route, urgency, str(move.after), _code(move.code)))
        elif move.event is Event.HAND_OVER:
            tally.count(FORWARDED, (route, urgency))
        elif move.event is Event.OFFER:
            tally.count(OFFERED, (route, urgency))
        elif move.event is Event.DEFER:
            tally.count(DEFERRED, (route, _code(move.code)))
        elif move.event is Event.HOLD:
            tally.count(HELD, (route, _code(move.code)))


@contextmanager
def stage(name: str) -> Iterator[list[int]]:
    """Time a stage; the block puts into the list how much there was to do. Nothing counts where that was nothing."""
    items: list[int] = []
    began = time.perf_counter()
    yield items
    if any(items):
        tally.lasted(STAGE, time.perf_counter() - began, (name,))
        tally.count(BATCH, (name,), sum(items))


def committed(seconds: float) -> None:
    """The database has committed."""
    tally.lasted(COMMIT, seconds)


def synced(seconds: float) -> None:
    """A file is on disk for good."""
    tally.lasted(SYNC, seconds)


def confirmed(broker: str, seconds: float) -> None:
    """A broker has confirmed a message; ``broker`` is its place, as the settings have it."""
    tally.lasted(CONFIRM, seconds, (broker,))


def logged(size: int, lost: int) -> None:
    """So many bytes went to the log, and so many lines did not."""
    tally.count(LOGGED, by=size)
    if lost:
        tally.count(LOST_LINES, by=lost)


def process_lost(name: str) -> None:
    """A worker, the gateway or another process of the node ended unasked."""
    tally.count(LOST_PROCESSES, (name,))


def caller_refused(code: str) -> None:
    """Somebody came to the gateway whose credentials count for nothing."""
    tally.count(REFUSED_CALLERS, (_code(code),))


def hubs(problems: Mapping[str, Finding | None]) -> None:
    """How this worker finds its hubs, by name."""
    tally.stands({name: problem.code if problem else "" for name, problem in problems.items()})


def _urgency(urgent: bool) -> str:
    return "urgent" if urgent else "ordinary"


def _code(code: str) -> str:
    return code if not code or code in PROBLEMS else "other"
