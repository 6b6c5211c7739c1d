"""Who calls: the office that credentials stand for, and what they are for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from edxml_router.core.detail import Detail
from edxml_router.core.problems import Refusal

SEND: Final = "send"  # hand in, and see what becomes of it
RECEIVE: Final = "receive"  # look into the inbox, fetch, confirm, return
SCOPES: Final = frozenset({SEND, RECEIVE})


@dataclass(frozen=True, slots=True)
class Caller:
    """``by`` tells the credentials, for the log."""

    office: str
    by: str
    scopes: frozenset[str] = SCOPES

    def require(self, scope: str) -> None:
        """Raises Refusal EDX416 when the credentials are not for that."""
        if scope not in self.scopes:
            detail = Detail("{by} is not for {scope}", by=self.by, scope=scope)
            raise Refusal("EDX416", where=self.office, detail=detail)
