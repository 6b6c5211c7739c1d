"""The machine's clock, as an operator speaks of it."""

from __future__ import annotations

from datetime import datetime

from edxml_router.config import Settings
from edxml_router.core.problems import Setback
from edxml_router.core.wording import in_words
from edxml_router.store.clocks.steady_clock import ClockStep
from edxml_router.wiring.clocks import note_clock
from edxml_router.wiring.opening import node_of


def accept_clock(settings: Settings, operator: str) -> datetime:
    """Let the node go by the machine's clock as it is now; the node's time from now on. Raises Setback EDX622 where
    that cannot be kept."""
    with node_of(settings) as node:
        try:
            step = node.clock.accept()
        except OSError as error:
            raise Setback("EDX622", where="clock.json", detail=in_words(error)) from error
        note_clock(node, ClockStep(None, step), f"operator:{operator}")
        return node.now()
