"""What would become of an envelope whose bytes were not sent yet."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Protocol, TypedDict

from edxml_router.core.delivery.lifecycle import State
from edxml_router.core.delivery.values import EnvelopeRow
from edxml_router.core.problems import Finding
from edxml_router.core.trust.certificate import Signer
from edxml_router.shapes.envelope import SignerShape, signer_shape
from edxml_router.shapes.problem import ProblemShape, problem_or_none, problem_shape
from edxml_router.shapes.verdict import SubmissionShape, submission_shape


class RecipientForecastShape(TypedDict):
    """Whether an envelope would reach one recipient."""

    recipient: str
    agency: str | None
    here: bool
    successors: list[str]
    problem: ProblemShape | None
    state: State | None


class FileForecastShape(TypedDict):
    """An attachment that would have the envelope refused."""

    name: str
    problem: ProblemShape


class SignerForecastShape(TypedDict):
    """Whether a certificate may sign it."""

    signer: SignerShape | None
    problem: ProblemShape | None


class ForecastShape(TypedDict):
    """What would become of an envelope whose bytes were not sent yet."""

    possible: bool
    known: bool
    submission: SubmissionShape | None
    problem: ProblemShape | None
    recipients: list[RecipientForecastShape]
    attachments: list[FileForecastShape]
    certificate: SignerForecastShape | None
    remarks: list[ProblemShape]


class RecipientForecastFacts(Protocol):
    """What is foretold of a recipient."""

    @property
    def written(self) -> str: ...
    @property
    def agency(self) -> str: ...
    @property
    def here(self) -> bool: ...
    @property
    def finding(self) -> Finding | None: ...
    @property
    def successors(self) -> Sequence[str]: ...
    @property
    def state(self) -> State | None: ...


def forecast_shape(
    finding: Finding | None,
    recipients: Sequence[RecipientForecastFacts],
    files: Mapping[str, Finding],
    certificate: tuple[Signer | None, Finding | None] | None,
    remarks: Iterable[Finding],
    before: EnvelopeRow | None,
) -> ForecastShape:
    """``files``: why attachments would be refused, by name; ``before``: the envelope, where it was accepted before."""
    return {
        "possible": finding is None and not any(one.finding for one in recipients),
        "known": before is not None,
        "submission": _repeated(before, recipients) if before is not None else None,
        "problem": problem_or_none(finding),
        "recipients": [
            {
                "recipient": one.written,
                "agency": one.agency or None,
                "here": one.here,
                "successors": list(one.successors),
                "problem": problem_or_none(one.finding),
                "state": one.state,
            }
            for one in recipients
        ],
        "attachments": [{"name": name, "problem": problem_shape(why)} for name, why in files.items()],
        "certificate": None
        if certificate is None
        else {
            "signer": signer_shape(certificate[0]) if certificate[0] else None,
            "problem": problem_or_none(certificate[1]),
        },
        "remarks": [problem_shape(one) for one in remarks],
    }


def _repeated(row: EnvelopeRow, recipients: Sequence[RecipientForecastFacts]) -> SubmissionShape:
    """The answer that the envelope would get if it came again."""
    states = {one.agency: one.state for one in recipients if one.state is not None}
    told = submission_shape(
        row.digest,
        None,
        None,
        None,
        accepted=True,
        repeated=True,
        try_again=False,
        recipients=states,
        states=states,
        remarks=(),
    )
    told["document_id"] = row.document_id
    return told
