"""Where the log goes: a descriptor that may be closed, full, or read by nobody, none of which may stop a node.

    sink = Sink(2)
    sink.write("line\\n")

A thread writes the lines from a short queue, because a write to a full pipe blocks for ever. Lines that cannot be
written are counted, and the number is the first line once writing works again. Meanwhile the reason is in a file beside
the node's data, where ``edxml-router doctor`` finds it.
"""

from __future__ import annotations

import atexit
import json
import os
import queue
import threading
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from edxml_router.core.detail import Detail
from edxml_router.core.wording import in_words
from edxml_router.observe import measures

FILE: Final = "log.trouble"  # in node.data, while lines are lost
WAITING: Final = 2000  # lines: some hundred kilobytes
AT_ONCE: Final = 500  # lines in one writing
LAST_SECONDS: Final = 1.0  # for what still waits when the process ends


class Sink:
    """A file for structlog and logging. ``write`` never raises and never waits."""

    def __init__(self, descriptor: int) -> None:
        self._note: Path | None = None  # the file that tells of trouble
        self._descriptor = descriptor
        self._lines: queue.Queue[str] = queue.Queue(WAITING)
        self._overflow = 0
        self._lost = 0  # of the thread
        self._torn = False  # whether the last line ended in the middle
        self._reason = ""
        threading.Thread(target=self._run, name="log", daemon=True).start()
        atexit.register(self.finish)

    def note_in(self, folder: Path) -> None:
        """Note trouble in this folder from the next line on; a note of an earlier process is removed."""
        self._note, self._reason = folder / FILE, "unknown"

    def write(self, text: str) -> int:
        try:
            self._lines.put_nowait(text)
        except queue.Full:
            self._overflow += 1
            self._tell("nobody reads the log")
        return len(text)

    def flush(self) -> None:
        """Does nothing: only the thread's queue holds lines back."""

    def finish(self) -> None:
        """Give the queued lines a moment to be written."""
        waiting = threading.Thread(target=self._lines.join, daemon=True)
        waiting.start()
        waiting.join(LAST_SECONDS)

    def _run(self) -> None:
        while True:
            lines = [self._lines.get()]
            with suppress(queue.Empty):  # those of a batch at once: each writing gives the interpreter away
                while len(lines) < AT_ONCE:
                    lines.append(self._lines.get_nowait())
            try:
                self._put("".join(lines).encode("utf-8", "backslashreplace"))
            finally:
                for _ in lines:
                    self._lines.task_done()

    def _put(self, lines: bytes) -> None:
        overflow, self._overflow = self._overflow, 0
        self._lost += overflow
        left = lines
        try:
            if self._lost:
                told = b"\n" * self._torn + _lost_line(self._lost, self._reason)
                while told:
                    told = told[os.write(self._descriptor, told) :]
                self._lost = 0
            while left:
                left = left[os.write(self._descriptor, left) :]
        except OSError as error:
            self._lost += left.count(b"\n")
            measures.logged(len(lines) - len(left), left.count(b"\n"))
            self._torn |= 0 < len(left) < len(lines) and not lines[: -len(left)].endswith(b"\n")
            self._tell(in_words(error, _WORDS))
        else:
            measures.logged(len(lines), overflow)
            self._torn = False
            self._tell("")

    def _tell(self, reason: str) -> None:
        if reason == self._reason:
            return
        self._reason = reason
        if self._note is not None:
            with suppress(OSError):  # the same disk may be full: then doctor finds that
                if reason:
                    self._note.write_text(reason, encoding="utf-8")
                else:
                    self._note.unlink(missing_ok=True)


# Of a pipe; what is wrong with a disk the system says well enough.
_WORDS: Final = {"BrokenPipeError": Detail("whatever read the log has ended")}


def _lost_line(count: int, reason: str) -> bytes:
    fields = {"at": datetime.now(UTC).isoformat(), "level": "error", "event": "log.lost", "lines": count}
    return json.dumps(fields | {"reason": reason}).encode() + b"\n"
