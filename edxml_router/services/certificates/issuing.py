"""Issue a certificate: open what it is made with, for a command or for an office at the gateway.

    data = issue(settings, CertificateOrder("H53,2026/11/27,1/UBND"))          # for whoever may use this node
    data = issue_to(node, settings, CertificateOrder(…, office="vp"))          # for an office, of what it sent

Where there are authorities in journal.stamps, the first that answers stamps it; where none does, the certificate says
that it has no stamp, and ``tell`` is told why. An office has so many stamped a minute; what it asks for beyond that has
the journal's stamp only. Raises what :mod:`edxml_router.services.certificates.making` raises, and
Refusal EDX902, EDX903 for keys.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from typing import Final

from edxml_router.config import Settings
from edxml_router.core.delivery.pace import Pace
from edxml_router.core.problems import Finding, Trouble
from edxml_router.credentials import identities
from edxml_router.credentials.time_stamping import stamp_by
from edxml_router.observe import events
from edxml_router.services.certificates.making import CertificateOrder, Stamper, certify
from edxml_router.stages.node import Node
from edxml_router.wiring.opening import node_of

__all__ = ["CertificateOrder", "issue", "issue_to"]

PATIENCE_SECONDS: Final = 5.0  # seconds for all authorities together; somebody waits for the certificate
SILENCE_SECONDS: Final = 60.0  # seconds for which one that failed is passed over, so that not everybody waits for it

STAMPED_A_MINUTE: Final = 10  # certificates of one office; an authority may charge for each, or shut the node out

Teller = Callable[[Finding], None]
_failed: dict[str, float] = {}  # addresses, and when, in this process
_stamped: Final = Pace(STAMPED_A_MINUTE)


def issue(settings: Settings, order: CertificateOrder, tell: Teller = events.journal_not_stamped) -> bytes:
    """The certificate of a document. What the journal has not numbered yet is numbered before."""
    with node_of(settings) as node:
        node.log_signer = identities.log_signer(settings)
        node.number_journal()
        return issue_to(node, settings, order, tell)


def issue_to(
    node: Node, settings: Settings, order: CertificateOrder, tell: Teller = events.journal_not_stamped
) -> bytes:
    """The certificate of a document, as the journal stands."""
    registry = node.rules.registry
    recipient = registry.canonical_or_none(order.recipient) or order.recipient if order.recipient else ""
    order = replace(order, recipient=recipient)
    may_stamp = bool(settings.journal.stamps) and _stamped.allows(order.office, node.now())
    stamp = _stamper(settings, tell) if may_stamp else None
    return certify(node, identities.signing(settings), settings, order, node.now(), stamp)


def _stamper(settings: Settings, tell: Teller) -> Stamper:
    """Asks the authorities, one after the other."""
    until = time.monotonic() + PATIENCE_SECONDS

    def stamp(data: bytes) -> bytes | None:
        for authority in settings.journal.stamps:
            now = time.monotonic()
            if now >= until or now - _failed.get(authority.url, -SILENCE_SECONDS) < SILENCE_SECONDS:
                continue
            try:
                return stamp_by(authority, data, until - now)[0]
            except Trouble as trouble:
                _failed[authority.url] = time.monotonic()
                tell(trouble.finding)
        return None

    return stamp
