"""The part that serves the folders of offices: a child of the supervisor, or a thread of it by :func:`run`.

Started as ``python -m edxml_router.folders FILE PID PINS`` (the settings, the supervisor's number, and as JSON the
settings that stay until a restart). It serves all folders of a node in turn: a share that hangs holds up the other
folders, and nothing else of the node. It keeps no state, so at a reload it ends, and another begins. SIGTERM and SIGHUP
finish the turn at hand. When the supervisor is gone, it ends as well. Exit status 0, or 78 for the configuration.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping
from contextlib import closing, suppress
from pathlib import Path
from typing import Final

from edxml_router.config import ConfigErrors, Settings, in_force, load
from edxml_router.core.problems import EXIT_CONFIG, EXIT_SOFTWARE, Finding, Trouble
from edxml_router.disk import watch
from edxml_router.disk.bell import FILE, FileBell
from edxml_router.folders.attachment import FolderAttachment
from edxml_router.observe import events
from edxml_router.observe.logs import configure
from edxml_router.observe.orders import Orders, SignalOrders

LOOK: Final = 1.0  # seconds between looks at what nobody tells of: a share, what a worker has offered
AFTER: Final = 0.25  # … after something has happened: a file settles


class FolderService:
    """The loop over the folders of a node's offices."""

    def __init__(self, settings: Settings, orders: Orders) -> None:
        self._settings, self._orders = settings, orders
        self._problems: dict[str, Finding | None] = {}  # by office, as last told

    def run(self) -> int:
        self._orders.listen()
        attached = [FolderAttachment(self._settings, one) for one in self._settings.offices if one.attach == "folder"]
        with closing(FileBell(self._settings.node.data / FILE, listening=True)) as bell:
            events.folders_started(os.getpid(), len(attached))
            happened = False
            while not (self._orders.ending or self._orders.reloading):
                bell.clear()
                for one in attached:
                    self._turn(one)
                seconds = AFTER if happened else LOOK
                told = [self._orders.fileno(), bell.fileno(), *(one.fileno() for one in attached)]
                happened = watch.wait(told, seconds)
        for one in attached:
            one.close()
        return 0

    def _turn(self, attached: FolderAttachment) -> None:
        """One folder's turn. What is wrong with it is told when it begins, changes or ends."""
        problem: Finding | None
        try:
            problem = attached.turn()
        except Trouble as trouble:
            problem = trouble.finding
        except Exception as error:  # noqa: BLE001  # the other folders go on, and this one is tried again
            if f"{attached.name} defect" not in self._problems:
                events.defect("folder", error)
            self._problems[f"{attached.name} defect"] = None
            return
        self._problems.pop(f"{attached.name} defect", None)
        if self._problems.get(attached.name) != problem:
            self._problems[attached.name] = problem
            events.folder_problem(attached.name, problem)


def run(path: Path, pins: Mapping[str, str], orders: Orders) -> int:
    """The folders from their start to their end; returns the exit status."""
    try:
        settings = in_force.pinned(load(path), pins)
        configure(settings.log.format, settings.log.level, node=settings.node.name, data=settings.node.data)
        with suppress(KeyboardInterrupt):
            return FolderService(settings, orders).run()
    except ConfigErrors as errors:
        events.reload_refused(errors.findings)
        return EXIT_CONFIG
    except Exception as error:  # noqa: BLE001  # the log tells where, without the message; the supervisor starts anew
        events.defect("folders", error)
    return EXIT_SOFTWARE


def main() -> int:
    configure("auto", "info")  # until the settings say otherwise
    return run(Path(sys.argv[1]), json.loads(sys.argv[3]), SignalOrders(int(sys.argv[2])))


if __name__ == "__main__":
    sys.exit(main())
