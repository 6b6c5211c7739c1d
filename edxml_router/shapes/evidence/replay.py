"""A decision about a letter that was made again, by the rules of its day or by those of today."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Literal, TypedDict

from edxml_router.core.link.manifest import instant
from edxml_router.shapes.form import Digest, Instant


class DeviationShape(TypedDict):
    """One thing that came out otherwise."""

    what: str
    recipient: str | None
    then: str
    now: str


class ReplayShape(TypedDict):
    """A decision of then, and the same decision made again."""

    digest: Digest
    document_id: str
    at: Instant
    position: int | None
    decided: Literal["accepted", "refused"]
    decided_code: str | None
    judged: Literal["accepted", "refused", "postponed"]
    judged_code: str | None
    rules: dict[str, Digest]
    judged_rules: dict[str, Digest]
    rules_of: Literal["then", "today"]
    program: str | None
    unjudged: str | None
    same: bool
    deviations: list[DeviationShape]


def deviation_shape(what: str, recipient: str, then: str, now: str) -> DeviationShape:
    return {"what": what, "recipient": recipient or None, "then": then, "now": now}


def replay_shape(
    digest: str,
    document_id: str,
    at: datetime,
    position: int | None,
    *,
    accepted: bool,
    code: str,
    judged: Literal["accepted", "refused", "postponed"],
    judged_code: str,
    rules: Mapping[str, str],
    judged_rules: Mapping[str, str],
    today: bool,
    program: str,
    unjudged: str,
    same: bool,
    deviations: Iterable[DeviationShape],
) -> ReplayShape:
    return {
        "digest": digest,
        "document_id": document_id,
        "at": instant(at),
        "position": position,
        "decided": "accepted" if accepted else "refused",
        "decided_code": code or None,
        "judged": judged,
        "judged_code": judged_code or None,
        "rules": dict(rules),
        "judged_rules": dict(judged_rules),
        "rules_of": "today" if today else "then",
        "program": program or None,
        "unjudged": unjudged or None,
        "same": same,
        "deviations": list(deviations),
    }
