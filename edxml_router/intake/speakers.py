"""Who speaks in a message from a hub: the one place that decides whose word an arrival is.

    speaker(node, arrival) # the peer, or None: then nothing may be done for it kind(node, arrival) # its kind if that
    peer may send it, else QUARANTINE strange(node, arrival) # the finding for what is quarantined, and whose share it
    takes

The mailbox decides whose word a message can be. Each mailbox has one writer, and we chose the hub it is on: on our own
hub the writer is the child or the office that the mailbox is named after, on the parent's hub it is the parent. The
sender's name according to the hub must be that writer's, but does not suffice: the owner of a hub can create users of
any name. A parent could otherwise speak as our own offices and children, confirm for them and send in their name.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from edxml_router.core.detail import Detail
from edxml_router.core.link.chunked import FROM_OFFICE
from edxml_router.core.problems import Finding
from edxml_router.ports.transport import Arrival
from edxml_router.stages.node import Node
from edxml_router.stages.rules import Peer, PeerRole

QUARANTINE: Final = "quarantine"
LINK_KINDS: Final = frozenset(  # from a neighbour
    {"transfer", "chunk", "receipts", "inquiry", "objection", "resync", "resynced", "clock"}
    | {"checkpoint", "cosigned", "wanted", "found", "inventory", "inventoried"}
)
OFFICE_KINDS: Final = frozenset({"submit", "chunk", FROM_OFFICE, "confirm", "return", "resent"})  # from an office

_LONGEST = 255  # characters of a name that are kept


def speaker(node: Node, arrival: Arrival) -> Peer | None:
    """The writer of the mailbox, if the hub names that same sender."""
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
    """The finding for an arrival that cannot be attributed, and the arrival as sent by its mailbox's writer, who
    answers for it whatever name was given."""
    written = replace(arrival, peer=node.writers.get(arrival.mailbox, arrival.peer))
    message = arrival.message
    if arrival.peer not in node.rules.peers:
        unnamed = " ".join(("no user id:", message.kind[:40], message.id, message.headers.get("error", "")))
        return written, Finding("EDX403", arrival.mailbox, storable_name(arrival.peer or unnamed.rstrip()))
    if speaker(node, arrival) is None:
        return written, Finding("EDX410", arrival.mailbox, Detail("in the name of {peer}", peer=arrival.peer))
    may = ", ".join(sorted(_fitting(node.rules.peers[arrival.peer])))
    return written, Finding(
        "EDX704", arrival.mailbox, Detail("kind {kind}, not one of {may}", kind=repr(message.kind[:40]), may=may)
    )


def storable_name(name: str) -> str:
    """A stranger's name in a form that can be stored: a mailbox in a folder has no broker to check it."""
    return ascii(name[:_LONGEST])[1:-1]
