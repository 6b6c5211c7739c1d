"""A delivery certificate: what it says, and what its verification found."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, Final, Literal, TypedDict

from edxml_router.core.link.manifest import instant
from edxml_router.core.problems import Finding
from edxml_router.core.proof.time_stamp import TimeStamp
from edxml_router.shapes.delivery import TracedDeliveryShape
from edxml_router.shapes.envelope import EnvelopeShape
from edxml_router.shapes.evidence.decision import DecisionShape
from edxml_router.shapes.form import Instant
from edxml_router.shapes.problem import ProblemShape, problem_or_none

FORMAT: Final = "edxml-router-certificate/1"

# By the entry's event: the event of ETSI EN 319 522-1, clause 6, that it is. What came over a link was relayed.
_ETSI: Final[Mapping[str, str]] = {
    "envelope.accepted": "SubmissionAcceptance",
    "delivery.accepted": "RelayAcceptance",
    "delivery.offered": "ContentConsignment",
    "delivery.confirmed": "ContentHandover",
    "delivery.expired": "ContentHandoverFailure",
    "delivery.cancelled": "ContentHandoverFailure",
}
_RETURNED_BY_RECIPIENT: Final = "EDX801"


class CertifiedEntryShape(TypedDict):
    """A journal entry in a certificate: its file there, its position in the log, and what its bytes say."""

    file: str
    position: int
    stamp: Instant | None
    at: Instant
    event: str
    etsi_event: str | None
    recipient: str | None
    before: str | None
    after: str | None
    actor: str


class CertificateShape(TypedDict):
    """What a delivery certificate says, in its file certificate.json."""

    format: Literal["edxml-router-certificate/1"]
    node: str
    title: str
    made_at: Instant
    with_letter: bool
    envelope: EnvelopeShape
    outcome: str
    deliveries: list[TracedDeliveryShape]
    entries: list[CertifiedEntryShape]
    decision: DecisionShape
    proved: list[str]
    not_proved: list[str]


class CertificateVerificationShape(TypedDict):
    """What the verification of a delivery certificate found; ``certificate`` is null unless it holds."""

    file: str
    valid: bool
    problem: ProblemShape | None
    signer: str | None
    signed_at: Instant | None
    stamped_at: Instant | None
    stamped_by: str | None
    journal_stamped_at: Instant | None
    witnesses: list[str]
    proved: list[str]
    not_proved: list[str]
    certificate: CertificateShape | None


def etsi_event(event: str, actor: str, code: str) -> str | None:
    """The name in ETSI EN 319 522-1 of what an entry tells; None where it has none there."""
    if event == "envelope.accepted" and actor.startswith("link:"):
        return "RelayAcceptance"
    if event == "delivery.returned":
        return "ConsignmentRejection" if code == _RETURNED_BY_RECIPIENT else "RelayRejection"
    return _ETSI.get(event)


def certified_entry_shape(file: str, position: int, said: Mapping[str, Any]) -> CertifiedEntryShape:
    """``said``: the fields of the entry as its bytes have them."""
    event, actor = str(said["event"]), str(said.get("actor", ""))
    return {
        "file": file,
        "position": position,
        "stamp": said.get("stamp"),
        "at": str(said["at"]),
        "event": event,
        "etsi_event": etsi_event(event, actor, str(said.get("code", ""))),
        "recipient": said.get("recipient"),
        "before": said.get("before"),
        "after": said.get("after"),
        "actor": actor,
    }


def certificate_shape(
    node: str,
    title: str,
    at: datetime,
    envelope: EnvelopeShape,
    outcome: str,
    deliveries: Iterable[TracedDeliveryShape],
    entries: Iterable[CertifiedEntryShape],
    decision: DecisionShape,
    *,
    with_letter: bool,
    proved: Iterable[str],
    not_proved: Iterable[str],
) -> CertificateShape:
    return {
        "format": FORMAT,
        "node": node,
        "title": title,
        "made_at": instant(at),
        "with_letter": with_letter,
        "envelope": envelope,
        "outcome": outcome,
        "deliveries": list(deliveries),
        "entries": list(entries),
        "decision": decision,
        "proved": list(proved),
        "not_proved": list(not_proved),
    }


def certificate_verification_shape(
    file: str,
    finding: Finding | None,
    statement: CertificateShape | None = None,
    signer: str | None = None,
    signed_at: datetime | None = None,
    stamped: TimeStamp | None = None,
    journal_stamped: TimeStamp | None = None,
    witnesses: Iterable[str] = (),
    proved: Iterable[str] = (),
    not_proved: Iterable[str] = (),
) -> CertificateVerificationShape:
    return {
        "file": file,
        "valid": finding is None,
        "problem": problem_or_none(finding),
        "signer": signer,
        "signed_at": instant(signed_at) if signed_at else None,
        "stamped_at": instant(stamped.at) if stamped else None,
        "stamped_by": stamped.signer if stamped else None,
        "journal_stamped_at": instant(journal_stamped.at) if journal_stamped else None,
        "witnesses": list(witnesses),
        "proved": list(proved),
        "not_proved": list(not_proved),
        "certificate": statement,
    }
