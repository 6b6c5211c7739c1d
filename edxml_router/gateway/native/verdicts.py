"""The verdict on an envelope as an answer."""

from __future__ import annotations

from fastapi.responses import Response

from edxml_router.gateway.answers import json_answer
from edxml_router.gateway.problem_answers import problem_answer
from edxml_router.services.gateway.given import Acceptance


def verdict_answer(answer: Acceptance, language: str) -> Response:
    """201 accepted, 200 accepted before; else the problem, with the whole verdict in it."""
    shape = answer.shape()
    if answer.accepted:
        status = 200 if answer.repeated else 201
        return json_answer(shape, status, headers={"location": f"/v1/envelopes/{answer.digest}"})
    assert answer.finding is not None  # noqa: S101  # what is not accepted has one
    return problem_answer(answer.finding, language, members={"submission": shape})
