"""What this node signs about outcomes, once and before they leave it: how a delivery has ended here, or when it took
the word of a later node and passed it on.

    waiting, chains = signed(node, waiting, rows, now)    # what the receipts rest on is committed when this returns

Whatever asks again gets the same bytes: the statements are kept with the receipts. A crash before the commit leaves
nothing that anybody has seen. The commands that end a delivery have no key; so a worker signs, when it comes to report.
Raises Setback EDX909 for a token that is away.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Final

from edxml_router.core.delivery.journal import OUTCOME_SIGNED, Entry
from edxml_router.core.delivery.values import EnvelopeRow
from edxml_router.core.link.route import Route
from edxml_router.core.link.statement import (
    PASSES_LIMIT,
    EndStatement,
    Evidence,
    PassStatement,
    SignedText,
    end_event,
)
from edxml_router.core.link.wire import ENDS, Receipt
from edxml_router.ports.ledger import Book
from edxml_router.stages.node import Node

Waiting = Sequence[tuple[int, Route, Receipt]]  # number and origin of each
_DETAIL_LIMIT: Final = 1000  # characters


def signed(
    node: Node, waiting: Waiting, rows: Mapping[str, EnvelopeRow], now: datetime
) -> tuple[Waiting, Mapping[str, Sequence[bytes]]]:
    """The receipts with what this node states of them, and the certificates of all who signed. ``rows`` are
    the envelopes of those that are not signed yet. One commit, where there is something to sign."""
    ends = [(number, to, one) for number, to, one in waiting if to.is_link and one.outcome in ENDS]
    if not ends:
        return waiting, {}
    unsigned = [(number, to, one) for number, to, one in ends if not one.evidence.complete]
    done: dict[int, Receipt] = {}
    if unsigned and node.sign_receipts is not None and node.certificates:
        with node.ledger.book() as book:
            before = _known_before(book, unsigned)
        done = {number: _completed(node, one, to, before.get(number), rows, now) for number, to, one in unsigned}
    own = {} if not done else {_signer(node): node.certificates}
    told = [done.get(number, one) for number, _, one in ends]
    with node.ledger.book() as book:
        if done:
            # Committed before it is sent: what has left this node is never said in other words.
            book.receipts.prove(done.items())
            book.signers.keep(own)
            book.journal.note(
                Entry(now, OUTCOME_SIGNED, one.envelope, one.recipient, actor="node", evidence=end.digest)
                for one in done.values()
                if one.evidence.told_by == "" and (end := one.evidence.end) is not None
            )
        chains = book.signers.chains({each for one in told for each in _signers(one.evidence)})
    return [(number, to, done.get(number, one)) for number, to, one in waiting], chains


def _known_before(book: Book, unsigned: Waiting) -> Mapping[int, Evidence]:
    """What was stated before of the same fact, under another generation or to another neighbour: it is not stated in
    other words."""
    bare = [(number, one) for number, _, one in unsigned if one.evidence.end is None]
    known = {
        (one.envelope, one.recipient, one.outcome, one.at): one.evidence
        for _, _, one in book.receipts.told([one for _, one in bare])
        if one.evidence.end is not None
    }
    return {
        number: known[fact]
        for number, one in bare
        if (fact := (one.envelope, one.recipient, one.outcome, one.at)) in known
    }


def _completed(
    node: Node,
    receipt: Receipt,
    to: Route,
    before: Evidence | None,
    rows: Mapping[str, EnvelopeRow],
    now: datetime,
) -> Receipt:
    row = rows.get(receipt.envelope)
    evidence = receipt.evidence if before is None else before
    if evidence.end is None and evidence.told_by == "":
        evidence = replace(evidence, end=_sign(node, _end(node, receipt, row).canonical()))
    elif evidence.end and evidence.told_by and evidence.taken_at and before is None:
        about = (evidence.end, *evidence.passes)[-1].digest
        times = (evidence.taken_at, now, row.accepted_at if row else None)
        said = PassStatement(node.name, about, evidence.told_by, to.name, *times)
        if len(evidence.passes) < PASSES_LIMIT:
            evidence = replace(evidence, passes=(*evidence.passes, _sign(node, said.canonical())))
    return replace(receipt, evidence=replace(evidence, complete=True))


def _end(node: Node, receipt: Receipt, row: EnvelopeRow | None) -> EndStatement:
    return EndStatement(
        node.name,
        receipt.envelope,
        row.document_id if row else "",
        receipt.recipient,
        node.rules.registry.canonical_or_none(receipt.recipient) or receipt.recipient,
        receipt.generation,
        str(receipt.outcome),
        end_event(receipt.outcome, receipt.code),
        receipt.at,
        receipt.code,
        str(receipt.detail).replace("\0", "\ufffd")[:_DETAIL_LIMIT],
        row.accepted_at if row else None,
    )


def _sign(node: Node, text: str) -> SignedText:
    assert node.sign_receipts is not None  # noqa: S101  # signed() has looked
    return SignedText(text, node.sign_receipts(text.encode()), _signer(node))


def _signer(node: Node) -> str:
    return hashlib.sha256(node.certificates[0]).hexdigest()


def _signers(evidence: Evidence) -> list[str]:
    return [one.signer for one in (*([evidence.end] if evidence.end else []), *evidence.passes)]
