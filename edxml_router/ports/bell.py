"""The bell of a node, which calls its workers."""

from __future__ import annotations

from typing import Protocol


class Bell(Protocol):
    """Rung after a commit that a worker should see to at once.

    Nothing hangs on it: workers look into the ledger now and then whether somebody has rung or not.
    """

    def ring(self) -> None:
        """Call. Waits for nobody, and never raises."""
