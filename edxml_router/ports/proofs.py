"""Queries for what proves the journal to others: checkpoints, and paths in the tree over its entries.

A tree of millions of entries is read in a few hundred hashes. Raises what
:class:`~edxml_router.ports.views.Views` raises, and Setback EDX605 where an entry is missing.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from edxml_router.core.delivery.views import Checkpoint, UnprovenEnd


class Proofs(Protocol):
    """The journal's tree."""

    def checkpoint(self, size: int | None = None) -> Checkpoint | None:
        """The checkpoint of this size, without one the newest; None where there is none."""

    def signed_checkpoint(self, least: int = 0) -> Checkpoint | None:
        """The newest that is signed, of this size or more; None where there is none."""

    def root_at(self, size: int) -> bytes:
        """The root over the first ``size`` entries, computed from what is kept."""

    def leaves(self, begin: int, end: int) -> Sequence[tuple[int, bytes, datetime | None]]:
        """The entries at the places from ``begin`` to before ``end``, in their order: place, bytes of the entry, and
        stamp. One that is missing is left out. The caller asks for as many as it can hold."""

    def subtrees(self, level: int, first: int, count: int) -> Sequence[bytes]:
        """The hashes of ``count`` complete subtrees of the tree, from the ``first`` on, each over ``256**level``
        entries. The caller asks for those that are complete."""

    def inclusion(self, place: int, size: int) -> tuple[bytes, Sequence[bytes]]:
        """The bytes of the leaf at this place, the entry with its stamp, and the path from it to the root over ``size``
        entries. Raises ValueError for a place outside."""

    def consistency(self, old: int, new: int) -> Sequence[bytes]:
        """The path that shows that the first ``new`` entries begin with the first ``old``. Raises ValueError."""


class UnprovenEnds(Protocol):
    """Outcomes that rest on a neighbour's word."""

    def unproven_ends(
        self, since: datetime, *, peer: str = "", code: str = "", before: int = 0, limit: int = 100
    ) -> Sequence[UnprovenEnd]:
        """Ends that stand and are not proven, which became known from ``since`` on, the newest first; told by this
        neighbour, and for this reason, where one is given; numbered below ``before``, unless it is 0."""
