"""``book.signers``: :class:`edxml_router.ports.ledger.Signers` in SQL.

They are few, as nodes are, and kept as long as the receipts that rest on them: who asks again gets them again.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Final

from sqlalchemy import Column, Table, Text, bindparam, select

from edxml_router.store.database.bulk import Insert
from edxml_router.store.database.columns import Octets, metadata
from edxml_router.store.database.part import Part

signers = Table(
    "signers",
    metadata,
    Column("digest", Text, primary_key=True),  # SHA-256 (hex) of the first certificate
    Column("chain", Octets, nullable=False),  # certificates in DER, one behind the other
)

_ADD: Final = Insert(signers, ("digest", "chain"), "ON CONFLICT (digest) DO NOTHING")
_KNOWN: Final = select(signers).where(signers.c.digest.in_(bindparam("keys", expanding=True)))


class SqlSigners(Part):
    """See :class:`edxml_router.ports.ledger.Signers`."""

    def keep(self, chains: Mapping[str, Sequence[bytes]]) -> None:
        wanted = sorted(chains.keys() - self.chains(chains))
        self._write(_ADD, [{"digest": digest, "chain": b"".join(chains[digest])} for digest in wanted])

    def chains(self, digests: Collection[str]) -> Mapping[str, Sequence[bytes]]:
        return {row.digest: tuple(_split(bytes(row.chain))) for row in self._by_keys(_KNOWN, digests)}


def _split(data: bytes) -> Iterable[bytes]:
    """DER tells its own length: a tag, then either one byte or how many bytes the length has."""
    while data:
        more = data[1] & 0x7F if data[1] & 0x80 else 0
        size = 2 + more + (int.from_bytes(data[2 : 2 + more], "big") if more else data[1])
        yield data[:size]
        data = data[size:]

