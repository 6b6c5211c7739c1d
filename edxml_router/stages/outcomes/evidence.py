"""What proves the outcomes that neighbours report: judged as it comes, kept beside the receipts, passed on unchanged.

    receipts, doubts = judged(node, peer, report)     # each with what its evidence is worth
    move = rested(rules, move, receipt, peer, now)    # what it does all the same, or not
    note_doubts(node, doubts)                         # journalled: what was shown as a proof and is none

An outcome without proof ends a delivery like any other and is shown as unproven, unless ``delivery.require_proof`` says
otherwise: then a delivery of an office here stays open, and is asked about until a proof comes or its time is over.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from edxml_router.core.delivery import lifecycle
from edxml_router.core.delivery.journal import OUTCOME_DOUBTED, Entry
from edxml_router.core.delivery.lifecycle import Event
from edxml_router.core.delivery.moves import change
from edxml_router.core.delivery.values import Delivery, Move
from edxml_router.core.link.proving import Chains, chains_of, judge_evidence
from edxml_router.core.link.statement import UNSIGNED
from edxml_router.core.link.wire import ENDS, Receipt, Report
from edxml_router.core.problems import Finding
from edxml_router.ports.ledger import Book
from edxml_router.stages.node import Node
from edxml_router.stages.rules import Rules

Doubt = tuple[str, Receipt, Finding]  # who told it, and why it does not hold


def judged(node: Node, peer: str, report: Report) -> tuple[list[Receipt], list[Doubt]]:
    """The receipts of a neighbour with what their evidence is worth, and what of it is no proof although it was shown
    as one."""
    now = node.now()
    nodes = node.rules.nodes.blocking(node.rules.bindings.blocked_keys(now))
    chains = chains_of(report.chains)
    found = [judge_evidence(one, chains, nodes, peer, now) for one in report.receipts]
    return [one for one, _ in found], [(peer, one, doubt) for one, doubt in found if doubt is not None]


def note_doubts(node: Node, found: Sequence[Doubt]) -> None:
    """Journal them, as much as one neighbour may fill."""
    now = node.now()
    entries = [
        Entry(now, OUTCOME_DOUBTED, one.envelope, one.recipient, actor=peer, code=doubt.code, detail=doubt.detail)
        for peer, one, doubt in found
    ]
    with node.ledger.book() as book:
        book.journal.note_odd(entries, node.rules.limits.noted_hourly, node.rules.peers.keys())


def rested(rules: Rules, move: Move, receipt: Receipt, peer: str, now: datetime) -> Move | None:
    """The move that a receipt makes, resting on its proof. None, or a note on the open delivery, where proof is
    required and there is none."""
    proof = receipt.evidence
    if move.after not in lifecycle.ENDS or proof.proven or not _required(rules, move.delivery):
        return replace(move, evidence=proof.end.digest) if proof.end is not None else move
    doubt, delivery = proof.doubt or Finding(UNSIGNED, peer), move.delivery
    if delivery.code == doubt.code or not lifecycle.allowed(delivery.state, Event.ACCEPT):
        return None
    # Asked again as what the next node has accepted; an answer with a proof settles it.
    later = now + rules.delivery.inquiry_interval
    told = {"code": doubt.code, "detail": doubt.detail, "actor": peer}
    return change(delivery, Event.ACCEPT, due_at=later, far_accepted=True, **told)


def _required(rules: Rules, delivery: Delivery) -> bool:
    """Only the sender's node asks for proof: the nodes on the way pass on what there is."""
    return rules.delivery.require_proof and delivery.origin.is_office


def keep(book: Book, receipts: Sequence[Receipt], chains: Chains) -> None:
    """Keep the certificates of those who signed the outcomes, within the transaction that keeps these."""
    wanted = {
        each.signer
        for one in receipts
        if one.outcome in ENDS and one.evidence.end is not None
        for each in (one.evidence.end, *one.evidence.passes)
    }
    if shown := {digest: chains[digest] for digest in wanted if digest in chains}:
        book.signers.keep(shown)


def better(
    book: Book, late: Sequence[tuple[str, Receipt]], standing: Mapping[tuple[str, str], Delivery]
) -> list[Receipt]:
    """Proofs that come after their outcomes, say because a node on the way is renewed and was asked again: they stand
    with the receipt from then on, and go on towards the sender. Returns what they prove."""
    proofs = {
        (one.envelope, one.recipient): one
        for peer, one in late
        if one.evidence.proven
        and (delivery := standing.get((one.envelope, one.recipient))) is not None
        and str(delivery.state) == str(one.outcome)
        and delivery.route.name == peer
    }
    if not proofs:
        return []
    unproven = [
        (number, to, one)
        for number, to, one in book.receipts.told(proofs.values())
        if not one.evidence.proven and one.evidence.told_by != ""
    ]
    book.receipts.prove(
        (number, replace(one, evidence=replace(proofs[one.envelope, one.recipient].evidence, complete=not to.is_link)))
        for number, to, one in unproven
    )
    book.receipts.send_again(number for number, to, _ in unproven if to.is_link)
    return [proofs[one.envelope, one.recipient] for _, _, one in unproven]
