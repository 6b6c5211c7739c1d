"""What this machine knows of its neighbours' clocks, in a file shared by its workers and read by `edxml-router doctor`.

A file rather than a table, because it concerns this machine's clock and another machine of the node has its own. A lost
or damaged file counts as empty; on a full disk each process still knows what it knows.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from edxml_router.core.link.skew import Skew, Skews
from edxml_router.disk import durable, locks

FILE: Final = "neighbour-clocks.json"


class KeptSkews(Skews):
    """:class:`~edxml_router.core.link.skew.Skews` of all processes on this machine."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self._path = path
        self._seen: tuple[int, int] | None = None  # the file that was read last

    def refresh(self) -> None:
        try:
            status = self._path.stat()
            if (status.st_mtime_ns, status.st_ino) == self._seen:
                return
            found = json.loads(self._path.read_bytes())
            self._known = {
                str(peer): Skew(timedelta(seconds=int(ahead)), datetime.fromtimestamp(int(at), UTC))
                for peer, (ahead, at) in found.items()
            }
            self._seen = (status.st_mtime_ns, status.st_ino)
        except (OSError, ValueError, TypeError, AttributeError, OverflowError):
            return  # what is known stays

    @contextmanager
    def alone(self) -> Iterator[None]:
        with ExitStack() as held:
            with suppress(OSError):
                held.enter_context(locks.locked(self._path.with_suffix(".lock")))
            self.refresh()
            yield
            with suppress(OSError):
                self._save()

    def _save(self) -> None:
        rows = {
            peer: [round(one.ahead.total_seconds()), int(one.at.timestamp())] for peer, one in self._known.items()
        }
        durable.write([(self._path, json.dumps(rows).encode())])
        status = self._path.stat()
        self._seen = (status.st_mtime_ns, status.st_ino)
