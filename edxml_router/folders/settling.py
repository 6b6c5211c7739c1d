"""When a file that somebody else writes is whole.

    settling = Settling()
    settling.told(watch.told())                   # what the kernel says, before looking
    whole = settling.is_whole("a.edxml", status, ends)

The kernel tells when the last writer on this machine has closed a file. A share tells nothing of what is written on
another machine, and what lay there before this process began nobody told of: then a file counts as whole that has not
changed for some seconds, and one that does not end as an XML document does is given a minute more. Rejected: to ask for
a marker or another name at the end, which a person with a file manager does not make; a lease on the file, which the
kernel grants to its owner alone.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Final

CLOSED_SECONDS: Final = 0.5  # unchanged, after the kernel said that it was closed: some programs open it once more
QUIET_SECONDS: Final = 3.0  # unchanged, where nobody tells
STALLED_SECONDS: Final = 60.0  # unchanged, but it ends in the middle: a copy over a slow line

Signature = tuple[int, int, int]


def signature(status: os.stat_result) -> Signature:
    """What changes when a file is written, or replaced by another."""
    return status.st_ino, status.st_size, status.st_mtime_ns


@dataclass(slots=True)
class _Seen:
    signature: Signature
    since: float


class Settling:
    """The files of one folder, as they were seen at the last look."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._seen: dict[str, _Seen] = {}
        self._closed: dict[str, bool] = {}

    def told(self, said: Mapping[str, bool]) -> None:
        """By name, whether nobody writes it any more."""
        self._closed.update(said)

    def forget_others(self, names: Iterable[str]) -> None:
        """Only these are there."""
        kept = set(names)
        self._seen = {name: seen for name, seen in self._seen.items() if name in kept}
        self._closed = {name: closed for name, closed in self._closed.items() if name in kept}

    def is_whole(self, name: str, status: os.stat_result, ends: Callable[[], bool]) -> bool:
        """``ends``: whether it ends as a document does; asked only of what has been quiet."""
        now, seen = self._clock(), self._seen.get(name)
        if seen is None or seen.signature != signature(status):
            self._seen[name] = _Seen(signature(status), now)
            return False
        quiet, closed = now - seen.since, self._closed.get(name)
        if closed is False:  # made while we watched, and not closed: under way, or a further name for what is whole
            return quiet >= STALLED_SECONDS and ends()
        if quiet < (CLOSED_SECONDS if closed else QUIET_SECONDS):
            return False
        return quiet >= STALLED_SECONDS or ends()
