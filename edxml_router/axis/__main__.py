"""The part that speaks to the axis: a child of the supervisor, or a thread of it by :func:`run`.

Started as ``python -m edxml_router.axis FILE PID PINS`` (the settings, the supervisor's number, and as JSON the
settings that stay until a restart). It keeps no state, so at a reload it ends, and another begins. SIGTERM and SIGHUP
finish the round at hand. When the supervisor is gone, it ends as well. Exit status 0, or 78 for the configuration.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Final

from edxml_router.axis.client import AxisClient
from edxml_router.axis.exchange import exchange
from edxml_router.config import ConfigErrors, Settings, in_force, load
from edxml_router.core.problems import EXIT_CONFIG, EXIT_SOFTWARE, Finding, Refusal, Trouble
from edxml_router.observe import events
from edxml_router.observe.logs import configure
from edxml_router.observe.orders import Orders, SignalOrders
from edxml_router.services.axis import bridge
from edxml_router.wiring.opening import node_of

LOOK: Final = 1.0  # seconds between looks whether the supervisor is there
RECENT: Final = timedelta(days=62)  # what the axis's lists may still show


class AxisService:
    """The loop of rounds."""

    def __init__(self, settings: Settings, orders: Orders) -> None:
        self._settings, self._orders = settings, orders
        self._told: list[str] = []
        self._known: set[str] | None = None  # the axis's numbers of what is here

    def run(self) -> int:
        axis = self._settings.axis
        if axis is None:  # taken out meanwhile: the supervisor will know
            return 0
        secret = bridge.secret_of(axis)
        self._orders.listen()
        events.axis_started(os.getpid(), axis.url)
        with AxisClient(axis, secret) as client:
            while not self._over:
                self._round(client)
                until = time.monotonic() + axis.interval.total_seconds()
                while not self._over and (left := until - time.monotonic()) > 0:
                    self._orders.wait(min(LOOK, left))
        return 0

    @property
    def _over(self) -> bool:
        return self._orders.ending or self._orders.reloading

    def _round(self, client: AxisClient) -> None:
        """What is wrong is told when it begins, changes or ends."""
        findings: Sequence[Finding]
        try:
            with node_of(self._settings) as node:
                if self._known is None:
                    self._known = bridge.taken(node, node.now() - RECENT)
                findings = exchange(node, self._settings, client, self._known)
        except Trouble as trouble:
            findings = [trouble.finding]
        except Exception as error:  # noqa: BLE001  # the next round is tried all the same
            events.defect("axis", error)
            return
        told = sorted({str(one) for one in findings})
        if told != self._told:
            self._told = told
            events.axis_problem(findings)


def run(path: Path, pins: Mapping[str, str], orders: Orders) -> int:
    """From its start to its end; returns the exit status."""
    try:
        settings = in_force.pinned(load(path), pins)
        configure(settings.log.format, settings.log.level, node=settings.node.name, data=settings.node.data)
        return AxisService(settings, orders).run()
    except ConfigErrors as errors:
        events.reload_refused(errors.findings)
        return EXIT_CONFIG
    except Refusal as refusal:  # a file of the settings
        events.reload_refused([refusal.finding])
        return EXIT_CONFIG
    except Exception as error:  # noqa: BLE001  # the log tells where, without the message; the supervisor starts anew
        events.defect("axis", error)
    return EXIT_SOFTWARE


def main() -> int:
    configure("auto", "info")  # until the settings say otherwise
    return run(Path(sys.argv[1]), json.loads(sys.argv[3]), SignalOrders(int(sys.argv[2])))


if __name__ == "__main__":
    sys.exit(main())
