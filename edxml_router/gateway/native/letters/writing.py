"""Letters from plain values: the node writes the edXML, seals it, or lets the office sign it in a second step."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Annotated, Any, Final

from fastapi import APIRouter, Path, Request
from fastapi.responses import Response
from pydantic import BaseModel, Field

from edxml_router.gateway.answers import json_answer
from edxml_router.gateway.callers import AtDesk, Sender
from edxml_router.gateway.desk import Desk
from edxml_router.gateway.native.bodies import read_json
from edxml_router.gateway.native.letters.parts import read_order
from edxml_router.gateway.native.openapi import Responses, answer, json_body, problem, problems
from edxml_router.gateway.problem_answers import preferred_language, problem_answer
from edxml_router.services.gateway.caller import Caller
from edxml_router.services.gateway.given import Acceptance
from edxml_router.services.letters import examples
from edxml_router.services.letters.composing import Composed
from edxml_router.services.letters.drafts import KINDS, DraftRefused
from edxml_router.services.letters.workshop import Workshop, envelope_of
from edxml_router.shapes.letter import (
    DraftRefusedShape,
    WrittenLetterShape,
    WrittenLettersShape,
    draft_refused_shape,
    to_sign_shape,
    written_letter_shape,
)

letters = APIRouter(tags=["letters"])

_AT_ONCE: Final = 2  # messages that are written at a time: each is held in memory with its files
_WRITTEN: Final[dict[str, Any]] = {
    "kind": "document",
    "business": 0,
    "status_code": None,
    "document_id": "H01.151,2026/11/27,125/UBND-VP",
    "sender": "H01.151",
    "recipients": ["H01"],
    "submission": None,
    "to_sign": None,
}
_TO_SIGN: Final[dict[str, Any]] = {
    "name": "0f" * 32,
    "algorithm": "rsa-sha256",
    "coverage": "whole",
    "signed_info": "PFNpZ25lZEluZm8…",
    "signed_info_digest": "n4bQgYhMfWWaL+qgxVrQFaO/TxsrC4Is0V1sFbDwCgg=",
    "expires_at": "2026-11-28T01:02:03.000Z",
}


def _answers() -> Responses:
    told = problems("EDX406", "EDX418", "EDX432", "EDX434", "EDX601", "EDX606")
    return {
        **told,
        200: answer(WrittenLettersShape, "Accepted before: the same draft again.", {"messages": [_WRITTEN]}),
        201: answer(WrittenLettersShape, "Written, signed and accepted.", {"messages": [_WRITTEN]}),
        202: answer(
            WrittenLettersShape,
            "Written; it goes once the office has signed `to_sign.signed_info`.",
            {"messages": [{**_WRITTEN, "to_sign": _TO_SIGN}]},
        ),
        422: problem("EDX431", "EDX501", shape=DraftRefusedShape),
    }


def _draft(kind: str) -> dict[str, Any]:
    """The body: a draft alone, or with its files."""
    schema = KINDS[kind].model_json_schema()
    multipart = {
        "type": "object",
        "required": ["draft"],
        "properties": {
            "draft": schema,
            "file": {"type": "array", "items": {"type": "string", "format": "binary"}},
        },
    }
    example = examples.example_draft(kind)
    return {
        "requestBody": {
            "required": True,
            "content": {
                "application/json": {"schema": schema, "example": example},
                "multipart/form-data": {"schema": multipart, "example": {"draft": example}},
            },
        }
    }


@letters.post("/letters", responses=_answers(), openapi_extra=_draft("letter"), response_class=Response)
async def write_letter(request: Request, caller: Sender, desk: AtDesk) -> Response:
    """Send a new document, from plain values and files."""
    return await _write("letter", request, caller, desk)


@letters.post("/recalls", responses=_answers(), openapi_extra=_draft("recall"), response_class=Response)
async def recall(request: Request, caller: Sender, desk: AtDesk) -> Response:
    """Recall a document that the office sent, from all its recipients or from some."""
    return await _write("recall", request, caller, desk)


@letters.post("/updates", responses=_answers(), openapi_extra=_draft("update"), response_class=Response)
async def update(request: Request, caller: Sender, desk: AtDesk) -> Response:
    """Change a document that the office sent, or who receives it."""
    return await _write("update", request, caller, desk)


@letters.post("/replacements", responses=_answers(), openapi_extra=_draft("replacement"), response_class=Response)
async def replace(request: Request, caller: Sender, desk: AtDesk) -> Response:
    """Send a document in the place of others."""
    return await _write("replacement", request, caller, desk)


@letters.post("/statuses", responses=_answers(), openapi_extra=_draft("status"), response_class=Response)
async def tell_status(request: Request, caller: Sender, desk: AtDesk) -> Response:
    """Tell the sender of a letter what becomes of it; with 13, ask recipients to give a document back."""
    return await _write("status", request, caller, desk)


class SignatureValue(BaseModel):
    """The signature of a letter that waits."""

    value: str = Field(max_length=16_384, description="The signature value over `signed_info`, in base64.")
    certificate: str = Field(max_length=131_072, description="The signer's certificate, then intermediates (PEM).")


_SIGNATURE: Final = {"value": "MEUCIQ…", "certificate": "-----BEGIN CERTIFICATE-----\n…\n-----END CERTIFICATE-----\n"}
Name = Annotated[str, Path(pattern="^[0-9a-f]{64}$", description="`to_sign.name` of the letter.")]


@letters.post(
    "/letters/{name}/signature",
    responses={
        **problems("EDX302", "EDX418", "EDX433", "EDX601"),
        200: answer(WrittenLettersShape, "Accepted before.", {"messages": [_WRITTEN]}),
        201: answer(WrittenLettersShape, "Accepted.", {"messages": [_WRITTEN]}),
    },
    openapi_extra=json_body(SignatureValue, _SIGNATURE),
    response_class=Response,
)
async def sign(name: Name, request: Request, caller: Sender, desk: AtDesk) -> Response:
    """Give the signature of a letter that waits for it: the letter goes."""
    given = await read_json(request, SignatureValue)
    workshop = _workshop(request, desk)
    async with _one_of_few(request):
        data = await desk.call(
            workshop.sign, desk.node, caller.office, name, given.value.encode(), given.certificate.encode()
        )
        envelope = await desk.call(envelope_of, desk.node, data)
        handed = await desk.submit_bytes(caller.office, data)
    if handed.accepted:
        await desk.call(workshop.went, caller.office, name)
    return _told(request, [written_letter_shape(envelope, handed.shape(), None)], [handed])


async def _write(kind: str, request: Request, caller: Caller, desk: Desk) -> Response:
    body = await desk.receive(request.stream(), desk.settings.limits.max_bytes)
    try:
        async with _one_of_few(request):
            order = await desk.call(read_order, kind, body, request.headers.get("content-type", ""))
            try:
                composed = await desk.call(_workshop(request, desk).compose, desk.node, caller.office, order)
            except DraftRefused as refused:
                members = {"problems": draft_refused_shape(refused.findings)["problems"]}
                return problem_answer(refused.finding, preferred_language(request), status=422, members=members)
            handed = [await desk.submit_bytes(caller.office, one.data) if one.data else None for one in composed]
    finally:
        body.discard()
    shapes = [_shape(one, each) for one, each in zip(composed, handed, strict=True)]
    return _told(request, shapes, handed)


def _shape(one: Composed, handed: Acceptance | None) -> WrittenLetterShape:
    if (left := one.waiting) is None:
        return written_letter_shape(one.envelope, handed.shape() if handed else None, None)
    to_sign = to_sign_shape(left.name, left.algorithm, left.coverage, left.signed_info, left.digest, left.expires_at)
    return written_letter_shape(one.envelope, None, to_sign)


def _told(request: Request, shapes: Sequence[WrittenLetterShape], handed: Sequence[Acceptance | None]) -> Response:
    for one in handed:
        if one is not None and one.finding is not None and not one.accepted:
            return problem_answer(one.finding, preferred_language(request), members={"messages": list(shapes)})
    if None in handed:
        return json_answer({"messages": shapes}, 202)
    repeated = all(one is not None and one.repeated for one in handed)
    return json_answer({"messages": shapes}, 200 if repeated else 201)


def _workshop(request: Request, desk: Desk) -> Workshop:
    """That of the settings in force: a reload may bring other seals."""
    state = request.app.state
    known: tuple[object, Workshop] | None = getattr(state, "workshop", None)
    if known is None or known[0] is not desk.settings:
        known = state.workshop = (desk.settings, Workshop(desk.settings))
    return known[1]


def _one_of_few(request: Request) -> asyncio.Semaphore:
    state = request.app.state
    if not hasattr(state, "writing"):
        state.writing = asyncio.Semaphore(_AT_ONCE)
    gate: asyncio.Semaphore = state.writing
    return gate
