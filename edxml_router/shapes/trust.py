"""What trust hangs on: how long certificates and lists hold, who may sign for whom, and trial certificates."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import TypedDict

from edxml_router.core.link.manifest import instant
from edxml_router.core.problems import Finding
from edxml_router.core.trust.bindings import Act, BindingRow
from edxml_router.shapes.form import Digest, Instant
from edxml_router.shapes.problem import ProblemShape, problem_or_none, problem_shape


class ExpiryShape(TypedDict):
    """How long a certificate, a revocation list or a responder's answer holds, and what is the matter with it."""

    kind: str
    name: str
    until: Instant | None
    days: int | None
    threshold: int | None
    key: Digest | None
    fingerprint: Digest | None
    blocked: bool
    problem: ProblemShape | None


class BindingShape(TypedDict):
    """A row of the table of bindings; ``since`` and ``until`` are null where there is no bound."""

    act: Act
    subject: str
    agency: str | None
    since: Instant | None
    until: Instant | None
    reason: str
    in_force: bool


class BindingChangeShape(BindingShape):
    """A row that was written to the table of bindings, or ended."""

    written: bool
    remarks: list[ProblemShape]


class AuthorityShape(TypedDict):
    """An authority's certificate that was to be trusted."""

    subject: str
    fingerprint: Digest
    file: str
    written: bool


class TrialAuthorityShape(TypedDict):
    """The files of a new trial authority."""

    anchors: str
    crl: str


class IssuedShape(TypedDict):
    """The files of a trial certificate."""

    name: str
    key_file: str
    certificate: str
    anchors: str


class RequestedShape(TypedDict):
    """A key that was made, and the request for its certificate."""

    name: str
    key_file: str
    request: str


class SignedRequestShape(TypedDict):
    """What was asked of an authority; ``certificate`` is null where it has only been looked at."""

    name: str
    authority: bool
    serves: list[str]
    until: Instant
    certificate: str | None


class IssuedRowShape(TypedDict):
    """A line of the trial authority's list of certificates."""

    serial: str
    name: str
    issued: Instant
    until: Instant
    revoked: Instant | None


_FIRST, _LAST = BindingRow(Act.BLOCK, "").since, BindingRow(Act.BLOCK, "").until  # no bound


def expiry_shape(
    kind: str,
    name: str,
    until: datetime | None,
    finding: Finding | None,
    now: datetime,
    *,
    threshold: int | None,
    key: str,
    fingerprint: str,
    blocked: bool,
) -> ExpiryShape:
    return {
        "kind": kind,
        "name": name,
        "until": instant(until) if until else None,
        "days": (until - now).days if until else None,
        "threshold": threshold,
        "key": key or None,
        "fingerprint": fingerprint or None,
        "blocked": blocked,
        "problem": problem_or_none(finding),
    }


def binding_shape(row: BindingRow, now: datetime) -> BindingShape:
    return {
        "act": row.act,
        "subject": row.subject,
        "agency": row.agency or None,
        "since": None if row.since == _FIRST else instant(row.since),
        "until": None if row.until == _LAST else instant(row.until),
        "reason": row.reason,
        "in_force": row.in_force(now),
    }


def binding_change_shape(
    row: BindingRow, now: datetime, *, written: bool, remarks: Iterable[Finding] = ()
) -> BindingChangeShape:
    return {**binding_shape(row, now), "written": written, "remarks": [problem_shape(one) for one in remarks]}
