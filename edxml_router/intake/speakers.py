"""Who speaks in a message from a hub: the one place that says whose word an arrival is.

    speaker(node, arrival)        # the peer, or None: then nothing may be done for it
    kind(node, arrival)           # its kind, if that peer may send it; else QUARANTINE
    strange(node, arrival)        # the finding for what is quarantined, and whose share it takes

The mailbox says whose word a message can be. Each has one writer, and which hub it is on was our own choice: on the own
hub it is the child or the office that the mailbox is named after, on the parent's it is the parent. The name that the
hub gives the sender must be that writer's; it is not enough by itself. Who owns a hub makes users of any name there: a
parent could speak as our own offices and children, confirm for them and send in their name.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from edxml_router.core.detail import Detail
from edxml_router.core.problems import Finding
from edxml_router.ports.transport import Arrival
from edxml_router.stages.node import Node
from edxml_router.stages.rules import Peer, PeerRole

QUARANTINE: Final = "quarantine"
LINK_KINDS: Final = frozenset(  # from a neighbour
    {"transfer", "chunk", "receipts", "inquiry", "objection", "resync", "resynced", "clock"}
)
OFFICE_KINDS: Final = frozenset({"submit", "confirm", "return", "resent"})  # from an office

_LONGEST = 255  # characters of a name that are kept


def speaker(node: Node, arrival: Arrival) -> Peer | None:
    """The writer of the mailbox, if the hub names the same sender."""
    writer = node.writers.get(arrival.mailbox)
    return node.rules.peers.get(writer) if writer is not None and arrival.peer == writer else None


def kind(node: Node, arrival: Arrival) -> str:
    """What is to be done with a message."""
    peer = speaker(node, arrival)
    if peer is None:
        return QUARANTINE
    return arrival.message.kind if arrival.message.kind in _fitting(peer) else QUARANTINE


def _fitting(peer: Peer) -> frozenset[str]:
    return OFFICE_KINDS if peer.role is PeerRole.OFFICE else LINK_KINDS


def strange(node: Node, arrival: Arrival) -> tuple[Arrival, Finding]:
    """What is wrong with an arrival that is for nobody, and the arrival as its mailbox's writer sent it: whatever name
    was given, the writer answers for it."""
    written = replace(arrival, peer=node.writers.get(arrival.mailbox, arrival.peer))
    message = arrival.message
    if arrival.peer not in node.rules.peers:
        unnamed = " ".join(("no user id:", message.kind[:40], message.id, message.headers.get("error", "")))
        return written, Finding("EDX403", arrival.mailbox, plain(arrival.peer or unnamed.rstrip()))
    if speaker(node, arrival) is None:
        return written, Finding("EDX410", arrival.mailbox, Detail("in the name of {peer}", peer=arrival.peer))
    may = ", ".join(sorted(_fitting(node.rules.peers[arrival.peer])))
    return written, Finding(
        "EDX704", arrival.mailbox, Detail("kind {kind}, not one of {may}", kind=repr(message.kind[:40]), may=may)
    )


def plain(name: str) -> str:
    """The name that a stranger gives itself, so that it can be stored: a folder's mailbox has no broker to check it."""
    return ascii(name[:_LONGEST])[1:-1]
