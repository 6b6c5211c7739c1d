"""``edxml-router serve``: starts the workers, keeps them running, passes signals on.

A worker that ends unasked is started again, after a pause that doubles up to a minute while it keeps failing. SIGTERM
and SIGINT drain: every worker finishes its batch; one that has not ended within DRAIN seconds is killed, which loses
nothing. SIGHUP makes the workers reload. Revocation lists are fetched and responders asked here
(:mod:`edxml_router.credentials.revocation.renewal`), and the journal is stamped
(:mod:`edxml_router.node.stamping`), for all workers. Workers notice by themselves when the supervisor
was killed. Where the settings have a section [gateway], its process runs beside the workers, and one for the folders of
offices where some are attached so (:mod:`edxml_router.node.parts.side_part`). With ``workers = "inline"`` all of these
are threads of this process (:mod:`edxml_router.node.parts.launching`). A service manager hears when the node is ready,
reloads and drains, and that the supervisor makes its rounds (:mod:`edxml_router.observe.service_manager`).
"""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable
from contextlib import suppress
from types import FrameType

from edxml_router.config import ConfigErrors, Settings, in_force, load
from edxml_router.core.problems import EXIT_CONFIG, Trouble
from edxml_router.credentials.revocation.renewal import Renewal
from edxml_router.node import settings_file
from edxml_router.node.far_bells import FarBells
from edxml_router.node.lookout import Lookout
from edxml_router.node.parts.launching import NodeParts, Processes, Threads, begin_anew, end_at_once
from edxml_router.node.parts.part import NodePart
from edxml_router.node.parts.side_part import SidePart
from edxml_router.node.stamping import Stamping
from edxml_router.node.watch import TOLD, WorkerWatch
from edxml_router.observe import events
from edxml_router.observe.logs import configure
from edxml_router.observe.service_manager import ServiceManager
from edxml_router.wiring import composition

DRAIN = 30.0  # seconds
FIRST_PAUSE, LONGEST_PAUSE = 0.5, 60.0  # seconds between restarts of a failing worker
HEALTHY = 30.0  # seconds after which a worker's earlier failures are forgotten
STUCK = "workers.stuck"  # in node.data: the workers that make no turns
LOOK = 0.2  # seconds between looks at the workers


class Supervisor:
    """The workers by number, and when each may be restarted."""

    def __init__(self, settings: Settings, taken: Callable[[Settings], None] = lambda _settings: None) -> None:
        self._settings = settings
        self._taken = taken
        self._count = settings.node.worker_count
        self._workers: dict[int, NodePart] = {}
        self._leaving: list[NodePart] = []  # told to end because fewer are configured
        self._started: dict[int, float] = {}
        self._watches: dict[int, WorkerWatch] = {}
        self._stuck: set[int] = set()  # those that were named
        self._pause = dict.fromkeys(range(self._count), FIRST_PAUSE)
        self._start_at = dict.fromkeys(range(self._count), 0.0)
        self._ending = False
        self._status = 0  # to end with
        self._reloading = False
        self._begun = time.monotonic()
        self._pins = in_force.pins(settings)
        self._sides: dict[str, SidePart] = {}
        self._parts: NodeParts = (
            Threads(settings.path, self._pins, self._kill)
            if settings.node.inline
            else Processes(settings.path, self._pins)
        )
        self._renewal = Renewal(settings)
        self._lookout = Lookout(settings)
        self._stamping = Stamping(settings)
        self._far_bells = FarBells(settings)
        self._manager = ServiceManager(os.environ)

    def run(self) -> int:
        node, log = self._settings.node, self._settings.log
        configure(log.format, log.level, node=node.name, data=node.data)
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._end)
        signal.signal(signal.SIGHUP, self._hang_up)
        self._name(0, stuck=False)  # left by an earlier supervisor
        events.node_started(self._count)
        settings_file.write(self._settings.node.data, self._settings)
        ready = False
        with self._renewal, self._lookout, self._stamping, self._far_bells:
            while not self._ending and not self._status:
                self._status = self._look() or self._look_beside()
                self._manager.alive(time.monotonic())
                if not ready and all(watch.turned for watch in self._watches.values()):
                    ready = True  # whoever is away is a neighbour, who is waited for in turns
                    self._manager.ready()
                if self._reloading:  # not in the signal's handler, which may have interrupted a holder of the lock
                    self._reloading = False
                    self._manager.reloading()
                    self._reload()
                    if ready:
                        self._manager.ready()
                time.sleep(LOOK)
            self._manager.stopping()
            self._drain()
        events.node_ended()
        return self._status

    def _look(self) -> int:
        """Start what is not running; the exit status to end with when starting again is useless."""
        now = time.monotonic()
        self._leaving = [worker for worker in self._leaving if worker.poll() is None]
        for number in range(self._count):
            worker = self._workers.get(number)
            if worker is not None and worker.poll() is None:
                if now - self._started[number] > HEALTHY:
                    self._pause[number] = FIRST_PAUSE
                self._see(number, worker, now)
                continue
            if worker is not None:
                status = worker.returncode or 0
                # Later it may be a file that is just being changed: running workers go on, ended ones are retried.
                if status == EXIT_CONFIG and now - self._begun < HEALTHY:
                    return EXIT_CONFIG
                del self._workers[number]
                self._watches.pop(number).close()
                self._name(number, stuck=False)
                if status == 0:  # it makes room for one with new settings
                    continue
                self._start_at[number] = now + self._pause[number]
                events.worker_lost(worker.pid, status, self._pause[number])
                self._pause[number] = min(2 * self._pause[number], LONGEST_PAUSE)
            if now >= self._start_at[number]:
                watch = self._watches[number] = WorkerWatch()
                self._workers[number] = self._parts.worker(watch)
                self._started[number] = now
        return 0

    def _look_beside(self) -> int:
        """The same for the parts beside the workers, which the settings may have come to want, or not any more."""
        for name in [each for each in self._sides if each not in self._wanted()]:
            side = self._sides.pop(name)
            side.end()
            side.wait(DRAIN)
        for name in self._wanted():
            if name not in self._sides:
                self._sides[name] = SidePart(name, self._parts)
            if status := self._sides[name].look(time.monotonic()):
                return status
        return 0

    def _wanted(self) -> list[str]:
        wanted = ["edxml_router.gateway"] if self._settings.gateway is not None else []
        wanted += ["edxml_router.axis"] if self._settings.axis is not None else []
        folders = any(office.attach == "folder" for office in self._settings.offices)
        return [*wanted, "edxml_router.folders"] if folders else wanted

    def _see(self, number: int, worker: NodePart, now: float) -> None:
        """Report a worker that makes no turns, and kill it when that has lasted too long."""
        watch = self._watches[number]
        still = watch.still(now)
        if watch.over(now):
            events.worker_stuck(worker.pid, still, ended=True)
            worker.kill()  # not asked to end: it would not react
        elif (still > TOLD) != (number in self._stuck):
            self._name(number, stuck=still > TOLD)
            if still > TOLD:
                events.worker_stuck(worker.pid, still, ended=False)

    def _name(self, number: int, *, stuck: bool) -> None:
        """Keep in the data folder, for ``doctor``, which workers make no turns."""
        self._stuck = self._stuck | {number} if stuck else self._stuck - {number}
        said = ", ".join(f"worker {each + 1} of {self._count}" for each in sorted(self._stuck))
        with suppress(OSError):  # doctor itself finds a full or read-only disk
            if said:
                (self._settings.node.data / STUCK).write_text(said, encoding="utf-8")
            else:
                (self._settings.node.data / STUCK).unlink(missing_ok=True)

    def _drain(self) -> None:
        workers = [*self._workers.values(), *self._leaving]
        for worker in workers:
            worker.terminate()
        for side in self._sides.values():
            side.end()
        until = time.monotonic() + DRAIN
        for worker in workers:
            try:
                worker.wait(max(0.0, until - time.monotonic()))
            except subprocess.TimeoutExpired:
                worker.kill()
                worker.wait()
        for side in self._sides.values():
            side.wait(until - time.monotonic())

    def _kill(self) -> None:
        """For a thread that does not react, which cannot be ended alone."""
        if self._ending or self._status:
            end_at_once(self._status)
        begin_anew()

    def _end(self, _number: int, _frame: FrameType | None) -> None:
        self._ending = True

    def _hang_up(self, _number: int, _frame: FrameType | None) -> None:
        self._reloading = True

    def _reload(self) -> None:
        """Take the configuration as it is now, in all workers or, when it is wrong, in none; say what that changes."""
        self._renewal.wake()
        try:
            found = load(self._settings.path)
            settings = in_force.pinned(found, self._pins)
            composition.check(settings)
        except ConfigErrors as errors:
            events.reload_refused(errors.findings)
            return
        except Trouble as trouble:  # a token that is away
            events.reload_refused([trouble.finding])
            return
        configure(settings.log.format, settings.log.level, node=settings.node.name)
        taken = in_force.changes(in_force.settings_texts(self._settings), in_force.settings_texts(settings))
        waiting = [each for each in in_force.changes(self._pins, in_force.pins(found)) if not each.taken]
        for change in (*taken, *waiting):
            events.setting_changed(change.name, change.before, change.after, taken=change.taken)
        self._settings = self._lookout.settings = self._stamping.settings = settings
        self._stamping.wake()
        self._pins = in_force.pins(settings)
        self._taken(settings)
        self._renumber(settings.node.worker_count)
        settings_file.write(settings.node.data, settings)
        for worker in self._workers.values():
            worker.send_signal(signal.SIGHUP)
        for side in self._sides.values():
            side.reload()

    def _renumber(self, count: int) -> None:
        """Run as many workers as the settings say: new ones are started, surplus ones finish their batch and end."""
        for number in range(self._count, count):
            self._pause.setdefault(number, FIRST_PAUSE)
            self._start_at.setdefault(number, 0.0)
        for number in range(count, self._count):
            worker = self._workers.pop(number, None)
            if worker is not None:
                worker.terminate()
                self._leaving.append(worker)
                self._watches.pop(number).close()
                self._name(number, stuck=False)
        self._count = count


def serve(settings: Settings, taken: Callable[[Settings], None] = lambda _settings: None) -> int:
    """Run the node until it is told to end. Exit status 0, or 78 when a worker finds the configuration wrong. ``taken``
    is told of new settings that have come into force."""
    return Supervisor(settings, taken).run()
