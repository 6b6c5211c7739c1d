"""The seals of a node (``[[seals]]``): keys that sign what the node writes for an agency.

    seals = Seals(settings)
    seals.seal(node, "vp", "H53.31", data)       # the signed envelope; the use is journalled first

A key is opened when it is first needed and kept. Raises Refusal EDX432 where there is no seal, EDX902, EDX903 for key
and certificate, Setback EDX909 for a token.
"""

from __future__ import annotations

import hashlib
from typing import Final

from cryptography import x509

from edxml_router.config import Settings
from edxml_router.config.faces.seals import SealSettings
from edxml_router.core.delivery.journal import Entry
from edxml_router.core.detail import Detail
from edxml_router.core.problems import Refusal
from edxml_router.core.signature import signing
from edxml_router.core.signature.form import Coverage
from edxml_router.core.signature.signing import SigningKey
from edxml_router.credentials import keys, token_keys
from edxml_router.stages.node import Node

SEALED: Final = "letter.sealed"


class Seals:
    """The seals of one configuration."""

    def __init__(self, settings: Settings) -> None:
        self._base = settings.path.parent
        self._named = settings.seals
        self._opened: dict[str, tuple[SigningKey, tuple[x509.Certificate, ...]]] = {}

    def holds(self, node: Node, agency: str) -> bool:
        """Whether there is one for the agency of this canonical code."""
        return self._of(node, agency) is not None

    def seal(self, node: Node, office: str, agency: str, data: bytes, coverage: Coverage = Coverage.WHOLE) -> bytes:
        """The envelope, signed in the agency's name because this office wants it."""
        found = self._of(node, agency)
        if found is None:
            raise Refusal("EDX432", where=agency)
        if agency not in self._opened:
            self._opened[agency] = (
                token_keys.open_key(found.key, self._base),
                keys.load_certificates(found.certificate),
            )
        key, chain = self._opened[agency]
        signed = signing.sign_document(data, key, chain, coverage, node.rules.limits)
        # Before anybody can have it: what was signed and never handed in is known as well.
        detail = Detail("seal of {agency}, certificate {serial:x}", agency=agency, serial=chain[0].serial_number)
        entry = Entry(node.now(), SEALED, hashlib.sha256(signed).hexdigest(), actor=office, detail=detail)
        with node.ledger.book() as book:
            book.journal.note([entry])
        return signed

    def _of(self, node: Node, agency: str) -> SealSettings | None:
        named = (one for one in self._named if node.rules.registry.canonical_or_none(one.agency) == agency)
        return next(named, None)
