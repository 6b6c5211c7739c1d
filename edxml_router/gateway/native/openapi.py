"""What OpenAPI says of the native interface beyond what FastAPI sees: bodies, answers, examples, the schemas of shapes.

    responses={200: answer(LetterShape, "…", EXAMPLE), **PROBLEMS}
    application.openapi = …: extended(application)

Schemas of shapes are those of docs/shapes.md, by name, under ``components``.
"""

from __future__ import annotations

import json
from typing import Any, Final

from pydantic import BaseModel

from edxml_router.core.problems import PROBLEMS as TABLE
from edxml_router.core.problems import Finding
from edxml_router.shapes.problem import ProblemShape, problem_shape
from edxml_router.shapes.reference.catalogue import ANSWERS
from edxml_router.shapes.reference.schema import shape_name
from edxml_router.shapes.verdict import RefusedSubmissionShape, SubmissionShape

OPEN: Final = ("/v1/health", "/v1/ready")  # calls for which nobody is asked who he is
PLACE: Final = "#/components/schemas/"
PROBLEM_JSON: Final = "application/problem+json"
DIGEST: Final = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
SHAPES: Final = tuple({shape: None for shapes in ANSWERS.values() for shape in shapes} | {ProblemShape: None})
Responses = dict[int | str, dict[str, Any]]


_KEPT: Final[list[Any]] = []
_MARK: Final = "example:"


def kept(example: Any) -> str:
    """A mark for an example, which :func:`extended` puts in its place: FastAPI takes the nulls out of what it is given,
    and a shape leaves no field out."""
    _KEPT.append(example)
    return f"{_MARK}{len(_KEPT) - 1}"


def _with_examples(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _with_examples(each) for key, each in value.items()}
    if isinstance(value, list):
        return [_with_examples(each) for each in value]
    if isinstance(value, str) and value.startswith(_MARK):
        return _KEPT[int(value.removeprefix(_MARK))]
    return value


def reference(shape: type) -> dict[str, str]:
    """The schema of a shape, by reference."""
    return {"$ref": PLACE + shape_name(shape)}


def answer(shape: type, description: str, example: Any) -> dict[str, Any]:
    """An answer in JSON."""
    content = {"application/json": {"schema": reference(shape), "example": kept(example)}}
    return {"description": description, "content": content}


def problem(*codes: str, shape: type | None = None) -> dict[str, Any]:
    """An answer that tells of a problem, with an example of each of these. ``shape``: of the problem where more can be
    said beside it."""
    plain = {"$ref": f"{PLACE}Problem"}
    schema = {"anyOf": [reference(shape), plain]} if shape else plain
    examples = {code: {"summary": TABLE[code].title["en"], "value": kept(example_of(code))} for code in codes}
    return {
        "description": "; ".join(f"{code}: {TABLE[code].title['en']}" for code in codes),
        "content": {PROBLEM_JSON: {"schema": schema, "examples": examples}},
    }


def json_body(model: type[BaseModel], example: Any) -> dict[str, Any]:
    """A body in JSON, which a route reads by itself because it bounds it."""
    content = {"application/json": {"schema": model.model_json_schema(), "example": example}}
    return {"requestBody": {"required": True, "content": content}}


def example_of(code: str) -> dict[str, Any]:
    return {**problem_shape(Finding(code))}


def problems(*codes: str) -> Responses:
    """Answers by status, besides those that every call may have."""
    by_status: dict[int, list[str]] = {}
    for code in (*codes, *ALWAYS):
        by_status.setdefault(TABLE[code].http_status, []).append(code)
    return {status: problem(*group) for status, group in sorted(by_status.items())}


ALWAYS: Final = ("EDX415", "EDX416", "EDX417", "EDX418", "EDX602", "EDX626")
_VERDICT: Final[dict[str, Any]] = {
    "accepted": True,
    "problem": None,
    "digest": DIGEST,
    "document_id": "H53.02,2026/03/02,12/UBND-VP",
    "recipients": ["H41.03"],
    "signature": None,
    "remarks": [],
    "repeated": False,
    "try_again": False,
    "states": {},
}
SUBMITTED: Final[Responses] = {
    200: answer(SubmissionShape, "Accepted before; how each delivery stands.",
                {**_VERDICT, "repeated": True, "states": {"H41.03": "confirmed"}}),
    201: answer(SubmissionShape, "Accepted: the node answers for it from now on.", _VERDICT),
    **{
        status: {
            "description": "Not accepted; `submission` has the whole verdict where the envelope was judged.",
            "content": {PROBLEM_JSON: {
                "schema": {"anyOf": [reference(RefusedSubmissionShape), {"$ref": f"{PLACE}Problem"}]},
                "examples": {code: {"value": kept(example_of(code))} for code in codes},
            }},
        }
        for status, codes in {
            400: ("EDX101", "EDX418", "EDX419"), 401: ("EDX415",), 403: ("EDX302", "EDX416"), 408: ("EDX627",),
            409: ("EDX402",), 413: ("EDX102",), 422: ("EDX501",), 429: ("EDX417",), 500: ("EDX699",),
            503: ("EDX601", "EDX626", "EDX664"),
        }.items()
    },
}  # fmt: skip
SUBMISSION: Final = {
    "requestBody": {
        "required": True,
        "description": "The envelope's bytes, as they were signed.",
        "content": {
            "application/xml": {
                "schema": {"type": "string"},
                "example": '<?xml version="1.0" encoding="UTF-8"?>\n<edXML xmlns="http://www.mic.gov.vn/TBT/QCVN_102_2016">…</edXML>',
            }
        },
    },
    "parameters": [
        {
            "name": "Content-Digest",
            "in": "header",
            "required": False,
            "description": "SHA-256 of the body (RFC 9530); checked while it comes.",
            "schema": {"type": "string", "pattern": "^sha-256=:[A-Za-z0-9+/]{43}=:$"},
            "example": "sha-256=:n4bQgYhMfWWaL+qgxVrQFaO/TxsrC4Is0V1sFbDwCgg=:",
        }
    ],
}


def extended(document: dict[str, Any], schemas: dict[str, Any]) -> dict[str, Any]:
    """FastAPI's document with the schemas of our shapes, and how callers show who they are."""
    moved = json.loads(json.dumps(schemas["$defs"]).replace("#/$defs/", PLACE))
    components = document.setdefault("components", {})
    components.setdefault("schemas", {}).update(moved)
    components["schemas"].pop("HTTPValidationError", None)
    components["schemas"].pop("ValidationError", None)
    components["securitySchemes"] = {
        "token": {"type": "http", "scheme": "bearer", "description": "`edxml-router token issue`"},
        "certificate": {"type": "mutualTLS", "description": "A certificate that is bound to the office."},
    }
    document["security"] = [{"token": []}, {"certificate": []}]
    for name, path in document["paths"].items():
        for operation in path.values():
            if name in OPEN:
                operation["security"] = []
            if "422" in operation["responses"] and "HTTPValidationError" in json.dumps(operation["responses"]["422"]):
                del operation["responses"]["422"]
    told: dict[str, Any] = _with_examples(document)
    return told
