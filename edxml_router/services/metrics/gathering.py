"""Add up what the processes of the node report, and know which workers still do.

    gathered = Gathered()
    gathered.follow(pipe)                      # a thread, until the pipe ends
    for measure, labels, value in gathered.totals(): …
    gathered.hubs()                            # by hub, the codes of the workers' problems with it

Processes that judge hostile input can write into the pipe too, so a line that is none of ours is passed over, and each
measure has so many series at most: what is beyond is counted together under "other".
"""

from __future__ import annotations

import json
import math
import os
import threading
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import Any, Final

from edxml_router.observe.measures import MEASURES
from edxml_router.observe.tally import LONGEST, Labels, Measure

MOST_SERIES: Final = 10_000  # of one measure
FRESH_SECONDS: Final = 15.0  # a worker reports each second; one that is longer silent does not count
OTHER: Final = "other"
_LINE: Final = 64 * 1024  # bytes of a line that is waited for
_MOST_PROCESSES: Final = 1000
_MOST_HUBS: Final = 2


class Gathered:
    """The totals since the node was started."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._totals: dict[str, dict[Labels, Any]] = {name: {} for name in MEASURES}
        self._standing: dict[int, tuple[float, Mapping[str, str]]] = {}  # by process

    def follow(self, pipe: int) -> None:
        """Read what is reported, in a thread that ends with the pipe or the process."""
        threading.Thread(target=self._run, args=(pipe,), name="gathering", daemon=True).start()

    def add(self, line: bytes) -> None:
        """One line of a report; anything else changes nothing."""
        try:
            name, labels, value = json.loads(line)
            if name == "state":
                self._stand(value)
            else:
                self._add(MEASURES[name], tuple(str(label)[:LONGEST] for label in labels), value)
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
            return

    def totals(self) -> Iterator[tuple[Measure, Labels, Any]]:
        """Every series: a number, or of what is timed one a bucket, one of what took longer, and the sum of seconds."""
        with self._lock:
            found = [(MEASURES[name], labels, value) for name, some in self._totals.items()
                     for labels, value in some.items()]  # fmt: skip
        yield from found

    def workers(self) -> int:
        """How many have reported lately."""
        return len(self._fresh())

    def hubs(self) -> Mapping[str, list[str]]:
        """By hub, what each of those finds wrong with it; an empty code is nothing."""
        found: dict[str, list[str]] = defaultdict(list)
        for standing in self._fresh():
            for hub, code in standing.items():
                found[hub].append(code)
        return found

    def _fresh(self) -> list[Mapping[str, str]]:
        with self._lock:
            least = time.monotonic() - FRESH_SECONDS
            self._standing = {process: one for process, one in self._standing.items() if one[0] >= least}
            return [hubs for _, hubs in self._standing.values()]

    def _stand(self, value: Mapping[str, Any]) -> None:
        process = int(value["process"])
        hubs = {str(name)[:LONGEST]: str(code)[:LONGEST] for name, code in value.items() if name != "process"}
        with self._lock:
            if len(hubs) <= _MOST_HUBS and (process in self._standing or len(self._standing) < _MOST_PROCESSES):
                self._standing[process] = (time.monotonic(), hubs)

    def _add(self, measure: Measure, labels: Labels, value: Any) -> None:
        numbers = [float(one) for one in value] if measure.buckets else [float(value)]
        right = len(measure.buckets) + 2 if measure.buckets else 1
        if len(labels) != len(measure.labels) or len(numbers) != right:
            raise ValueError(measure.name)
        if not all(math.isfinite(one) and one >= 0 for one in numbers):  # a counter never falls
            raise ValueError(measure.name)
        with self._lock:
            series = self._totals[measure.name]
            key = labels if labels in series or len(series) < MOST_SERIES else (OTHER,) * len(labels)
            before = series.get(key, [0.0] * right)
            series[key] = [one + more for one, more in zip(before, numbers, strict=True)]

    def _run(self, pipe: int) -> None:
        left = b""
        while came := os.read(pipe, 65536):
            *lines, left = (left + came).split(b"\n")
            for line in lines:
                self.add(line)
            left = left if len(left) < _LINE else b""
