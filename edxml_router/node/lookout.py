"""Watch, while the node runs, whether somebody else takes its mail: a twin that started while a hub was away, or a
running copy of the machine.

    with Lookout(settings): …        # in the supervisor

A twin is reported (EDX620) in the log and by ``doctor``, and nothing else is done: it cannot be known here which of the
two is the node and which the copy, and if both stopped, no mail would be taken at all.
"""

from __future__ import annotations

import threading
import time
from contextlib import closing
from types import TracebackType
from typing import Final

from edxml_router.config import Settings
from edxml_router.core.detail import Detail
from edxml_router.core.problems import Finding, Trouble
from edxml_router.node import starting
from edxml_router.observe import events
from edxml_router.store.database.engine import working
from edxml_router.wiring import own_ledger

PAUSE_SECONDS: Final = 60.0  # seconds between looks; a twin is reported when two in a row have seen it
LASTS_SECONDS: Final = 3.0  # seconds for which a single check must go on seeing it
_POLL_SECONDS: Final = 0.5  # seconds between these looks


def twin(settings: Settings) -> Finding | None:
    """EDX620 when more take from the node's mailboxes than it has workers, on all machines of its database."""
    taken = starting.consumers(settings)
    place = max(taken, key=lambda each: taken[each], default="")
    own = settings.node.worker_count
    if taken.get(place, 0) <= own:
        return None
    with closing(own_ledger.open_ledger(settings)) as ledger:
        own = max(own, working(ledger.engine))
    if taken[place] <= own:
        return None
    return Finding(
        "EDX620", place, Detail("{taken} take from it, and this node has {own} workers", taken=taken[place], own=own)
    )


def lasting_twin(settings: Settings) -> Finding | None:
    """The same, seen for some seconds: a broker also counts a consumer that was just replaced by a wider one, until all
    that it was given is settled."""
    until = time.monotonic() + LASTS_SECONDS
    while (found := twin(settings)) is not None and time.monotonic() < until:
        time.sleep(_POLL_SECONDS)
    return found


class Lookout:
    """A thread, because a hub that accepts connections but stays silent must not hold up the supervisor."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings  # the supervisor's, as it takes them
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._run, name="lookout", daemon=True)
        self._suspected = False
        self._named = False

    def __enter__(self) -> Lookout:
        self._thread.start()
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self._ending.set()

    def look(self) -> None:
        """Look once; log a line when a twin was there last time too, and when it has gone."""
        found = twin(self.settings)
        if (found is not None and self._suspected) != self._named:
            self._named = not self._named
            events.twin(found)
        self._suspected = found is not None  # seen once, it may be a worker that is ending or has just begun

    def _run(self) -> None:
        while not self._ending.wait(PAUSE_SECONDS):
            try:
                self.look()
            except Trouble:  # the database is away, which the workers say
                continue
            except Exception as error:  # noqa: BLE001  # the thread must live
                events.defect("lookout", error)
