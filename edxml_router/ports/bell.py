"""The bell of a node, which wakes its workers."""

from __future__ import annotations

from typing import Protocol


class Bell(Protocol):
    """Rung after a commit that a worker should see to at once.

    Nothing depends on it: workers look into the ledger periodically, rung or not.
    """

    def ring(self) -> None:
        """Wake the workers. Never waits and never raises."""
