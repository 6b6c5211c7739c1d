"""How long everything that trust depends on is still valid: authorities, own and neighbours' certificates, those of
keys that signed recently, lists, and responders' answers.

    for one in expiries(settings, now): …
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import Final

from edxml_router.config import Settings
from edxml_router.core.trust.expiry import Expiry
from edxml_router.credentials import blocks, endings
from edxml_router.store.envelopes import signers
from edxml_router.wiring.opening import node_of
from edxml_router.wiring.stored import StoredNode

LATELY: Final = timedelta(days=90)  # older signers are left out


def expiries(settings: Settings, now: datetime) -> Sequence[Expiry]:
    """All of it. Raises Refusal EDX901, EDX902 for a file, Setback for the database."""
    with node_of(settings) as node:
        found = [*certificates(settings, node, now), *endings.lists(settings, now)]
    return [*found, *endings.answers(settings, now)]


def needs_attention(one: Expiry) -> bool:
    """Whether somebody has to act; with a block somebody already has."""
    return one.finding is not None and not one.blocked


def certificates(settings: Settings, node: StoredNode, now: datetime) -> Iterator[Expiry]:
    """All certificates, those that are blocked marked. Raises Refusal EDX901, EDX902 for a file, Setback for the
    database."""
    yield from blocks.mark_blocked(settings, _certificates(settings, node, now), now)


def _certificates(settings: Settings, node: StoredNode, now: datetime) -> Iterator[Expiry]:
    yield from endings.authorities(settings, now)
    yield from endings.own(settings, now)
    yield from endings.neighbours(settings, now)
    yield from _signers(node, now)


def _signers(node: StoredNode, now: datetime) -> Iterator[Expiry]:
    for each in signers.seen(node.ledger, now - LATELY):
        documents = node.bodies.read([each.digest]) if each.size <= signers.LARGEST else {}
        found = [signers.certificate_of(document, each.key) for document in documents.values()]
        for certificate in found:
            if certificate is not None:
                yield endings.certificate("signer", certificate, now, each.sender, f"{each.sender} {each.key}")
