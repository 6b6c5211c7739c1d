"""The envelopes that offices hand in over their hub, whole or in chunks, and the verdicts on them.

    taken = whole(node, batch)        # kind submit
    taken = chunked(node, batch)      # kind submit-chunks, behind its chunks

Every submission is answered, correlated to the request, before it is acknowledged. Of one whose chunks are not all here
the office hears that it is to send them again (EDX708), after it has been given back once: they may be on their way
through another worker.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import NamedTuple

from edxml_router import pipeline
from edxml_router.core.body import MemoryBody
from edxml_router.core.detail import Detail
from edxml_router.core.link.chunked import ChunkedEnvelope, decode_chunked
from edxml_router.core.link.route import Route
from edxml_router.core.problems import Finding, Refusal
from edxml_router.intake import answering
from edxml_router.intake.wholes import Wholes, Withheld, whole_of
from edxml_router.ports.transport import Arrival, Message, Parcel
from edxml_router.stages.acceptance.order import WAITS
from edxml_router.stages.acceptance.submission import Acceptance, Submission
from edxml_router.stages.node import Node

CHANNEL = "amqp"


class Submitted(NamedTuple):
    """The answers, what is given back, and the chunks that can go: (peer, digest) each."""

    answers: list[Acceptance]
    back: list[Arrival]
    spent: list[tuple[str, str]]


def whole(node: Node, batch: Sequence[Arrival]) -> Submitted:
    """Accept envelopes that came in one message each."""
    submissions = [Submission(MemoryBody(one.message.body), one.peer, CHANNEL) for one in batch]
    answers = pipeline.accept(node, submissions, at_once=True)
    back = _tell(node, list(zip(batch, answers, strict=True)))
    passing = [one for one, answer in zip(batch, answers, strict=True) if answer.passing and one not in back]
    return Submitted(answers, back + passing, [])


def chunked(node: Node, batch: Sequence[Arrival]) -> Submitted:
    """Accept envelopes of which the chunks came before."""
    ready: list[tuple[Arrival, Submission]] = []
    decided: list[tuple[Arrival, Acceptance]] = []
    waiting: list[Arrival] = []
    wholes: Wholes = {}
    for arrival in batch:
        try:
            body = _assembled(node, arrival, wholes)
        except Refusal as refusal:
            decided.append((arrival, Acceptance("", finding=refusal.finding)))
            continue
        if isinstance(body, Acceptance):
            decided.append((arrival, body))
        elif body is None:
            waiting.append(arrival)
        else:
            ready.append((arrival, body))
    try:
        answers = pipeline.accept(node, [submission for _, submission in ready], at_once=True) if ready else []
    finally:
        for each in wholes.values():
            if each is not None:
                each.discard()
    accepted = list(zip((arrival for arrival, _ in ready), answers, strict=True))
    back = _tell(node, [*decided, *accepted])
    passing = [one for one, answer in accepted if answer.passing and one not in back]
    spent = [(one.peer, answer.digest) for one, answer in accepted if not answer.passing]
    return Submitted([*(answer for _, answer in decided), *answers], [*waiting, *back, *passing], spent)


def _assembled(node: Node, arrival: Arrival, wholes: Wholes) -> Submission | Acceptance | None:
    """The envelope; the answer where there is none to be had; None where its chunks are waited for, once."""
    announced = decode_chunked(arrival.message.body)
    most = node.rules.limits.max_bytes
    if announced.size > most:
        detail = Detail("{size} bytes, at most {most}", size=announced.size, most=most)
        return _absent(announced, Finding("EDX102", "size", detail), passing=False)
    try:
        body = whole_of(node, arrival.peer, announced.transfer(node.now()), wholes, Route.office(arrival.peer))
    except Withheld:
        return _absent(announced, Finding("EDX406", arrival.peer))
    if body is not None:
        return Submission(body, arrival.peer, CHANNEL)
    if node.has_waited(f"{arrival.peer} {announced.envelope}", again=arrival.redelivered):
        detail = Detail("{n} pieces", n=announced.chunks)
        return _absent(announced, Finding("EDX708", announced.envelope, detail))
    return None


def _absent(announced: ChunkedEnvelope, finding: Finding, *, passing: bool = True) -> Acceptance:
    return Acceptance(announced.envelope, passing=passing, finding=finding)


def _tell(node: Node, answered: Sequence[tuple[Arrival, Acceptance]]) -> list[Arrival]:
    """Publish the verdicts; the arrivals whose verdict was not taken. They are redelivered, recognised, and get the
    same answer."""
    back: list[Arrival] = []
    replies: dict[str, list[tuple[Arrival, Message]]] = defaultdict(list)
    for arrival, answer in answered:
        if answer.finding is not None and answer.finding.code == WAITS:
            continue  # nothing is wrong: it is redelivered, and answered then
        replies[arrival.peer].append((arrival, answering.verdict(arrival.message, answer)))
    for peer, pairs in replies.items():
        link = node.links.get(Route.office(peer))
        if link is None:
            continue  # an office that pulls has no mailbox; it can ask for the trace
        parcels = [Parcel(link.mailbox, message) for _, message in pairs]
        for (arrival, _), finding in zip(pairs, link.transport.publish(parcels), strict=True):
            if finding is not None:
                back.append(arrival)
    return back
