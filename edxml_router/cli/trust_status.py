"""What trust hangs on, for ``trust status``: all of :mod:`~edxml_router.credentials.endings`, and the certificates
of the keys that
signed lately.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Final

from edxml_router.config import Settings
from edxml_router.credentials import blocks, endings
from edxml_router.credentials.endings import Standing
from edxml_router.store.envelopes import signers
from edxml_router.wiring.stored import StoredNode

LATELY: Final = timedelta(days=90)  # who has not signed for so long is not asked after


def certificates(settings: Settings, node: StoredNode, now: datetime) -> Iterator[Standing]:
    """All certificates, those that are blocked marked. Raises Refusal EDX901, EDX902 for a file, Setback for the
    database."""
    yield from blocks.marked(settings, _certificates(settings, node, now), now)


def _certificates(settings: Settings, node: StoredNode, now: datetime) -> Iterator[Standing]:
    yield from endings.authorities(settings, now)
    yield from endings.own(settings, now)
    yield from endings.neighbours(settings, now)
    yield from _signers(node, now)


def _signers(node: StoredNode, now: datetime) -> Iterator[Standing]:
    for each in signers.seen(node.ledger, now - LATELY):
        documents = node.bodies.read([each.digest]) if each.size <= signers.LARGEST else {}
        found = [signers.certificate_of(document, each.key) for document in documents.values()]
        for certificate in found:
            if certificate is not None:
                yield endings.certificate("signer", certificate, now, each.sender, f"{each.sender} {each.key}")
