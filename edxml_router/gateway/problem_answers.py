"""Failures as HTTP answers: ``application/problem+json`` (RFC 9457) with our codes, who must act, and the remedy.

    raise Refusal("EDX606", where=letter)          # in a route
    return problem_answer(finding, "vi")

Title, detail and remedy are in the language that Accept-Language prefers, of Vietnamese and English; the members with
both languages (``title_vi`` …) are there whatever it says, as in every shape of a problem.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import Response
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

from edxml_router.core.problems import Finding, Refusal, Setback, Trouble, Weight
from edxml_router.gateway.answers import json_answer
from edxml_router.gateway.rates import Rate
from edxml_router.observe import events
from edxml_router.shapes.problem import problem_shape

MEDIA_TYPE: Final = "application/problem+json"
RETRY_SECONDS: Final = 5  # for passing trouble that says nothing of when it ends
_LANGUAGES: Final = ("vi", "en")


def preferred_language(request: Request) -> str:
    """The language that the caller prefers; English where it does not say, as everywhere in the protocol."""
    best, chosen = 0.0, "en"
    for part in request.headers.get("accept-language", "")[:1000].split(","):
        tag, _, parameters = part.strip().partition(";")
        name = tag.strip().lower().split("-")[0]
        try:
            weight = float(parameters.strip().removeprefix("q=") or 1)
        except ValueError:
            continue
        if name in _LANGUAGES and weight > best:
            best, chosen = weight, name
    return chosen


def log_trouble(trouble: Trouble) -> None:
    """Tell the log of what is ours to mend: a mistake of the program, and a letter that an office asks for and that is
    damaged. What a caller has done wrong only he is told."""
    if not isinstance(trouble, Refusal | Setback):
        events.defect("gateway", trouble)
    elif trouble.code == "EDX603":
        events.letter_missed(trouble.finding)


def problem_answer(
    finding: Finding,
    language: str,
    *,
    status: int | None = None,
    retry: int | None = None,
    headers: Mapping[str, str] | None = None,
    members: Mapping[str, Any] | None = None,
) -> Response:
    """The answer that tells of a problem. ``status`` stands for the table's; ``retry``: seconds; ``members``: what
    else is in it."""
    problem = finding.problem
    shape: dict[str, Any] = {**problem_shape(finding), **(members or {})}
    if language == "vi":
        shape |= {name: shape[f"{name}_vi"] for name in ("title", "detail", "remedy")}
    shape["status"] = problem.http_status if status is None else status
    answer = json_answer(shape, shape["status"], media_type=MEDIA_TYPE)
    answer.headers["content-language"] = language
    if problem.weight is Weight.TRANSIENT:
        answer.headers["retry-after"] = str(RETRY_SECONDS if retry is None else retry)
    if shape["status"] == 401:  # RFC 9110, section 15.5.2
        answer.headers["www-authenticate"] = 'Bearer realm="edxml-router"'
    for name, value in (headers or {}).items():
        answer.headers[name] = value
    return answer


def install(application: FastAPI) -> None:
    """Let every failure of a request be answered so."""
    application.add_exception_handler(Trouble, _trouble)
    application.add_exception_handler(RequestValidationError, _malformed)
    application.add_exception_handler(HTTPException, _http)
    application.add_exception_handler(ClientDisconnect, _gone)
    application.add_exception_handler(Exception, _defect)


async def _trouble(request: Request, error: Exception) -> Response:
    assert isinstance(error, Trouble)  # noqa: S101  # what the handler is for
    log_trouble(error)
    rate: Rate | None = getattr(request.state, "rate", None)
    retry = rate.seconds if rate is not None and error.code == "EDX417" else None
    # What is a refusal by its table may be passing trouble here; the table's status says which it is otherwise.
    return problem_answer(error.finding, preferred_language(request), retry=retry)


async def _malformed(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)  # noqa: S101
    first = error.errors()[0]
    where = ".".join(map(str, first["loc"]))
    return problem_answer(Finding("EDX418", where[:200], str(first["msg"])[:200]), preferred_language(request))


async def _http(request: Request, error: Exception) -> Response:
    """What the framework itself answers: no such path, no such method."""
    assert isinstance(error, HTTPException)  # noqa: S101
    where = " ".join((request.method, request.url.path[:200]))
    return problem_answer(
        Finding("EDX420", where), preferred_language(request), status=error.status_code, headers=error.headers
    )


async def _gone(_request: Request, _error: Exception) -> Response:
    """Whoever sent has gone away in the middle: nobody is there to hear an answer, and nothing is wrong here."""
    return Response(status_code=400)


async def _defect(request: Request, error: Exception) -> Response:
    events.defect("gateway", error)
    return problem_answer(Finding("EDX699"), preferred_language(request))
