"""What the processes of a node count and time, told to their supervisor: one number for all of them.

    report_in(settings.node.data)                      # by whoever opens the node's database
    count(ACCEPTED, ("tay-ninh", "urgent"))            # anywhere, from any thread; never waits
    lasted(COMMIT, 0.004)

    pipe = open_pipe(settings.node.data)               # by the supervisor

What was counted is put together in memory and written once a second, and at the end, into a named pipe in the data
folder, where commands find it as well as workers. Whoever reads it adds it up: nothing is left of a process that ended,
as it would be with a file for each. Where nobody reads (no metrics are wanted, the node does not run) nothing is
counted. A pipe that is full takes nothing; then what was counted waits, added up. What a killed process had not told
yet, a second's worth, is lost: these are figures for whoever watches, and the journal is the record.
"""

from __future__ import annotations

import atexit
import json
import os
import stat
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from edxml_router.core.problems import Refusal
from edxml_router.core.wording import in_words

FILE: Final = "metrics.pipe"  # in node.data, while the node runs and metrics are wanted
INTERVAL_SECONDS: Final = 1.0
MOST: Final = 5000  # numbers that wait to be told; further new ones are not counted
LONGEST: Final = 200  # characters of a label
_PORTION: Final = 4096  # bytes that a pipe takes whole (POSIX: 512 at least, Linux 4096): lines of two never mix
_STATE: Final = "state"

Labels = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Measure:
    """Something that is counted or, with ``buckets`` (upper bounds in seconds), timed; ``about`` is for people."""

    name: str
    about: str
    labels: tuple[str, ...] = ()
    buckets: tuple[float, ...] = ()


class Tally:
    """What this process has counted since it told so last."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._counts: dict[tuple[str, Labels], float] = {}
        self._times: dict[tuple[str, Labels], list[float]] = {}  # one number a bucket, the rest, the sum of seconds
        self._state: Mapping[str, str] | None = None
        self._place: Path | None = None
        self._pipe = -1
        self._process = 0

    def report_in(self, folder: Path) -> None:
        """Report to the node of this data folder from now on, if it wants to know. The first folder counts: a process
        is of one node."""
        if self._place is None:
            self._place = folder / FILE

    def look_again(self) -> None:
        """There is a pipe now, where this process found none."""
        self._process = 0

    def _wanted(self) -> bool:
        """Whether what is counted here is told to anybody. The pipe is opened by the first that is counted."""
        if self._process == os.getpid():
            return self._pipe >= 0
        if self._place is None or self._process:  # a child of whoever reports is not told of
            return False
        with self._lock:
            return self._pipe >= 0 if self._process else self._opened(self._place)

    def _opened(self, place: Path) -> bool:
        self._process = os.getpid()
        try:
            self._pipe = os.open(place, os.O_WRONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOFOLLOW)
        except OSError:  # there is none, or nobody reads it
            return False
        if not stat.S_ISFIFO(os.fstat(self._pipe).st_mode):
            os.close(self._pipe)
            self._pipe = -1
            return False
        threading.Thread(target=self._run, name="tally", daemon=True).start()
        atexit.register(self.tell)
        return True

    def count(self, measure: Measure, labels: Labels = (), by: float = 1) -> None:
        """One more, or ``by`` more."""
        if not self._wanted():
            return
        key = (measure.name, labels)
        with self._lock:
            if key in self._counts or len(self._counts) < MOST:
                self._counts[key] = self._counts.get(key, 0) + by

    def lasted(self, measure: Measure, seconds: float, labels: Labels = ()) -> None:
        """It took so long this time."""
        if not self._wanted():
            return
        key, place = (measure.name, labels), sum(bound < seconds for bound in measure.buckets)
        with self._lock:
            if key not in self._times and len(self._times) >= MOST:
                return
            times = self._times.setdefault(key, [0.0] * (len(measure.buckets) + 2))
            times[place] += 1
            times[-1] += seconds

    def stands(self, state: Mapping[str, str]) -> None:
        """How it stands with this process's hubs, which is told with every report, as a sign of life."""
        if self._wanted():
            self._state = state

    def lines(self) -> list[bytes]:
        """What is to be told, which is over with this."""
        with self._lock:
            counts, self._counts = self._counts, {}
            times, self._times = self._times, {}
        rows: list[Any] = [[name, _short(labels), number] for (name, labels), number in counts.items()]
        rows += [[name, _short(labels), numbers] for (name, labels), numbers in times.items()]
        if self._state is not None:
            rows.append([_STATE, [], {"process": os.getpid(), **self._state}])
        return [json.dumps(row, separators=(",", ":")).encode() + b"\n" for row in rows]

    def tell(self) -> None:
        """Write what is to be told; what the pipe does not take comes the next time."""
        if self._process != os.getpid():
            return
        lines = self.lines()
        while lines:
            portion, size = [lines[0]], len(lines[0])
            for line in lines[1:]:
                if size + len(line) > _PORTION:
                    break
                portion.append(line)
                size += len(line)
            try:
                os.write(self._pipe, b"".join(portion))
            except OSError:  # full; or the supervisor is gone, which is noticed elsewhere
                self._take_back(lines)
                return
            del lines[: len(portion)]

    def _take_back(self, lines: Sequence[bytes]) -> None:
        with self._lock:
            for line in lines:
                name, labels, value = json.loads(line)
                key = (name, tuple(labels))
                if isinstance(value, list):
                    now = self._times.get(key, [0.0] * len(value))
                    self._times[key] = [one + other for one, other in zip(now, value, strict=True)]
                elif name != _STATE:
                    self._counts[key] = self._counts.get(key, 0) + value

    def _run(self) -> None:
        while True:
            time.sleep(INTERVAL_SECONDS)
            self.tell()


def _short(labels: Labels) -> list[str]:
    return [label[:LONGEST] for label in labels]


_own: Final = Tally()
count, lasted, stands, report_in = _own.count, _own.lasted, _own.stands, _own.report_in


def open_pipe(folder: Path) -> int:
    """The end to read from, of a new pipe into which this process and all others of the node report. Raises Refusal
    EDX908."""
    remove_pipe(folder)
    try:
        os.mkfifo(folder / FILE, 0o600)
        # Open for writing too: so it never ends, whoever opens and closes it.
        pipe = os.open(folder / FILE, os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW)
    except OSError as error:
        raise Refusal("EDX908", where=str(folder / FILE), detail=in_words(error)) from error
    _own.report_in(folder)
    _own.look_again()
    return pipe


def remove_pipe(folder: Path) -> None:
    """No metrics are wanted: nobody is to look for whoever reads them."""
    with suppress(OSError):
        (folder / FILE).unlink()
