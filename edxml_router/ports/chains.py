"""What must keep its order: the part of the ledger that knows which envelopes are of one document."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Protocol


class Chains(Protocol):
    """The part of a book about documents and what refers to them."""

    def chains(self, documents: Iterable[tuple[str, str]]) -> Mapping[tuple[str, str], tuple[int, ...]]:
        """The chains of the documents that were accepted here, by their sender and ``document_key``; of several
        envelopes with one key (a document and its recall) those of all."""

    def known_documents(self, keys: Collection[str]) -> set[str]:
        """Which of these keys a document has that was accepted here, whoever sent it."""
