"""The processes that accept what the gateway has received (:mod:`edxml_router.node.acceptor`), from its side.

    acceptor = Acceptor(settings)
    answers = acceptor.accept(submissions)     # waits; one caller at a time
    acceptor.close()

One that ends in the middle is started again and given the same batch once more: what it had committed is known then,
and what ended it is judged apart. When that ends it too, or it cannot start, nothing was accepted (EDX626).
"""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress
from typing import Final

from edxml_router.config import Settings, in_force
from edxml_router.core.detail import Detail
from edxml_router.core.problems import Finding
from edxml_router.node.acceptor import receive_pickled, send
from edxml_router.observe import events
from edxml_router.stages.acceptance.submission import Acceptance, Submission

_ATTEMPTS: Final = 2
_END_SECONDS: Final = 10.0


class Acceptor:
    """One process, started when it is needed."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._process: subprocess.Popen[bytes] | None = None
        self._channel: socket.socket | None = None

    def accept(self, submissions: Sequence[Submission]) -> list[Acceptance]:
        """An answer for each, in order."""
        for _ in range(_ATTEMPTS):
            channel = self._channel or self._start()
            try:
                send(channel, submissions)
                return receive_pickled(channel)
            except (EOFError, OSError):
                events.acceptor_lost(*self._end())
        busy = Finding("EDX626", detail=Detail("the process that judges ended"))
        return [Acceptance(one.data.digest, passing=True, finding=busy) for one in submissions]

    def close(self) -> None:
        """It finishes what it has in hand, and ends."""
        self._end()

    def _start(self) -> socket.socket:
        ours, theirs = socket.socketpair()
        arguments = [str(self._settings.path), str(os.getpid()), json.dumps(in_force.pins(self._settings))]
        command = [sys.executable, "-m", "edxml_router.node.acceptor", *arguments, str(theirs.fileno())]
        with theirs:
            # S603: the command is this interpreter and our own module.
            self._process = subprocess.Popen(command, pass_fds=[theirs.fileno()])  # noqa: S603
        self._channel = ours
        return ours

    def _end(self) -> tuple[int, int]:
        """Number and exit status of the process that was."""
        channel, process = self._channel, self._process
        self._channel = self._process = None
        if channel is not None:
            channel.close()
        if process is None:
            return 0, 0
        with suppress(subprocess.TimeoutExpired):
            return process.pid, process.wait(_END_SECONDS)
        process.kill()
        return process.pid, process.wait()
