"""The revocation lists of trust.crl_urls, fetched in the background while the node runs.

    with Renewal(settings): …        # in the supervisor: one process for the node

A thread, because a slow address must delay nothing else. The workers notice the new file by themselves. The
configuration is read anew each time, so that a new address needs no restart; one that is wrong is said by the workers.
"""

from __future__ import annotations

import threading
from datetime import UTC, datetime
from types import TracebackType

from edxml_router import trust_sources
from edxml_router.config import ConfigErrors, Settings, load
from edxml_router.core.problems import Refusal
from edxml_router.observe import events

AGAIN = 60.0  # seconds until a list that failed is tried again, unless trust.crl_interval is shorter


class Renewal:
    """The thread, and how to end and to wake it."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._wake = threading.Event()
        self._ending = False
        # A daemon: an address that does not answer must not hold up the end of the node.
        self._thread = threading.Thread(target=self._run, name="renewal", daemon=True)

    def __enter__(self) -> Renewal:
        self._thread.start()
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self._ending = True
        self._wake.set()

    def wake(self) -> None:
        """Fetch now."""
        self._wake.set()

    def _run(self) -> None:
        while not self._ending:
            self._wake.clear()
            pause = self._settings.trust.crl_interval.total_seconds()
            try:
                self._settings = load(self._settings.path)
                failed = trust_sources.renew_lists(self._settings, datetime.now(UTC))
            except ConfigErrors as errors:
                failed = list(errors.findings)
            except Refusal as refusal:
                failed = [refusal.finding]
            except Exception as error:  # noqa: BLE001  # the thread must live: without it lists grow old unseen
                events.defect("renewal", error)
                failed = []
                pause = min(pause, AGAIN)
            for finding in failed:
                events.list_not_renewed(finding)
            self._wake.wait(min(pause, AGAIN) if failed else pause)
