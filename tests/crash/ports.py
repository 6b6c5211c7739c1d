"""Wrappers of the ports that let one chosen call go wrong.

``Meddler(victim, how)`` counts the calls that change something outside the process, over all ports in their order,
and lets number ``victim`` go wrong: killed before or after it, failed, or failed although it was done.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from typing import Any

from edxml_router.core.problems import Finding, Setback
from edxml_router.transport.local.hub import FolderHandover

# Calls that leave something behind. What a Book does is undone until its commit, so all that is one call.
EFFECTS = frozenset({"publish", "hand_over", "acknowledge", "give_back", "stage", "keep_chunk", "drop_chunks", "take"})
CANNOT_FAIL = frozenset({"acknowledge", "give_back", "take"})  # their contract knows no failure


class How(StrEnum):
    """What happens at the chosen call."""

    KILLED_BEFORE = "killed before"
    KILLED_AFTER = "killed after"
    FAILED = "failed"
    FAILED_BUT_DONE = "failed but done"


class Meddler:
    """Wraps ports (:meth:`wrap`) and remembers the calls that it saw."""

    def __init__(self, victim: int = -1, how: How = How.KILLED_BEFORE) -> None:
        self._victim = victim
        self._how = how
        self.calls: list[str] = []

    @property
    def kills(self) -> bool:
        return self._how in (How.KILLED_BEFORE, How.KILLED_AFTER)

    def wrap(self, name: str, port: Any) -> Any:
        return _Ledger(self, name, port) if name.endswith("ledger") else _Port(self, name, port)

    def next(self, name: str, method: str) -> How | None:
        """Count a call; what must happen to it, if anything."""
        chosen = len(self.calls) == self._victim
        self.calls.append(f"{name} {method}")
        return self._how if chosen and (self.kills or method not in CANNOT_FAIL) else None


class _Port:
    """A transport or a body store."""

    def __init__(self, meddler: Meddler, name: str, port: Any) -> None:
        self._meddler, self._name, self._port = meddler, name, port

    def __getattr__(self, method: str) -> Any:
        found = getattr(self._port, method)
        if method not in EFFECTS:
            return found

        def called(*arguments: Any) -> Any:
            how = self._meddler.next(self._name, method)
            if how is How.KILLED_BEFORE:
                die()
            answer = None if how is How.FAILED else found(*arguments)
            if how is How.KILLED_AFTER:
                die()
            if how is None:
                return answer
            if method == "publish":
                return [Finding("EDX705") for _ in arguments[0]]
            if method == "hand_over":
                return FolderHandover([Finding("EDX705") for _ in arguments[0]])
            raise Setback("EDX601", detail="as the test wants it")

        return called


class _Ledger:
    """A ledger: the commit at the end of a book is its one call."""

    def __init__(self, meddler: Meddler, name: str, ledger: Any) -> None:
        self._meddler, self._name, self._ledger = meddler, name, ledger
        self.views = ledger.views

    @contextmanager
    def book(self) -> Iterator[Any]:
        with self._ledger.book() as book:
            yield book
            how = self._meddler.next(self._name, "commit")
            if how is How.KILLED_BEFORE:
                die()
            if how is How.FAILED:
                raise Setback("EDX602", detail="as the test wants it")
        if how is How.KILLED_AFTER:
            die()
        if how is How.FAILED_BUT_DONE:
            raise Setback("EDX602", detail="as the test wants it")


def die() -> None:
    """As by a power failure."""
    os.kill(os.getpid(), signal.SIGKILL)
