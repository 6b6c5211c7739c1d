"""Questions to this node as a witness, and answers of its own witnesses, as they come from neighbours.

Inventories of links, and answers to them, come the same way. Each costs one verification, some sixty hashes or two
hundred rows, and a transaction. A neighbour is heard so many times a minute; what is
more is let go, since it asks again.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from edxml_router.core.link.route import Route
from edxml_router.core.link.witnessing import decode_answer, decode_question, encode_answer
from edxml_router.core.problems import Finding, Refusal
from edxml_router.ports.transport import Arrival, Message, Parcel
from edxml_router.stages.inventory.answering import answer_inventory
from edxml_router.stages.inventory.comparing import LIFETIME as INVENTORY_LIFETIME
from edxml_router.stages.inventory.comparing import hear_inventory, meet
from edxml_router.stages.node import Node
from edxml_router.stages.witness.asking import LIFETIME, hear_witness
from edxml_router.stages.witness.cosigning import cosign_for

QUESTION: Final = "checkpoint"
ANSWER: Final = "cosigned"
INVENTORY: Final = "inventory"
INVENTORIED: Final = "inventoried"
KINDS: Final = (QUESTION, ANSWER, INVENTORY, INVENTORIED)


def deal_with(node: Node, batch: Iterable[Arrival]) -> tuple[list[tuple[str, Finding]], list[tuple[Arrival, Finding]]]:
    """Answer neighbours' questions, and take their answers. Returns what is newly wrong, with a neighbour's journal or
    with what it says of this one, by neighbour; and what cannot be read."""
    found, odd = [], []
    for arrival in batch:
        kind, pace = arrival.message.kind, node.witness_heard
        if kind in (INVENTORY, INVENTORIED):
            pace = node.inventory_heard
        if not pace.allows(f"{arrival.peer} {kind}", node.now()):
            continue
        try:
            findings = _dealt(node, arrival)
        except Refusal as refusal:
            odd.append((arrival, refusal.finding))
            continue
        found += [(arrival.peer, finding) for finding in findings]
    return found, odd


def _dealt(node: Node, arrival: Arrival) -> Sequence[Finding]:
    peer, message = arrival.peer, arrival.message
    if message.kind == ANSWER:
        return _listed(hear_witness(node, peer, decode_answer(message.body)))
    if message.kind == INVENTORIED:
        return hear_inventory(node, peer, message.body)
    if message.kind == INVENTORY:
        told, findings = answer_inventory(node, peer, message.body)
        if told is not None:
            _send(
                node,
                peer,
                Message(
                    INVENTORIED, _name(node, INVENTORIED, message), told, True, message.id, lifetime=INVENTORY_LIFETIME
                ),
            )
        return findings
    question = decode_question(message.body)
    if question.inventories:
        meet(node, peer)
    answer, finding = cosign_for(node, peer, question)
    told = encode_answer(answer)
    _send(node, peer, Message(ANSWER, _name(node, ANSWER, message), told, True, message.id, lifetime=LIFETIME))
    return _listed(finding)


def _listed(finding: Finding | None) -> Sequence[Finding]:
    return () if finding is None else (finding,)


def _name(node: Node, kind: str, message: Message) -> str:
    return f"{node.name}.{kind}.{message.id}"[:200]


def _send(node: Node, peer: str, message: Message) -> None:
    """If it cannot be sent now, the neighbour asks again."""
    link = node.links.get(Route.link(peer))
    if link is not None:
        link.transport.publish([Parcel(link.urgent_mailbox, message)])
