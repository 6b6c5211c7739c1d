"""Receipts as messages: many at a time to neighbours, one per envelope to an office attached to the hub.

An office gets one JSON object (:mod:`edxml_router.shapes.notice`), which it can parse without knowing about links. Its
correlation is the digest that the verdict named, or the name of the letter that is withdrawn. The node's signature over
the body is in the header ``signature`` (base64; absent where the node has no key), as with receipts.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from edxml_router.core.link.proving import Chains
from edxml_router.core.link.resync import Resync
from edxml_router.core.link.route import Route, RouteKind
from edxml_router.core.link.wire import RECEIPTS_LIMIT, Receipt, encode_receipts, letter_name
from edxml_router.ports.transport import Message
from edxml_router.shapes.form import encode
from edxml_router.shapes.notice import NoticeShape, call_shape, notice_shape
from edxml_router.stages.forwarding.dispatch import receipts_together
from edxml_router.stages.node import Link, Node
from edxml_router.stages.outcomes.portions import receipt_portions

Told = Sequence[tuple[int, Receipt]]  # receipts, each with the number of its row

_LARGER: Final = 2  # times the size that a receipt has on a link: its problem is told in both languages


def report_messages(
    node: Node, link: Link, origin: Route, told: Told, documents: Mapping[str, str], chains: Chains
) -> Iterator[tuple[Message, list[int]]]:
    """The messages to ``origin`` (a link, an office, or the inbox of one), with the rows that each reports.

    ``documents`` has DocumentIds by digest, ``chains`` the certificates of those who signed outcomes. A message is
    named by its content, because row numbers repeat after a restore.
    """
    kind, name = origin.kind, origin.name
    most = receipts_together(link)
    if kind is RouteKind.LINK:
        room = min(RECEIPTS_LIMIT, link.transport.largest_message)
        for together, shown in receipt_portions(told, most, chains, room):
            receipts = tuple(receipt for _, receipt in together)
            body = encode_receipts(receipts, node.sign_receipts, node.certificates, shown)
            yield Message("receipts", _id(node, body), body), [number for number, _ in together]
        return
    if kind is RouteKind.INBOX:
        for number, receipt in told:
            letter = letter_name(receipt.envelope, receipt.recipient)
            shape = notice_shape(name, [receipt], documents)
            yield _signed(node, "withdrawn", f"withdrawn.{letter}.{receipt.generation}", letter, shape), [number]
        return
    by_envelope: dict[str, list[tuple[int, Receipt]]] = defaultdict(list)
    for number, receipt in told:
        by_envelope[receipt.envelope].append((number, receipt))
    for digest, group in by_envelope.items():
        for portion in _portions(group, max(1, most // _LARGER)):
            shape = notice_shape(name, [receipt for _, receipt in portion], documents)
            yield _signed(node, "notice", "", digest, shape), [number for number, _ in portion]


def call_message(node: Node, office: str, resync: Resync) -> Message:
    """The notice that a back-up was restored. Its correlation is the epoch, which the answer repeats."""
    return _signed(node, "notice", f"resync.{resync.epoch}", resync.epoch, call_shape(office, resync))


def _signed(node: Node, kind: str, name: str, correlation: str, shape: NoticeShape) -> Message:
    body = encode(shape)
    headers = {"signature": node.sign_receipts(body)} if node.sign_receipts else {}
    return Message(kind, name or _id(node, body), body, correlation=correlation, headers=headers)


def _id(node: Node, body: bytes) -> str:
    return f"{node.name}.{hashlib.sha256(body).hexdigest()[:32]}"


def _portions(told: Told, most: int) -> Iterator[Told]:
    for start in range(0, len(told), most):
        yield told[start : start + most]
