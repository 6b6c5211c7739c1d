"""Reports of neighbours, and whether they count: receipts must be the neighbour's own.

    finding = doubt(node, peer, report)          # None: they count
    told = object_to(node, peer, finding)        # the neighbour learns that its receipts do not count here, and why
    moves = count_kept(node)                     # once certificates have changed: what was kept is judged again

Receipts that cannot be proven are quarantined whole (EDX315, EDX324). The usual cause is a certificate that was renewed
at one end only, so nothing is dropped: they count as soon as the certificate is configured. The neighbour is told,
because it cannot see that what it delivered still looks open here. An objection from a neighbour is kept the same way
(EDX325), one per neighbour, until it is lifted.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Final

from edxml_router import pipeline
from edxml_router.core.delivery.values import Move
from edxml_router.core.detail import Detail
from edxml_router.core.link.credentials import UNPROVEN, objection
from edxml_router.core.link.proving import chains_of
from edxml_router.core.link.route import Route
from edxml_router.core.link.wire import Objection, Receipt, ReceiptOutcome, Report, decode_receipts, encode_objection
from edxml_router.core.problems import Finding, Refusal
from edxml_router.ports.transport import Message, Parcel
from edxml_router.stages import clocks
from edxml_router.stages.node import Node
from edxml_router.stages.outcomes import evidence

OBJECTED: Final = "EDX325"
TELL_AGAIN: Final = timedelta(hours=1)  # a neighbour is told as long as its receipts keep coming, but not of each
_PAGE: Final = 4  # kept messages judged in one transaction; each may have 8 MiB
_OBJECTIONS: Final = 2000  # short ones, one for each neighbour


def doubt(node: Node, peer: str, report: Report) -> Finding | None:
    """Why these receipts do not count as coming from ``peer``; None when they do."""
    credentials, now = node.rules.peers[peer].credentials, node.now()
    trust = node.rules.trust.blocking(node.rules.bindings.blocked_keys(now))
    if credentials:
        return objection(credentials, report, trust, now)
    # Nothing proves whose they are. They count only if the operator has configured so.
    return None if node.rules.peers[peer].unsigned_receipts else Finding("EDX411", peer)


def dated(node: Node, peer: str, report: Report) -> clocks.Alarms:
    """What the times in its receipts show of a neighbour's clock. An acceptance is dated by the neighbour itself; an
    end may have been dated by a later node."""
    own = [one.at for one in report.receipts if one.outcome in (ReceiptOutcome.ACCEPTED, ReceiptOutcome.UNKNOWN)]
    latest = max((one.at for one in report.receipts), default=None)
    if latest is None:
        return ()
    return clocks.dated(node, peer, latest, by_itself=latest in own)


def placed(receipt: Receipt, here: str) -> Receipt:
    """The receipt, with a fact no earlier than this node had the envelope according to the trail. An earlier date comes
    from a clock that is behind, and the sender would read that the letter was confirmed before it was sent."""
    ours = next((hop.at for hop in receipt.hops if hop.node == here), receipt.at)
    return replace(receipt, at=max(receipt.at, ours))


def object_to(node: Node, peer: str, finding: Finding | None) -> bool:
    """Tell a neighbour that its receipts do not count here or, with None, that they do again. False when it knows
    already.

    Each worker remembers whom it has told; forgetting that at a restart costs one more message.
    """
    now = node.now()
    last = node.objections.get(peer)
    if finding is None:
        if last is None:
            return False
        del node.objections[peer]
    elif last is not None and last[0] == finding and last[1] <= now < last[1] + TELL_AGAIN:
        return False
    else:
        node.objections[peer] = (finding, now)
    said = Objection(finding.code, finding.detail) if finding else Objection("", "")
    link = node.links.get(Route.link(peer))
    if link is not None:  # if it cannot be sent now, it is sent again later
        name = f"{node.name}.objection.{now:%Y%m%dT%H%M%S%f}"
        link.transport.publish([Parcel(link.mailbox, Message("objection", name, encode_objection(said)))])
    return True


def objected(node: Node, peer: str, said: Objection) -> tuple[Finding, bytes] | None:
    """Read what a neighbour says of our receipts: the objection to keep for the operator, or None when it is lifted.
    The last word replaces the one before it."""
    with node.ledger.book() as book:
        standing = book.quarantine.kept((OBJECTED,), 0, _OBJECTIONS)
        book.quarantine.take_back([number for number, by, _ in standing if by == peer])
    # Written anew: nothing else in the message is worth keeping.
    kept = encode_objection(said) + peer.encode()
    return (
        (Finding(OBJECTED, peer, Detail("{code}: {detail}", code=said.code, detail=said.detail)), kept)
        if said.code
        else None
    )


def count_kept(node: Node) -> Sequence[Move]:
    """Judge unproven receipts again and count those that can now be proven. Each worker does so at its start and
    whenever its certificates have changed. Returns what moved.

    They are counted first and removed afterwards: a crash in between counts them twice, which changes nothing.
    """
    moves: list[Move] = []
    after = 0
    while True:
        with node.ledger.book() as book:
            page = book.quarantine.kept(UNPROVEN, after, _PAGE)
        if not page:
            return moves
        after = page[-1][0]
        proven: list[tuple[int, str, Sequence[Receipt]]] = []
        chains: dict[str, Sequence[bytes]] = {}
        for number, peer, data in page:
            report = _report(data)
            if report is not None and peer in node.rules.peers and doubt(node, peer, report) is None:
                proven.append((number, peer, evidence.judged(node, peer, report)[0]))
                chains |= chains_of(report.chains)
        if proven:
            told = [(peer, placed(one, node.name)) for _, peer, receipts in proven for one in receipts]
            moves += pipeline.settle(node, told, chains)
            with node.ledger.book() as book:
                book.quarantine.take_back([number for number, _, _ in proven])
            for peer in {peer for _, peer, _ in proven}:
                node.objections.setdefault(peer, (Finding(UNPROVEN[0]), node.now()))  # another worker has told it
                object_to(node, peer, None)


def _report(data: bytes) -> Report | None:
    try:
        return decode_receipts(data)
    except Refusal:
        return None
