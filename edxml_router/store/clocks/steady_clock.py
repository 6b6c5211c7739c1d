"""The node's clock: the machine's clock, as long as that runs steadily.

    clock = SteadyClock(folder / FILE)
    clock.start(newest)      # the time of the newest journal entry
    clock.now()              # after a jump of the machine's clock: as if it had not jumped
    clock.watch()            # by workers, now and then: keeps the mark, answers what has changed

A wall clock that is wrong for a minute (a restored virtual machine, a faulty time server, a dead battery) could end
every open delivery at once, or postpone every next attempt by the jump. The kernel's count since the machine was
started, sleep included, cannot be set by anybody. The mark, shared by all processes of the node, says which time
corresponds to that count. When the wall clock differs from it by more than TOLERANCE it is in doubt (EDX805), and the
node goes by the count: nothing ends, and no lease or pause is set, by a clock that has just jumped. The wall clock is
trusted again once it has come back, when an operator says that it is right, or when it has run on for PATIENCE:
otherwise a node whose clock was corrected would be behind for ever.

After a reboot the count starts anew and only the newest journal entry is known: a clock before it is in doubt, one
after it never, since a node may have been off for weeks.
"""

from __future__ import annotations

import json
import random
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from edxml_router.core.detail import Detail
from edxml_router.core.link.skew import TOLERANCE
from edxml_router.core.problems import Finding
from edxml_router.disk import durable, locks

FILE: Final = "clock.json"
PATIENCE: Final = timedelta(days=1)
_FOLLOW: Final = timedelta(seconds=1)  # smaller steps are not worth writing the mark
_SINCE_START: Final = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)
_BOOT: Final = Path("/proc/sys/kernel/random/boot_id")
_EPOCH: Final = datetime.fromtimestamp(0, UTC)


class Machine:
    """The clocks of this machine. ``boot`` names its present run; empty where the kernel does not tell."""

    def __init__(self) -> None:
        self.boot = _BOOT.read_text(encoding="ascii").strip() if _BOOT.exists() else ""

    def wall(self) -> timedelta:
        """Since 1970, as far as the wall clock knows."""
        return timedelta(microseconds=time.time_ns() // 1000)

    def since_start(self) -> timedelta:
        """Since the machine was started."""
        return timedelta(microseconds=time.clock_gettime_ns(_SINCE_START) // 1000)


@dataclass(frozen=True, slots=True)
class Mark:
    """What is believed in one run of the machine: when it was started (seconds since 1970). ``floor``: no sooner than
    that. ``doubted``: the count when the wall clock was first found elsewhere."""

    boot: str
    began: float
    floor: bool = False
    doubted: float | None = None

    def fits(self, began: float) -> bool:
        """Whether a wall clock by which the machine was started then can be believed."""
        ahead = began - self.began
        return ahead >= -TOLERANCE.total_seconds() and (self.floor or ahead <= TOLERANCE.total_seconds())


@dataclass(frozen=True, slots=True)
class ClockStep:
    """The wall clock has become doubtful (``finding``), or is believed; ``step``: how far the node's time moved."""

    finding: Finding | None
    step: timedelta = timedelta()


class SteadyClock:
    """Keeps the promises of ``ports.Clock``. Without :meth:`start` it is the machine's clock as it is."""

    def __init__(self, path: Path, machine: Machine | None = None) -> None:
        self._path = path
        self._machine = machine or Machine()
        self._mark: Mark | None = None
        self._written: Mark | None = None
        self._offset: timedelta | None = None

    def chance(self) -> float:
        return random.random()  # noqa: S311  # jitter, not a secret

    def start(self, newest: datetime | None) -> None:
        """Begin to compare, with the mark since the last boot or else with the newest entry."""
        self._mark = self._written = self._read()
        if self._mark is None:
            self._mark = Mark(self._machine.boot, self._began())
            if newest is not None:
                least = (newest - _EPOCH - self._machine.since_start()).total_seconds()
                floor = Mark(self._machine.boot, least, floor=True)
                self._mark = self._mark if floor.fits(self._mark.began) else floor

    def now(self) -> datetime:
        wall, count = self._machine.wall(), self._machine.since_start()
        began = (wall - count).total_seconds()
        if self._believes(began):
            return _EPOCH + wall
        assert self._mark is not None  # noqa: S101  # else everything is believed
        return _EPOCH + timedelta(seconds=self._mark.began) + count

    def ahead(self) -> timedelta:
        """How far the node's time has gone ahead of the count since this was asked last, at first nothing: what a time
        service does by and by is little, and a step is told by it."""
        offset = self.now() - _EPOCH - self._machine.since_start()
        before, self._offset = self._offset, offset
        return timedelta() if before is None else offset - before

    def doubt(self) -> Finding | None:
        """EDX805 while the wall clock is in doubt."""
        began = self._began()
        return None if self._believes(began) else self._finding(began)

    def watch(self) -> ClockStep | None:
        """Keep the mark. A change is reported to one process of the node; all of them follow it."""
        began = self._began()
        believed, mark = self._believes(began), self._mark
        if mark is None:
            return None
        if believed and not mark.floor and mark.doubted is None and self._is_written(began):
            return None
        try:
            with self._alone():
                return self._settle(began)
        except OSError:  # a disk that is full is told by others; this process knows what it knows
            return None

    def accept(self) -> timedelta:
        """An operator says that the wall clock is right. Returns how far that moves the node's time. Raises OSError."""
        began = self._began()
        with self._alone():
            mark = self._read() or self._mark
            self._write(Mark(self._machine.boot, began))
        return timedelta(seconds=began - mark.began) if mark and not mark.fits(began) else timedelta()

    def _settle(self, began: float) -> ClockStep | None:
        mark = self._read() or self._mark
        assert mark is not None  # noqa: S101  # started
        believed = Mark(self._machine.boot, began)
        if mark.fits(began):
            self._write(believed)
            return ClockStep(None) if mark.doubted is not None else None
        count = self._machine.since_start().total_seconds()
        if mark.doubted is None:
            self._write(replace(mark, doubted=count))
            return ClockStep(self._finding(began))
        if count - mark.doubted >= PATIENCE.total_seconds():
            self._write(believed)
            return ClockStep(None, timedelta(seconds=began - mark.began))
        self._mark = self._written = mark
        return None

    def _believes(self, began: float) -> bool:
        if self._mark is None:
            return True
        if not self._mark.fits(began):
            self._mark = self._written = self._read() or self._mark  # another process may have been told
        if not self._mark.fits(began):
            return False
        if self._mark.doubted is None and not self._mark.floor:
            self._mark = replace(self._mark, began=began)  # clocks are kept right by small steps
        return True

    def _is_written(self, began: float) -> bool:
        """Whether the mark that was read or written last says about the same: what is believed follows the wall clock
        by microseconds, and two syncs for each of these would be paid by the mail."""
        written = self._written
        if written is None or written.floor or written.doubted is not None:
            return False
        return abs(began - written.began) < _FOLLOW.total_seconds()

    def _finding(self, began: float) -> Finding:
        assert self._mark is not None  # noqa: S101  # only what is compared is doubted
        step = timedelta(seconds=round(abs(began - self._mark.began)))
        if began > self._mark.began:
            return Finding("EDX805", "clock", Detail("{step} ahead of the time that the node goes by", step=step))
        return Finding("EDX805", "clock", Detail("{step} behind the time that the node goes by", step=step))

    def _began(self) -> float:
        return (self._machine.wall() - self._machine.since_start()).total_seconds()

    def _read(self) -> Mark | None:
        """The mark, if it is of this run of the machine."""
        try:
            found = Mark(**json.loads(self._path.read_bytes()))
            whole = isinstance(found.began, float) and isinstance(found.doubted, float | None)
        except (OSError, ValueError, TypeError):
            return None
        return found if whole and found.boot and found.boot == self._machine.boot else None

    def _write(self, mark: Mark) -> None:
        self._mark = self._written = mark
        durable.write([(self._path, json.dumps(asdict(mark)).encode())])

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Two processes may find the same at once, or one just as an operator says otherwise."""
        with locks.locked(self._path.with_suffix(".lock")):
            yield
