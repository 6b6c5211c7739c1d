"""A submission on its way through acceptance."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from edxml_router.core.body import Body
from edxml_router.core.delivery.lifecycle import State
from edxml_router.core.delivery.values import EnvelopeRow
from edxml_router.core.link.route import Route
from edxml_router.core.link.wire import Transfer
from edxml_router.core.message.envelope import Envelope
from edxml_router.core.problems import Finding, Setback, Trouble
from edxml_router.core.signature.verdict import Verdict
from edxml_router.shapes.verdict import SubmissionShape, submission_shape
from edxml_router.stages.rules import PeerRole, Rules


@dataclass(frozen=True, slots=True)
class Submission:
    """What a peer brought. ``transfer`` is set when a neighbour brought it over a link. ``chosen`` are the recipients
    that an office wants it sent to, as the office writes them; none named means all. ``named`` is the sender as an
    office names it beside the envelope, if it does."""

    data: Body
    peer: str
    channel: str  # "cli", "amqp", "link"
    transfer: Transfer | None = None
    chosen: tuple[str, ...] = ()
    named: str = ""


@dataclass(frozen=True, slots=True)
class Examination:
    """An envelope that is safe, valid and read. Whether its signature suffices is decided in ``judge``."""

    digest: str
    envelope: Envelope
    verdict: Verdict
    remarks: tuple[Finding, ...]
    size: int  # bytes


@dataclass(frozen=True, slots=True)
class Candidate:
    """What is known about a submission before the store is asked."""

    submission: Submission
    digest: str
    examined: Examination | None = None
    sender: str = ""
    row: EnvelopeRow | None = None  # as the ledger will keep it; only where the submission may be accepted
    routes: Mapping[str, Route] = field(default_factory=dict)  # recipient → route
    unreachable: Mapping[str, Finding] = field(default_factory=dict)  # recipient → why (transfers only)
    trouble: Trouble | None = None

    @property
    def fit(self) -> bool:
        return self.trouble is None


@dataclass(frozen=True, slots=True)
class Ruling:
    """The outcome of a submission, once the store has been asked too."""

    item: Candidate
    trouble: Trouble | None = None
    repeated: bool = False  # accepted before
    routes: Mapping[str, Route] = field(default_factory=dict)  # of what is accepted: recipient → route
    standing: Mapping[str, State] = field(default_factory=dict)  # of a repeat: recipient → state

    @property
    def accepted(self) -> bool:
        return self.trouble is None

    @property
    def passing(self) -> bool:
        """Whether it is to come again, and nothing of it is kept."""
        return isinstance(self.trouble, Setback)

    @property
    def refused(self) -> bool:
        return not self.accepted and not self.passing

    def answer(self) -> Acceptance:
        examined = self.item.examined
        return Acceptance(
            digest=self.item.digest,
            accepted=self.accepted,
            repeated=self.repeated,
            passing=self.passing,
            finding=self.trouble.finding if self.trouble else None,
            envelope=examined.envelope if examined else None,
            verdict=examined.verdict if examined else None,
            remarks=examined.remarks if examined else (),
            recipients=tuple(self.routes),
            standing=self.standing,
        )


def postponed(item: Candidate, why: Finding) -> Acceptance:
    """The answer when nothing was committed, whatever was found: it is to come again."""
    return Acceptance(item.digest, passing=True, finding=why)


def origin_of(rules: Rules, submission: Submission) -> Route:
    """The route of receipts about this submission."""
    office = rules.peers[submission.peer].role in (PeerRole.OFFICE, PeerRole.AXIS)
    return Route.office(submission.peer) if office else Route.link(submission.peer)


@dataclass(frozen=True, slots=True)
class Acceptance:
    """What the peer is told. ``passing`` means: not now, and nothing was kept; bring it again."""

    digest: str
    accepted: bool = False
    repeated: bool = False
    passing: bool = False
    finding: Finding | None = None
    envelope: Envelope | None = None
    verdict: Verdict | None = None
    remarks: tuple[Finding, ...] = ()
    recipients: tuple[str, ...] = ()
    standing: Mapping[str, State] = field(default_factory=dict)  # of a repeat: how each recipient's delivery stands

    def shape(self) -> SubmissionShape:
        """The same as JSON."""
        return submission_shape(
            self.digest,
            self.finding,
            self.envelope,
            self.verdict,
            accepted=self.accepted,
            repeated=self.repeated,
            try_again=self.passing,
            recipients=self.recipients,
            states=self.standing,
            remarks=self.remarks,
        )
