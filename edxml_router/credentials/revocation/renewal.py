"""What is known of revocation, renewed in the background while the node runs: the lists of trust.crl_urls are fetched,
the responders of [[trust.ocsp]] are asked, and what ends soon is said.

    with Renewal(settings): …        # in the supervisor: one process for the node

Threads, because a slow address must delay nothing else. The workers notice the new files by themselves. The
configuration is read anew each time, so that a new address needs no restart; while it is wrong, which the workers say,
the one before it goes on.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime
from types import TracebackType

from edxml_router.config import ConfigErrors, Settings, in_force, load
from edxml_router.core.problems import Refusal
from edxml_router.credentials import blocks, endings, sources
from edxml_router.credentials.revocation import list_files
from edxml_router.credentials.revocation.asking import OcspPoller
from edxml_router.observe import events

RETRY_SECONDS = 60.0  # seconds until what failed is tried again, unless trust.crl_interval is shorter
WATCH_SECONDS = 3600.0  # seconds between looks at what ends
POLL_SECONDS = 0.5  # seconds between looks for certificates that a worker has met

Work = Callable[[Settings, threading.Event, bool], None]


class Renewal:
    """The threads, and how to end and to wake them."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._ending = False
        self._wakes: list[threading.Event] = []
        self._threads = [self._thread(_fetch), self._thread(_ask), self._thread(_Watching())]

    def __enter__(self) -> Renewal:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self._ending = True
        self.wake()

    def wake(self) -> None:
        """Fetch and ask now."""
        for wake in self._wakes:
            wake.set()

    def _thread(self, work: Work) -> threading.Thread:
        wake = threading.Event()
        self._wakes.append(wake)
        # A daemon: an address that does not answer must not hold up the end of the node.
        return threading.Thread(target=self._run, args=(work, wake), name="renewal", daemon=True)

    def _run(self, work: Work, wake: threading.Event) -> None:
        settings = self._settings
        while not self._ending:
            woken = wake.is_set()
            wake.clear()
            try:
                settings = _loaded(settings)
                work(settings, wake, woken)
            except Refusal as refusal:
                events.not_renewed(refusal.finding)
                wake.wait(_again(settings))
            except Exception as error:  # noqa: BLE001  # the thread must live: without it all grows old unseen
                events.defect("renewal", error)
                wake.wait(_again(settings))


def _fetch(settings: Settings, wake: threading.Event, _woken: bool) -> None:
    """The lists, once, and the pause after it."""
    failed = sources.renew_lists(settings, datetime.now(UTC))
    for finding in failed:
        events.not_renewed(finding)
    wake.wait(_again(settings) if failed else settings.trust.crl_interval.total_seconds())


def _ask(settings: Settings, wake: threading.Event, woken: bool) -> None:
    """The responders, turn by turn, until it is time to look at the configuration again."""
    pause = settings.trust.crl_interval.total_seconds()
    until = time.monotonic() + pause
    asking = OcspPoller(settings)
    if woken:
        asking.anew(datetime.now(UTC))
    while not wake.is_set() and time.monotonic() < until:
        for finding in asking.turn(datetime.now(UTC)):
            events.not_renewed(finding)
        wake.wait(min(pause, POLL_SECONDS) if settings.trust.ocsp else pause)


class _Watching:
    """Looks at what ends; remembers what it has said."""

    def __init__(self) -> None:
        self._watch = endings.EndingWatch()

    def __call__(self, settings: Settings, wake: threading.Event, _woken: bool) -> None:
        now = datetime.now(UTC)
        for finding in self._watch.news(blocks.mark_blocked(settings, endings.everything(settings, now), now)):
            events.attention(finding)
        list_files.keep_only(())  # they are the workers' business; here they would only take room
        wake.wait(WATCH_SECONDS)


def _again(settings: Settings) -> float:
    return min(settings.trust.crl_interval.total_seconds(), RETRY_SECONDS)


def _loaded(settings: Settings) -> Settings:
    """As the file says now; as before while it is wrong."""
    try:
        return in_force.pinned(load(settings.path), in_force.pins(settings))
    except ConfigErrors as errors:
        for finding in errors.findings:
            events.not_renewed(finding)
        return settings
