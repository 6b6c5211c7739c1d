"""The way on which the kit sends and receives, as one office of a node.

    line.begin()
    handed = line.submit(data)                        # HandedIn: accepted, or the node's problem
    news = line.follow(5)                             # what became of the kit's mail, and what came, within 5 seconds
    data = line.fetch(news.mail[0].letter)

Two ways there are: :mod:`~edxml_router.conformance.lines.gateway_line` over HTTP and
:mod:`~edxml_router.conformance.lines.node_line` on the node's own machine. Both raise Setback and Refusal.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple, Protocol

from edxml_router.core.problems import PROBLEMS, Refusal, Setback, Weight
from edxml_router.shapes.problem import ProblemShape


class HandedIn(NamedTuple):
    """The node's answer to a message of the kit. ``problem``: why it was refused, for good."""

    accepted: bool
    repeated: bool = False
    problem: ProblemShape | None = None


class MailEvent(NamedTuple):
    """What became of the delivery of an envelope: its new state, and with a return the reason."""

    at: datetime
    digest: str
    recipient: str
    state: str
    reason: str


class WaitingMail(NamedTuple):
    """What lies ready for the kit's office. ``indication``: the node's verdict on the signature; ``remarks``: the codes
    of what the node found odd."""

    letter: str
    digest: str
    sender: str
    at: datetime
    indication: str
    reason: str
    remarks: Sequence[str]


class LineNews(NamedTuple):
    """What came within the time waited."""

    events: Sequence[MailEvent]
    mail: Sequence[WaitingMail]


class RefusedInput(NamedTuple):
    """Bytes that the tested system handed in and the node refused for good; ``times``: how often they came."""

    digest: str
    document_id: str
    code: str
    times: int
    last_at: datetime


class CounterpartLine(Protocol):
    """See the module."""

    def begin(self) -> None:
        """From here on news count; what lies ready already is left alone."""

    def canonical(self, code: str) -> str:
        """The code as the node has it. Raises Refusal for a code that means no agency."""

    def submit(self, data: bytes) -> HandedIn: ...

    def follow(self, seconds: int) -> LineNews:
        """What is new; where nothing is, waits for at most so long."""

    def fetch(self, letter: str) -> bytes: ...

    def confirm(self, letter: str) -> None: ...

    def send_back(self, letter: str, reason: str) -> None: ...

    def fetched_at(self, digest: str) -> datetime | None:
        """When the tested system fetched it last; None where it did not, or the kit cannot know."""

    def refused(self) -> Sequence[RefusedInput] | None:
        """What the tested system was refused since the beginning; None where the kit cannot know."""


def trouble_of(problem: ProblemShape) -> Refusal | Setback:
    """A node's problem as what stops the kit."""
    kind = Setback if PROBLEMS[problem["code"]].weight is Weight.TRANSIENT else Refusal
    return kind(problem["code"], where=problem["where"], detail=problem["detail"])
