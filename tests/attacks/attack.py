"""One attack, as a value."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from edxml_router.core.link.wire import Transfer
from edxml_router.stages.rules import Rules
from tests.attacks import gate
from tests.certificates import NOW

Build = Callable[[], bytes]


@dataclass(frozen=True)
class Attack:
    """``code`` "" is for what is taken and does no harm: ``harmless`` says why, in words for the table."""

    family: str
    name: str
    code: str
    build: Build
    form: str = ""  # "whole" or "parts", where the signature's way of covering matters
    rules: Callable[[], Rules] = lambda: gate.RULES
    peer: str = gate.OFFICE
    transfer: Callable[[bytes], Transfer] | None = None  # brought over a link, with this beside it
    before: tuple[Build, ...] = ()  # taken earlier by the same node; then the store is asked too
    at: datetime = NOW
    harmless: str = ""

    def __str__(self) -> str:
        return "-".join(filter(None, (self.family, self.name, self.form)))

    def meet(self, folder: Path) -> str:
        """The code that it meets, "" when it is taken; ``folder`` is for a node's store."""
        data = self.build()
        if self.before:
            return gate.accept(folder, [build() for build in self.before], data, self.peer)
        transfer = self.transfer(data) if self.transfer else None
        return gate.outcome(gate.judge(data, self.rules(), self.peer, transfer, self.at))
