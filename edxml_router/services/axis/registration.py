"""What an e-office asks about its agencies: to be registered for one, or to be so no longer.

Which agencies an office serves is the operator's decision, in the configuration, because whoever is registered for an
agency gets its mail. So what is so already is confirmed, and everything else is noted for the operator: Refusal EDX426.
"""

from __future__ import annotations

from typing import Final

from edxml_router.core.agencies.code import MAX_LENGTH
from edxml_router.core.delivery.journal import Entry
from edxml_router.core.detail import Detail
from edxml_router.core.problems import Refusal
from edxml_router.stages.node import Node

ASKED: Final = "agency.asked"  # an office asks to be registered for an agency, or to be so no longer


def register(node: Node, office: str, code: str) -> None:
    """An office wants to serve an agency."""
    if not _is_own(node, office, code):
        _ask(node, office, Detail("register {code}", code=code[:MAX_LENGTH]))
        raise Refusal("EDX426", where=code[:MAX_LENGTH])


def unregister(node: Node, office: str, code: str) -> None:
    """An office does not want to serve an agency any more."""
    if _is_own(node, office, code):
        _ask(node, office, Detail("unregister {code}", code=code[:MAX_LENGTH]))
        raise Refusal("EDX426", where=code[:MAX_LENGTH])


def _is_own(node: Node, office: str, code: str) -> bool:
    return node.rules.registry.canonical_or_none(code) in node.rules.peers[office].codes


def _ask(node: Node, office: str, detail: Detail) -> None:
    """Bounded, as all that a peer provokes without an effect."""
    with node.ledger.book() as book:
        entries = [Entry(node.now(), ASKED, actor=office, detail=detail)]
        book.journal.note_odd(entries, node.rules.limits.noted_hourly, node.rules.peers.keys())
