"""Prepare, begin and stop what is done to many deliveries at once.

    prepared = prepare(ledger, settings, wish, Event.RETRY, "van-thu", "the line is back", now)
    prepared.job.total, prepared.impossible        # exactly which; more may arrive meanwhile, and are not touched
    begin(ledger, settings, prepared.job.id, person, now)   # None: a second person is asked first

Raises Refusal EDX809 for a wish that is not understood, EDX810 where more match than one job may be about, EDX811 for a
job that is not there any more.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from edxml_router.config import Settings
from edxml_router.core.delivery.lifecycle import Event, states_before
from edxml_router.core.detail import Detail
from edxml_router.core.problems import Finding, Refusal
from edxml_router.services import operator
from edxml_router.services.bulk.wishes import Wish, choice_of
from edxml_router.services.people.approvals import approved, selection_digest
from edxml_router.services.people.roles import Person
from edxml_router.services.people.signing_in import console_of
from edxml_router.store.bulk import choosing, jobs
from edxml_router.store.bulk.jobs import PREPARED_AGE, BulkJob, JobState
from edxml_router.store.ledger import SqlLedger

MOST: Final = 50_000  # deliveries of one job
BATCH: Final = 200  # in one transaction
ACTS: Final = (Event.RETRY, Event.RESEND, Event.HOLD, Event.RELEASE, Event.CANCEL)
# The acts for which a second person may be asked, as console.four_eyes calls them.
_AGAIN: Final = (Event.RETRY, Event.RESEND, Event.RELEASE)
SECOND_PERSON: Final[Mapping[Event, str]] = {**dict.fromkeys(_AGAIN, "redrive"), Event.CANCEL: "cancel"}
WITH_REASON: Final = frozenset({Event.HOLD, Event.CANCEL, Event.RESEND})


@dataclass(frozen=True, slots=True)
class Prepared:
    """A job as it is shown before it begins: it is about exactly ``job.total`` deliveries. For the others that match,
    how many are left out for which reason."""

    job: BulkJob
    impossible: Mapping[Finding, int]


def act_named(typed: str) -> Event:
    """The act of this name; one that is not done to many at once is none."""
    if typed not in ACTS:
        raise Refusal("EDX809", where="act", detail=Detail("not understood: {typed}", typed=typed[:50]))
    return Event(typed)


def job_named(typed: str) -> int:
    """The number of a job, as it stands in an address."""
    if not is_number(typed):
        raise Refusal("EDX811", where=typed[:50])
    return int(typed)


def is_number(typed: str) -> bool:
    """Whether it is one that the database can have."""
    return typed.isascii() and typed.isdecimal() and len(typed) < 19


def prepare(
    ledger: SqlLedger, settings: Settings, wish: Wish, act: Event, person: str, reason: str, now: datetime
) -> Prepared:
    """Choose all that match and for which the act is possible now, and keep which they are."""
    act = act_named(act)
    if act in WITH_REASON and not reason.strip():
        raise Refusal("EDX809", where="reason", detail=Detail("this act needs a reason"))
    choice = choice_of(wish, settings, ledger.views, now)
    before = states_before(act)
    impossible: Counter[Finding] = Counter()
    for state in choice.states:
        count = 0 if state in before else choosing.chosen_count(ledger.engine, replace(choice, states=(state,)))
        if count:
            impossible[Finding("EDX607", "", state.word)] = count
    choice = replace(choice, states=tuple(state for state in choice.states if state in before))
    numbers = choosing.chosen_numbers(ledger.engine, choice, MOST + 1)
    if len(numbers) > MOST:
        raise Refusal("EDX810", where="filters", detail=Detail("more than {most} match", most=MOST))
    possible: list[int] = []
    for start in range(0, len(numbers), BATCH):
        batch = numbers[start : start + BATCH]
        for number, finding in zip(batch, operator.try_out(ledger, act, batch), strict=True):
            if finding is None:
                possible.append(number)
            else:
                impossible[Finding(finding.code, "", finding.detail)] += 1
    with ledger.book() as book:
        number = jobs.add_job(book.connection, act, person, reason.strip()[:400], wish.query, possible, now,
                              prepared_age(settings))  # fmt: skip
    return Prepared(standing_job(ledger, number), impossible)


def begin(ledger: SqlLedger, settings: Settings, number: int, person: Person, now: datetime) -> BulkJob | None:
    """Let it be done, in its turn; None where a second person has to approve first (``console.four_eyes``), who has
    now been asked. Only by whoever prepared it: they have seen what it is about, and the journal says that they did
    it."""
    job = standing_job(ledger, number)
    if job.person != person.name:
        raise Refusal("EDX811", where=Detail("job {number}", number=number), detail=job.person)
    if now - job.made_at > prepared_age(settings):  # before an approval is used up for it
        raise Refusal("EDX811", where=Detail("job {number}", number=number))
    approver = ""
    if (asked := SECOND_PERSON.get(job.act)) is not None and job.state is JobState.PREPARED:
        # Of the job and its very numbers: an approval is for nothing else.
        digest = selection_digest([f"job {number}", job.act, job.reason, *jobs.job_numbers(ledger.engine, number)])
        said = f"job {number}: {job.act} {job.total}, {job.wish or '-'}; {job.reason or '-'}"
        answer = approved(ledger, settings, person, asked, digest, said)
        if answer is None:
            return None
        approver = answer
    with ledger.book() as book:
        begun = jobs.begin_job(book.connection, number, approver, now, prepared_age(settings))
    if not begun:
        raise Refusal("EDX811", where=Detail("job {number}", number=number))
    return standing_job(ledger, number)


def prepared_age(settings: Settings) -> timedelta:
    """How long a job that is prepared can be begun: where a second person may be asked, as long as that may take."""
    console = console_of(settings)
    return max(PREPARED_AGE, console.approval_time) if console.four_eyes else PREPARED_AGE


def stop(ledger: SqlLedger, number: int, person: str, now: datetime) -> BulkJob:
    """By ``person``. What was done stays done; the rest is left as it is."""
    with ledger.book() as book:
        stopped = jobs.stop_job(book.connection, number, person, now)
    if not stopped:
        raise Refusal("EDX811", where=Detail("job {number}", number=number))
    return standing_job(ledger, number)


def begun_jobs(ledger: SqlLedger, limit: int) -> list[BulkJob]:
    """Those that were begun, the newest first."""
    return jobs.latest_jobs(ledger.engine, limit)


def standing_job(ledger: SqlLedger, number: int) -> BulkJob:
    """How it stands."""
    job = jobs.one_job(ledger.engine, number)
    if job is None:
        raise Refusal("EDX811", where=Detail("job {number}", number=number))
    return job
