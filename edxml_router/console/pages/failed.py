"""What waits and what has failed, by cause and way; and what an operator does to all of it that matches.

Nothing is done from the list. A person chooses conditions and an act, sees exactly how many deliveries that is about
and which of them are left out, and only then lets it be done, as a job: which they are is kept with it, so more that
arrive meanwhile are not touched. One who has prepared a job begins it; the journal names them with each delivery.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from starlette.responses import Response

from edxml_router.console.visit import PageRoute, Visit
from edxml_router.core.delivery.lifecycle import Event, State
from edxml_router.core.delivery.values import Delivery
from edxml_router.core.problems import PROBLEMS, Finding
from edxml_router.services.bulk import jobs
from edxml_router.services.bulk.given import BulkJob, CauseGroup, JobState
from edxml_router.services.bulk.jobs import ACTS, begun_jobs, prepared_age
from edxml_router.services.bulk.listing import Listed, list_matching
from edxml_router.services.bulk.wishes import FIELDS, SHOWN, Wish, read_wish
from edxml_router.services.people.roles import AUDITOR, OPERATOR

PAGE: Final = 100  # rows
JOBS: Final = 10
READERS: Final = frozenset({OPERATOR, AUDITOR})
ACTING: Final = frozenset({OPERATOR})
REDRIVE: Final[Mapping[State, Event]] = {State.RETURNED: Event.RESEND, State.EXPIRED: Event.RESEND,
                                         State.CANCELLED: Event.RESEND, State.HELD: Event.RELEASE}  # fmt: skip


@dataclass(frozen=True, slots=True)
class GroupRow:
    """One cause on one way: how many, since when, what helps, and the query that lists exactly these."""

    cause: str
    code: str
    remedy: str
    actor: str
    way: str
    kind: str
    state: State
    count: int
    since: datetime
    query: str


def waiting_and_failed(visit: Visit) -> Response:
    wish = read_wish(visit.query)
    after = visit.query.get("after", "")
    known = list_matching(
        visit.node.ledger, visit.settings, wish, int(after) if jobs.is_number(after) else 0, PAGE, datetime.now(UTC)
    )
    rows = known.deliveries
    return visit.render(
        "failed.html",
        wish=wish,
        fields=FIELDS,
        states=(*SHOWN, State.CANCELLED),
        known=known,
        groups=[_group(one, wish, visit.language) for one in known.groups],
        rows=[(one, _problem(one)) for one in rows],
        following=rows[-1].id if len(rows) == PAGE else 0,
        acts=ACTS,
        likely=_likely(known),
        jobs=begun_jobs(visit.node.ledger, JOBS),
        now=datetime.now(UTC),
        may_act=visit.person.has(OPERATOR),
        filtered=bool(wish),
    )


def prepare(visit: Visit) -> Response:
    """Choose what matches now; what comes of it is shown before anything is done."""
    prepared = jobs.prepare(
        visit.node.ledger, visit.settings, read_wish(visit.form), jobs.act_named(visit.form.get("act", "")),
        visit.person.name, visit.form.get("reason", ""), visit.node.now(),
    )  # fmt: skip
    return visit.render("job.html", view=_shown(visit, prepared.job), impossible=prepared.impossible)


def job(visit: Visit) -> Response:
    found = jobs.standing_job(visit.node.ledger, jobs.job_named(visit.path["number"]))
    return visit.render("job.html", view=_shown(visit, found), impossible=None)


def begin(visit: Visit) -> Response:
    number = jobs.job_named(visit.path["number"])
    begun = jobs.begin(visit.node.ledger, visit.settings, number, visit.person, visit.node.now())
    return visit.redirect(f"/failed/job/{number}", note="" if begun else "note.asked_second")


def stop(visit: Visit) -> Response:
    """By any operator: what goes wrong is stopped by whoever sees it."""
    found = jobs.stop(visit.node.ledger, jobs.job_named(visit.path["number"]), visit.person.name, visit.node.now())
    return visit.redirect(f"/failed/job/{found.id}")


def _shown(visit: Visit, found: BulkJob) -> dict[str, object]:
    now = visit.node.now()
    return {
        "job": found,
        "wish": found.wish,
        "broken_off": found.broken_off(now),
        "running": found.state is JobState.BEGUN,
        "mine": found.person == visit.person.name,
        "may_act": visit.person.has(OPERATOR),
        "minutes": int(prepared_age(visit.settings).total_seconds()) // 60,
    }


def _group(one: CauseGroup, wish: Wish, language: str) -> GroupRow:
    known = PROBLEMS.get(one.code)
    own = wish.but(link=str(one.route), code=one.code or "none", state=str(one.state))
    return GroupRow(
        known.title[language] if known else "",
        one.code,
        known.remedy[language] if known else "",
        str(known.actor) if known else "",
        one.route.name,
        str(one.route.kind),
        one.state,
        one.count,
        one.since,
        own.query,
    )


def _likely(known: Listed) -> str:
    """The act that most of what is shown is likely to need."""
    states: Sequence[State] = [one.state for one in known.groups]
    return str(REDRIVE.get(states[0], Event.RETRY)) if states else str(Event.RETRY)


def _problem(one: Delivery) -> Finding | None:
    return Finding(one.code, "", one.detail) if one.code in PROBLEMS else None


ROUTES: Final = (
    PageRoute("GET", "/failed", waiting_and_failed, READERS),
    PageRoute("POST", "/failed/prepare", prepare, ACTING),
    PageRoute("GET", "/failed/job/{number}", job, READERS),
    PageRoute("POST", "/failed/job/{number}/begin", begin, ACTING),
    PageRoute("POST", "/failed/job/{number}/stop", stop, ACTING),
)
