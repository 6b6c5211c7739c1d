"""Have neighbours cosign the newest checkpoint of this node's journal.

    ask_witnesses(node)                        # now and then: those whose turn it is
    finding = hear_witness(node, peer, answer) # None: all is well, or as it was

Only neighbours whose verifier key is configured are asked: a node of an older version, which would quarantine the
question, has none. Questions are withdrawn by the hub after minutes, so that they do not pile up.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from edxml_router.core.detail import Detail, said
from edxml_router.core.link.route import Route
from edxml_router.core.link.witnessing import WitnessAnswer, WitnessStatus, encode_question
from edxml_router.core.problems import Finding
from edxml_router.core.proof.checkpoint import TreeHead, cosigned_at
from edxml_router.core.proof.note import NoteSigner, read_signatures
from edxml_router.core.proof.texts import witness_request
from edxml_router.core.proof.witness import KeptCosignature
from edxml_router.ports.transport import Message, Parcel
from edxml_router.stages.node import Node

LIFETIME: Final = timedelta(minutes=5)  # of questions and answers: what is older has been asked again
UNPROVEN: Final = "EDX640"
REFUSED: Final = "EDX642"
KEYLESS: Final = "EDX643"


def ask_witnesses(node: Node) -> int:
    """Ask the neighbours whose turn it is. Returns how many were asked."""
    signer, pause, now = node.log_signer, node.rules.witness_interval, node.now()
    turns = [peer for peer in _witnesses(node) if not now - pause < node.witness_asked.get(peer, now - pause) <= now]
    newest = node.ledger.views.checkpoint() if signer and turns and not node.log_ended else None
    if signer is None or newest is None:
        return 0
    asked = 0
    for peer in turns:
        node.witness_asked[peer] = now
        with node.ledger.book() as book:  # one worker asks; a crash behind this leaves it to the next turn
            standing = book.witnesses.ask(peer, now, pause)
        if standing is not None:
            _send(node, signer, peer, min(standing.size, newest.size), newest.size)
            asked += 1
    return asked


def hear_witness(node: Node, peer: str, answer: WitnessAnswer) -> Finding | None:
    """Take a neighbour's answer; what is wrong with it, where that is not what was wrong before."""
    signer, now = node.log_signer, node.now()
    mark = node.ledger.views.checkpoint(answer.size)
    if signer is None or mark is None:
        return None  # about no checkpoint of ours
    size: int | None = None
    finding: Finding | None = None
    kept: KeptCosignature | None = None
    if answer.status is WitnessStatus.COSIGNED:
        try:
            kept = _verified(node, peer, TreeHead(signer.name, mark.size, bytes.fromhex(mark.root)), answer)
            size = mark.size
        except ValueError as error:
            finding = Finding(UNPROVEN, peer, said(error))
    elif answer.status is WitnessStatus.CONFLICT:
        size, finding = _conflicting(node, signer, peer, answer)
    elif answer.status in (WitnessStatus.UNKNOWN, WitnessStatus.UNPROVEN):
        finding = Finding(KEYLESS, peer, signer.verifier.text)
    else:
        told = Detail(
            "it has cosigned {known} entries, and {size} do not continue them", known=answer.known, size=answer.size
        )
        finding = Finding(REFUSED, peer, told)
    with node.ledger.book() as book:
        if kept is not None:
            book.witnesses.keep_cosignature(kept)
        code, detail = (finding.code, finding.detail) if finding else ("", "")
        news = book.witnesses.answered(peer, now, size, code, detail)
    return finding if news else None


def _witnesses(node: Node) -> list[str]:
    return [name for name, peer in node.rules.peers.items() if peer.log_keys and Route.link(name) in node.links]


def _conflicting(node: Node, signer: NoteSigner, peer: str, answer: WitnessAnswer) -> tuple[int | None, Finding | None]:
    """The witness has cosigned another size last. Ask again from there, unless it knows more than there is here."""
    newest = node.ledger.views.checkpoint()
    if newest is None or answer.known > newest.size or answer.known == answer.old:
        told = Detail("it has cosigned {known} entries that are not here", known=answer.known)
        return None, Finding(REFUSED, peer, told)
    if node.witness_pace.allows(peer, node.now()):  # whatever it answers, it is not asked without end
        _send(node, signer, peer, answer.known, newest.size)
    return answer.known, None


def _verified(node: Node, peer: str, head: TreeHead, answer: WitnessAnswer) -> KeptCosignature:
    """The cosignature of a key that is known. Raises ValueError where there is none, or a false one."""
    for signature in read_signatures(answer.lines):
        for key in node.rules.peers[peer].log_keys:
            if signature.by(key.cosigner):
                at = cosigned_at(signature, head.text, key.cosigner)
                return KeptCosignature(head.size, peer, at, signature.line)
    raise ValueError(Detail("no known key has cosigned it"))


def _send(node: Node, signer: NoteSigner, peer: str, old: int, size: int) -> None:
    views, now = node.ledger.views, node.now()
    mark = views.checkpoint(size)
    if mark is None or node.log_ended:
        return
    note = signer.sign(TreeHead(signer.name, size, bytes.fromhex(mark.root)).text).data
    body = encode_question(now, witness_request(old, views.consistency(old, size), note))
    link = node.links[Route.link(peer)]
    # If it cannot be sent now, it is asked again at the next turn.
    message = Message("checkpoint", _name(node, size, now), body, urgent=True, lifetime=LIFETIME)
    link.transport.publish([Parcel(link.urgent_mailbox, message)])


def _name(node: Node, size: int, now: datetime) -> str:
    return f"{node.name}.checkpoint.{size}.{now:%Y%m%dT%H%M%S%f}"
