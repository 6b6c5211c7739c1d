"""Issue a certificate: open what it is made with, for a command or for an office at the gateway.

    data = issue(settings, CertificateOrder("H53,2026/11/27,1/UBND"))          # for whoever may use this node
    data = issue_to(node, settings, CertificateOrder(…, office="vp"))          # for an office, of what it sent

Raises what :mod:`edxml_router.services.certificates.making` raises, and Refusal EDX902, EDX903 for keys.
"""

from __future__ import annotations

from dataclasses import replace

from edxml_router.config import Settings
from edxml_router.credentials import identities
from edxml_router.services.certificates.making import CertificateOrder, certify
from edxml_router.stages.node import Node
from edxml_router.wiring.opening import node_of

__all__ = ["CertificateOrder", "issue", "issue_to"]


def issue(settings: Settings, order: CertificateOrder) -> bytes:
    """The certificate of a document. What the journal has not numbered yet is numbered before."""
    with node_of(settings) as node:
        node.log_signer = identities.log_signer(settings)
        node.number_journal()
        return issue_to(node, settings, order)


def issue_to(node: Node, settings: Settings, order: CertificateOrder) -> bytes:
    """The certificate of a document, as the journal stands."""
    registry = node.rules.registry
    recipient = registry.canonical_or_none(order.recipient) or order.recipient if order.recipient else ""
    return certify(node, identities.signing(settings), settings, replace(order, recipient=recipient), node.now())
