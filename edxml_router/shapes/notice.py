"""What an office is told about the envelopes that it has sent, or that it was given."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TypedDict

from edxml_router.core.link.manifest import instant
from edxml_router.core.link.resync import Resync
from edxml_router.core.link.wire import Receipt, ReceiptOutcome
from edxml_router.shapes.envelope import HopShape, hop_shapes
from edxml_router.shapes.form import Digest, Instant
from edxml_router.shapes.problem import ProblemShape, kept_problem


class ReceiptShape(TypedDict):
    """The outcome of one delivery."""

    recipient: str
    generation: int
    outcome: ReceiptOutcome
    at: Instant
    problem: ProblemShape | None
    detail: str
    hops: list[HopShape]


class SendAgainShape(TypedDict):
    """A back-up was restored: what was handed in since then is to be sent again."""

    since: Instant
    epoch: str


class NoticeShape(TypedDict):
    """What became of one envelope: or, with ``send_again``, of all since a moment."""

    office: str
    digest: Digest | None
    document_id: str | None
    receipts: list[ReceiptShape]
    send_again: SendAgainShape | None


def receipt_shape(receipt: Receipt) -> ReceiptShape:
    return {
        "recipient": receipt.recipient,
        "generation": receipt.generation,
        "outcome": receipt.outcome,
        "at": instant(receipt.at),
        "problem": kept_problem(receipt.code, "", receipt.detail),
        "detail": receipt.detail,
        "hops": hop_shapes(receipt.hops),
    }


def notice_shape(office: str, receipts: Iterable[Receipt], documents: Mapping[str, str]) -> NoticeShape:
    """Of receipts about one envelope, one at least. ``documents`` has the DocumentIds by digest."""
    told = list(receipts)
    return {
        "office": office,
        "digest": told[0].envelope,
        "document_id": documents.get(told[0].envelope),
        "receipts": [receipt_shape(one) for one in told],
        "send_again": None,
    }


def call_shape(office: str, resync: Resync) -> NoticeShape:
    """The call to send again."""
    again: SendAgainShape = {"since": instant(resync.since), "epoch": resync.epoch}
    return {"office": office, "digest": None, "document_id": None, "receipts": [], "send_again": again}
