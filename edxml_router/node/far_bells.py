"""Rings the bells of this machine when another machine of the same database has committed something.

    with FarBells(settings): …        # in the supervisor

Workers and those who wait for mail listen to files (:mod:`edxml_router.disk.bell`), which another machine cannot touch.
So one thread for all processes of the machine has a connection to PostgreSQL that listens. Nothing hangs on it: when
the connection is lost, everybody looks by themselves, as often as ever, and it is made again after a pause that doubles
up to half a minute.
"""

from __future__ import annotations

import threading
from contextlib import closing
from types import TracebackType
from typing import Final

from edxml_router.config import Settings
from edxml_router.core.problems import Trouble
from edxml_router.disk.bell import FILE, READERS, FileBell, place_of
from edxml_router.observe import events
from edxml_router.store.database import far_bell
from edxml_router.wiring import own_ledger

FIRST_PAUSE, LONGEST_PAUSE = 0.5, 30.0  # seconds until it is tried again
_PATIENCE: Final = 20  # seconds for a statement


class FarBells:
    """A thread of the supervisor; see the module."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._ending = threading.Event()
        self._pause = FIRST_PAUSE
        self._heard: bool | None = None  # as last told
        self._bells = [FileBell(settings.node.data / name) for name in (FILE, READERS)]
        self._thread = threading.Thread(target=self._run, name="far bells", daemon=True)

    def __enter__(self) -> FarBells:
        if self._settings.database_url.startswith("postgresql"):
            self._thread.start()
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self._ending.set()

    def _run(self) -> None:
        while not self._ending.is_set():
            try:
                self._listen()
            except Trouble:  # the database is away, which the workers say
                self._tell(heard=False)
            except Exception as error:  # noqa: BLE001  # the thread must live
                events.defect("far bells", error)
            self._ending.wait(self._pause)
            self._pause = min(2 * self._pause, LONGEST_PAUSE)

    def _listen(self) -> None:
        with closing(own_ledger.open_ledger(self._settings, _PATIENCE, far_bell.LABEL)) as ledger:
            rings = far_bell.hear(ledger.engine, place_of(self._settings.node.data))
            for number, rung in enumerate(rings):
                if number == 0:
                    self._pause = FIRST_PAUSE
                    self._tell(heard=True)
                if self._ending.is_set():
                    return
                if rung:
                    for bell in self._bells:
                        bell.ring()

    def _tell(self, *, heard: bool) -> None:
        if self._heard is not heard:
            self._heard = heard
            events.far_bells(heard=heard)
