"""Alerts, as the settings of a node that runs say: a thread beside its supervisor, which sleeps between looks.

    with alerting(settings) as taken:
        supervisor.serve(settings, taken)

A thread, because a mail server that is slow must delay nothing else. Where nobody is to be told nothing is looked at,
and what tells is not even loaded.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from edxml_router.config import Settings
from edxml_router.observe import events

if TYPE_CHECKING:
    from edxml_router.services.alerts.telling import AlertTelling

FIRST_SECONDS: Final = 20.0  # after the start, until the first look: what was down with the machine comes up


@contextmanager
def alerting(settings: Settings, first: float = FIRST_SECONDS) -> Iterator[Callable[[Settings], None]]:
    """Tell whoever is to know while the block runs; yields what is to be told of new settings."""
    watch = _AlertWatch(settings, first)
    threading.Thread(target=watch.run, name="alerts", daemon=True).start()
    try:
        yield watch.take
    finally:
        watch.end()


def is_wanted(settings: Settings) -> bool:
    """Whether anybody is to be told of anything."""
    alerts = settings.alerts
    return bool(alerts.mail or alerts.webhook or any(office.email for office in settings.offices))


class _AlertWatch:
    def __init__(self, settings: Settings, first: float) -> None:
        self._settings = settings
        self._first = first
        self._wake = threading.Event()
        self._ending = False

    def take(self, settings: Settings) -> None:
        self._settings = settings
        self._wake.set()

    def end(self) -> None:
        self._ending = True
        self._wake.set()

    def run(self) -> None:
        telling: AlertTelling | None = None
        self._wake.wait(self._first)
        while not self._ending:
            self._wake.clear()
            settings = self._settings
            pause: float | None = None
            if is_wanted(settings):
                telling = telling or _made(settings)
                telling.settings = settings
                pause = settings.alerts.interval.total_seconds()
                try:
                    telling.look(datetime.now(UTC))
                except Exception as error:  # noqa: BLE001  # the thread must live, or nobody is told any more
                    events.defect("alerts", error)
            self._wake.wait(pause)


def _made(settings: Settings) -> AlertTelling:
    # Loaded only where it is wanted: with doctor's checks it is megabytes of the supervisor.
    from edxml_router.services.alerts.memory import AlertMemory  # noqa: PLC0415
    from edxml_router.services.alerts.telling import AlertTelling  # noqa: PLC0415

    return AlertTelling(settings, AlertMemory.read(settings.node.data))
