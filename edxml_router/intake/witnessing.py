"""Questions to this node as a witness, and answers of its own witnesses, as they come from neighbours.

Each costs one verification, some sixty hashes and a transaction. A neighbour is heard so many times a minute; what is
more is let go, since it asks again.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from edxml_router.core.link.route import Route
from edxml_router.core.link.witnessing import decode_answer, decode_question, encode_answer
from edxml_router.core.problems import Finding, Refusal
from edxml_router.ports.transport import Arrival, Message, Parcel
from edxml_router.stages.node import Node
from edxml_router.stages.witness.asking import LIFETIME, hear_witness
from edxml_router.stages.witness.cosigning import cosign_for

QUESTION: Final = "checkpoint"
ANSWER: Final = "cosigned"
KINDS: Final = (QUESTION, ANSWER)


def deal_with(node: Node, batch: Iterable[Arrival]) -> tuple[list[tuple[str, Finding]], list[tuple[Arrival, Finding]]]:
    """Answer neighbours' questions, and take their answers. Returns what is newly wrong, with a neighbour's journal or
    with what it says of this one, by neighbour; and what cannot be read."""
    found, odd = [], []
    for arrival in batch:
        if not node.witness_heard.allows(f"{arrival.peer} {arrival.message.kind}", node.now()):
            continue
        try:
            finding = _dealt(node, arrival)
        except Refusal as refusal:
            odd.append((arrival, refusal.finding))
            continue
        if finding is not None:
            found.append((arrival.peer, finding))
    return found, odd


def _dealt(node: Node, arrival: Arrival) -> Finding | None:
    peer, message = arrival.peer, arrival.message
    if message.kind == ANSWER:
        return hear_witness(node, peer, decode_answer(message.body))
    answer, finding = cosign_for(node, peer, decode_question(message.body))
    link = node.links.get(Route.link(peer))
    if link is not None:  # if it cannot be sent now, the neighbour asks again
        name = f"{node.name}.{ANSWER}.{message.id}"[:200]
        told = Message(ANSWER, name, encode_answer(answer), True, message.id, lifetime=LIFETIME)
        link.transport.publish([Parcel(link.urgent_mailbox, told)])
    return finding
