"""The keys that have signed recently accepted envelopes, and their certificates.

    for signer in seen(ledger, since): …
    certificate_of(document, signer.key)

Certificates are not stored separately: each is in the documents it signed. Raises Setback EDX601, EDX602.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from cryptography import x509
from sqlalchemy import func, select

from edxml_router.core.problems import Refusal
from edxml_router.core.signature import form
from edxml_router.core.trust import certificate
from edxml_router.core.xml import safe_xml
from edxml_router.store.database.engine import reading
from edxml_router.store.envelopes.table import envelopes
from edxml_router.store.ledger import SqlLedger

LARGEST = 4 * 1024 * 1024  # bytes of a document that is read for its certificate


@dataclass(frozen=True, slots=True)
class SeenKey:
    """A key, when it was last used, and the smallest document that contains its certificate."""

    key: str  # SHA-256 of the public key, hex
    last: datetime
    sender: str  # of that document
    digest: str
    size: int


def seen(ledger: SqlLedger, since: datetime) -> Sequence[SeenKey]:
    """The signers of envelopes accepted since then, the last used first."""
    table = envelopes.c
    lately = (table.accepted_at >= since, table.signer != "", table.indication == "passed")
    order = (table.size, table.accepted_at.desc(), table.digest)
    ranked = (
        select(
            table.signer,
            func.max(table.accepted_at).over(partition_by=table.signer).label("last"),
            table.sender,
            table.digest,
            table.size,
            func.row_number().over(partition_by=table.signer, order_by=order).label("place"),
        )
        .where(*lately)
        .subquery()
    )
    rows = select(ranked.c.signer.label("key"), ranked.c.last, ranked.c.sender, ranked.c.digest, ranked.c.size)
    with reading(ledger.engine) as connection:
        found = connection.execute(rows.where(ranked.c.place == 1).order_by(ranked.c.last.desc(), ranked.c.signer))
        return [SeenKey(**row._mapping) for row in found]


def certificate_of(document: bytes, key: str) -> x509.Certificate | None:
    """The certificate of this key in an accepted document; None where it is not found."""
    try:
        limits = safe_xml.Limits(max_bytes=LARGEST)
        signature = form.read(safe_xml.parse(document, limits))
        found = [certificate.read(der) for der in signature.certificates] if signature else []
    except Refusal:
        return None
    return next((each for each in found if certificate.spki_sha256(each) == key), None)
