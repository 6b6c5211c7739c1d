"""Links and offices: how each stands, and letting its mail wait and go on."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final

from starlette.responses import Response

from edxml_router.console import watching
from edxml_router.console.visit import PageRoute, Visit
from edxml_router.services.bulk import jobs
from edxml_router.services.bulk.wishes import Wish
from edxml_router.services.overview import links
from edxml_router.services.overview.sentence import need_sentence
from edxml_router.services.people.roles import ADMINISTRATOR, AUDITOR, OPERATOR

READERS: Final = frozenset({OPERATOR, AUDITOR, ADMINISTRATOR})
ACTING: Final = frozenset({OPERATOR})


def show_links(visit: Visit) -> Response:
    overview, now = watching.overview_of(visit.settings), datetime.now(UTC)
    rows = links.link_rows(visit.settings, visit.node.ledger, overview, now)
    return visit.render(
        "links.html",
        rows=[
            (
                row,
                Wish(link=str(row.route), state="open").query,
                (row.until - now).days if row.until else None,
                [need_sentence(need, now, visit.language) for need in row.needs],
            )
            for row in rows
        ],
        overview=overview,
        looked=links.HEARD_AMONG,
        may_act=visit.person.has(OPERATOR),
        lists=visit.person.has(OPERATOR, AUDITOR),
    )


def preview_halt(visit: Visit) -> Response:
    """How much waits already, before anything is stopped."""
    way, reason = visit.form.get("way", "")[:200], visit.form.get("reason", "")[:400]
    count = links.would_halt(visit.node, visit.settings, way, visit.person.actor, reason)
    return visit.render("halt.html", way=way, reason=reason, count=count)


def add_halt(visit: Visit) -> Response:
    way, reason = visit.form.get("way", "")[:200], visit.form.get("reason", "")[:400]
    links.halt_way(visit.node, visit.settings, way, visit.person.actor, reason)
    return visit.redirect("/links", note="note.halted")


def release_halt(visit: Visit) -> Response:
    links.release_way(visit.node, jobs.job_named(visit.path["number"]), visit.person.actor, "")
    return visit.redirect("/links", note="note.released")


ROUTES: Final = (
    PageRoute("GET", "/links", show_links, READERS),
    PageRoute("POST", "/links/halt", preview_halt, ACTING),
    PageRoute("POST", "/links/halt/add", add_halt, ACTING),
    PageRoute("POST", "/links/halt/{number}/release", release_halt, ACTING),
)
