"""Where letters are written: what a face of the node has at hand for as long as one configuration holds.

    workshop = Workshop(settings)
    for one in workshop.compose(node, "vp", Order("status", data)): …
    data = workshop.sign(node, "vp", name, value, pem)         # to be handed in
    workshop.went("vp", name)                                    # once it was accepted
"""

from __future__ import annotations

import binascii
from base64 import b64decode

from edxml_router.config import Settings
from edxml_router.core.detail import Detail
from edxml_router.core.message import reader
from edxml_router.core.message.envelope import Envelope
from edxml_router.core.problems import Refusal
from edxml_router.core.trust import certificate
from edxml_router.core.xml import safe_xml
from edxml_router.services.letters import composing
from edxml_router.services.letters.composing import Composed, Order
from edxml_router.services.letters.seals import Seals
from edxml_router.services.letters.unsigned import UnsignedLetters
from edxml_router.stages.node import Node


class Workshop:
    """The seals of a node, and the letters that wait for a signature."""

    def __init__(self, settings: Settings) -> None:
        self.seals = Seals(settings)
        self.unsigned = UnsignedLetters(settings.node.data)

    def compose(self, node: Node, office: str, order: Order) -> list[Composed]:
        """The messages of an order. Raises what :func:`edxml_router.services.letters.composing.compose` raises."""
        return composing.compose(node, self.seals, self.unsigned, office, order)

    def sign(self, node: Node, office: str, name: str, value: bytes, pem: bytes) -> bytes:
        """The letter that waits under this name, with its signature: ``value`` in base64, and the certificates (PEM) of
        the signer, his own first. Raises Refusal EDX302 for a value that does not hold and for what is no certificate,
        EDX433."""
        try:
            raw = b64decode(b"".join(value.split()), validate=True)
        except binascii.Error:
            raise Refusal("EDX302", where="value", detail=Detail("not base64")) from None
        try:
            chain = certificate.read_all(pem, "certificate")
        except Refusal as refusal:  # EDX902 is about files of the operator's
            raise Refusal("EDX302", where="certificate", detail=refusal.finding.detail) from refusal
        return self.unsigned.signed(office, name, raw, chain, node.now(), node.rules.limits)

    def went(self, office: str, name: str) -> None:
        """It was accepted, and waits no longer. Idempotent."""
        self.unsigned.drop(office, name)


def envelope_of(node: Node, data: bytes) -> Envelope:
    """What an envelope of our own says."""
    return reader.read(safe_xml.parse(data, node.rules.limits), node.rules.limits).envelope
