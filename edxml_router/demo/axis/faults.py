"""The troubles that can be planted on the test axis, and which of them are.

    planted = Faults()
    planted.plant("van-thu", "slow", times=3, seconds=20)
    if (fault := planted.take("van-thu", "slow")) is not None: …      # once less

A trouble meets the next ``times`` occasions and is over then. Those of the node last for ``seconds`` instead. What each
does, and what software has to do about it, is in :mod:`edxml_router.demo.axis.texts` under its name.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final

from edxml_router.core.detail import Detail
from edxml_router.core.problems import Refusal

MOST_TIMES: Final = 1000
MOST_SECONDS: Final = 600


class FaultPlace(StrEnum):
    """Where a trouble arises: on the way of requests, at the node itself, at the office that answers, or on the way of
    the calls to the maker's webhook."""

    DOOR = "door"
    NODE = "node"
    ANSWERING = "answering"
    HOOK = "hook"


class RequestKind(StrEnum):
    """What a request is for, as far as troubles make a difference."""

    SUBMIT = "submit"
    WRITE = "write"
    LIST = "list"
    FETCH = "fetch"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class FaultKind:
    """A trouble. ``on``: the requests that it meets; ``seconds``: how long, where nobody says."""

    name: str
    place: FaultPlace
    on: frozenset[RequestKind] = frozenset(RequestKind)
    seconds: int = 0


@dataclass(frozen=True, slots=True)
class PlantedFault:
    """A trouble that waits for its occasion."""

    kind: FaultKind
    times: int
    seconds: int


def _on(*kinds: RequestKind) -> frozenset[RequestKind]:
    return frozenset(kinds)


FAULTS: Final[Mapping[str, FaultKind]] = {
    kind.name: kind
    for kind in (
        FaultKind("busy", FaultPlace.DOOR, seconds=3),
        FaultKind("slow", FaultPlace.DOOR, seconds=20),
        FaultKind("cut-upload", FaultPlace.DOOR, _on(RequestKind.SUBMIT, RequestKind.WRITE)),
        FaultKind("damaged-upload", FaultPlace.DOOR, _on(RequestKind.SUBMIT)),
        FaultKind("lost-answer", FaultPlace.DOOR),
        FaultKind("cut-fetch", FaultPlace.DOOR, _on(RequestKind.FETCH)),
        FaultKind("damaged-fetch", FaultPlace.DOOR, _on(RequestKind.FETCH)),
        FaultKind("broken-signature", FaultPlace.DOOR, _on(RequestKind.FETCH)),
        FaultKind("duplicate", FaultPlace.DOOR, _on(RequestKind.LIST)),
        FaultKind("expired-token", FaultPlace.DOOR),
        FaultKind("revoked-certificate", FaultPlace.DOOR),
        FaultKind("rate-limit", FaultPlace.NODE, seconds=30),
        FaultKind("clock-off", FaultPlace.NODE, seconds=30),
        FaultKind("crash", FaultPlace.NODE),
        FaultKind("refusal", FaultPlace.ANSWERING),
        FaultKind("return", FaultPlace.ANSWERING),
        FaultKind("silence", FaultPlace.ANSWERING),
        FaultKind("webhook-error", FaultPlace.HOOK),
        FaultKind("webhook-twice", FaultPlace.HOOK),
    )
}


class Faults:
    """What is planted, by office. Used by several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._planted: dict[tuple[str, str], PlantedFault] = {}

    def plant(self, office: str, name: str, *, times: int = 1, seconds: int | None = None) -> PlantedFault:
        """Raises Refusal EDX606 for a trouble that is none, and EDX418 for numbers out of bounds."""
        kind = FAULTS.get(name)
        if kind is None:
            raise Refusal("EDX606", where=name[:100], detail=", ".join(FAULTS))
        seconds = kind.seconds if seconds is None else seconds
        if not (1 <= times <= MOST_TIMES and 0 <= seconds <= MOST_SECONDS):
            detail = Detail("times: 1 to {times}, seconds: 0 to {seconds}", times=MOST_TIMES, seconds=MOST_SECONDS)
            raise Refusal("EDX418", where=name, detail=detail)
        fault = PlantedFault(kind, times, seconds)
        with self._lock:
            self._planted[office, name] = fault
        return fault

    def take(self, office: str, name: str) -> PlantedFault | None:
        """The trouble, if it is planted; there is one time less of it then."""
        with self._lock:
            fault = self._planted.get((office, name))
            if fault is None:
                return None
            if fault.times == 1:
                del self._planted[office, name]
            else:
                self._planted[office, name] = replace(fault, times=fault.times - 1)
            return fault

    def clear(self, office: str) -> None:
        """Nothing is planted for this office any more."""
        with self._lock:
            self._planted = {key: fault for key, fault in self._planted.items() if key[0] != office}

    def of(self, office: str) -> Iterator[PlantedFault]:
        with self._lock:
            found = [fault for (owner, _), fault in self._planted.items() if owner == office]
        yield from found
