"""Answers to an office attached to the hub: the verdict on its submission, or what is wrong with its message.

    message = verdict(arrival.message, answer)     # on a submission
    untold = tell(node, found)                     # on any other, with the finding

An answer is correlated with its message, and has the same id however often it is given.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from edxml_router.core.body import MemoryBody
from edxml_router.core.link.chunked import FROM_OFFICE
from edxml_router.core.link.route import Route
from edxml_router.core.problems import Finding, Weight
from edxml_router.ports.transport import Arrival, Message, Parcel
from edxml_router.shapes.delivery import confirmation_shape
from edxml_router.shapes.form import encode
from edxml_router.stages.acceptance.submission import Acceptance
from edxml_router.stages.node import Node

SUBMISSION: Final = "submit"
ANSWERS: Final = ("confirm", "return")  # from an office; their correlation names what they are about
_ID_LIMIT: Final = 255  # bytes, the most of an AMQP short string; the id this one is derived from was one


def verdict(given: Message, answer: Acceptance) -> Message:
    """The answer to a submission."""
    body = encode(answer.shape())
    return Message("verdict", _id("verdict", given.id or answer.digest), body, correlation=given.id)


def tell(node: Node, found: Sequence[tuple[Arrival, Finding]]) -> list[Arrival]:
    """Answer these offices. Returns the arrivals whose answer could not be published; they come again for it."""
    untold: list[Arrival] = []
    for arrival, finding in found:
        link = node.links.get(Route.office(arrival.peer))
        if link is None:
            continue  # it has no mailbox
        done = finding.problem.weight is Weight.REMARK
        given = arrival.message
        about = (given.correlation if given.kind in ANSWERS else "") or given.id
        body = encode(confirmation_shape(about, finding, done=done))
        message = Message("answer", _id("answer", given.id or about), body, correlation=about)
        if any(link.transport.publish([Parcel(link.mailbox, message)])):
            untold.append(arrival)
    return untold


def tell_unread(node: Node, arrival: Arrival, finding: Finding) -> list[Arrival]:
    """Answer an office whose message was quarantined unread. Returns the arrival if the answer could not be
    published."""
    link, given = node.links.get(Route.office(arrival.peer)), arrival.message
    if link is None or given.kind not in (SUBMISSION, FROM_OFFICE):
        return tell(node, [(arrival, finding)])
    digest = MemoryBody(given.body).digest if given.kind == SUBMISSION else ""
    answer = Acceptance(
        digest, passing=finding.problem.weight is Weight.TRANSIENT, finding=finding
    )
    untold = any(link.transport.publish([Parcel(link.mailbox, verdict(given, answer))]))
    return [arrival] if untold else []


def _id(kind: str, about: str) -> str:
    """The id of an answer: the same for every repeat, and never longer than AMQP takes."""
    return f"{kind}.{about}".encode()[:_ID_LIMIT].decode(errors="ignore")
