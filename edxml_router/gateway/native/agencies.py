"""Agencies: to whom a letter can be addressed."""

from __future__ import annotations

from datetime import date
from itertools import islice
from typing import Annotated

from fastapi import APIRouter, Path, Query
from fastapi.responses import Response

from edxml_router.core.agencies.agency import Agency
from edxml_router.core.problems import Finding, Refusal
from edxml_router.gateway.answers import json_answer
from edxml_router.gateway.callers import AnyCaller, AtDesk
from edxml_router.gateway.native import examples
from edxml_router.gateway.native.openapi import answer, problems
from edxml_router.services import agencies as service
from edxml_router.shapes.agency import AgencyShape, agency_shape
from edxml_router.shapes.gateway.answers import AgencyChangesShape, AgencyPageShape

agencies = APIRouter(tags=["agencies"])

LONGEST = 100  # characters of what is searched for
CURSOR = "5d41402abc4b2a76-739677-0-"


@agencies.get(
    "/agencies",
    responses={
        200: answer(AgencyPageShape, "Those that were found.", {"agencies": [examples.AGENCY], "more": False}),
        **problems("EDX503"),
    },
    response_class=Response,
)
async def search(
    caller: AnyCaller,  # noqa: ARG001  # that there is one is what counts
    desk: AtDesk,
    q: Annotated[
        str, Query(max_length=LONGEST, description="Words of the name or code; case and diacritics do not matter.")
    ] = "",
    level: Annotated[str, Query(max_length=40)] = "",
    under: Annotated[str, Query(max_length=60, description="Only what is at or below this agency.")] = "",
    closed: Annotated[bool, Query(description="Closed ones too.")] = False,
    skip: Annotated[int, Query(ge=0, le=1_000_000)] = 0,
    limit: Annotated[int, Query(ge=1, le=500)] = 50,
) -> Response:
    """Search the agencies that are open today, by words of their name or code."""
    found = await desk.call(_found, desk, q, level, under, closed, skip, limit + 1)
    return json_answer({"agencies": [agency_shape(one) for one in found[:limit]], "more": len(found) > limit})


def _found(desk: AtDesk, q: str, level: str, under: str, closed: bool, skip: int, limit: int) -> list[Agency]:
    found = service.find(desk.registry, q.split(), level=level, under=under, closed=closed)
    return list(islice(found, skip, skip + limit))


@agencies.get(
    "/agencies/changes",
    responses={
        200: answer(
            AgencyChangesShape,
            "A page of agencies as they are now, by code.",
            {
                "agencies": [examples.AGENCY],
                "cursor": CURSOR,
                "more": False,
                "whole": False,
                "registry": "5d41402abc4b2a76",
            },
        ),
        **problems(),
    },
    response_class=Response,
)
async def changes(
    caller: AnyCaller,  # noqa: ARG001  # that there is one is what counts
    desk: AtDesk,
    cursor: Annotated[str, Query(max_length=120, description="Where the page before ended, now or days ago.")] = "",
    since: Annotated[date | None, Query(description="Without a cursor: only what has changed since that day.")] = None,
    limit: Annotated[int, Query(ge=1, le=500)] = 500,
) -> Response:
    """Keep a list of the agencies in step: those of which something has changed, with their codes and dates.

    They opened, closed, got or lost a code, or passed their duties on; or the operator imported them. Begin without a
    cursor, which tells all, closed ones too; keep the last cursor, and go on with it another day. With `whole` all are
    told anew, because the catalogue has become another; what is not among them is not there any more.
    """
    found = await desk.call(service.changed, desk.registry, cursor, limit, since)
    return json_answer(
        {
            "agencies": [agency_shape(one) for one in found.rows],
            "cursor": found.cursor,
            "more": found.more,
            "whole": found.whole,
            "registry": desk.registry.version,
        }
    )


@agencies.get(
    "/agencies/{code}",
    responses={
        200: answer(AgencyShape, "The agency that the code means.", examples.AGENCY),
        **problems("EDX501", "EDX502", "EDX503", "EDX504"),
    },
    response_class=Response,
)
async def resolve(
    code: Annotated[str, Path(max_length=60, description="A code in any form, of today or before.")],
    caller: AnyCaller,  # noqa: ARG001  # that there is one is what counts
    desk: AtDesk,
    on: Annotated[date | None, Query(description="The day on which it is meant; today.")] = None,
    closed: Annotated[bool, Query(description="Find it also where it is closed.")] = False,
) -> Response:
    """Tell which agency a code means on a day."""
    found = await desk.call(service.resolve, desk.registry, code, on or service.today(), historic=closed)
    if isinstance(found, Finding):
        raise Refusal(found.code, where=found.where or code, detail=found.detail)
    return json_answer(agency_shape(found))
