"""A process that accepts what a gateway has received: it judges, commits and answers, one batch after another.

Started as ``python -m edxml_router.node.acceptor FILE PARENT PINS CHANNEL`` by :mod:`edxml_router.services.gateway.
accepting`; CHANNEL is the descriptor of a socket, on which lists of submissions come and lists of answers go back. The
gateway itself judges nothing: an envelope that ends the process that judges it ends this one, and no office's
connection; and public-key arithmetic holds up nobody who waits for mail. What was in hand when it died is known by
:class:`edxml_router.wiring.judging.NotingJudge`, as with workers.

A change in a file of [trust] is noticed. Other settings are taken by the next process: the gateway replaces this one.
It ends when the channel does. Exit status 0, 70 after a defect, 75 when the database is away, 78.
"""

from __future__ import annotations

import json
import os
import pickle
import signal
import socket
import struct
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from edxml_router import pipeline
from edxml_router.config import ConfigErrors, in_force, load
from edxml_router.core.body import MemoryBody
from edxml_router.core.problems import EXIT_CONFIG, EXIT_SOFTWARE, EXIT_TEMPORARY, Refusal, Setback
from edxml_router.core.xml.skeleton import LARGE_BYTES
from edxml_router.observe import events, measures
from edxml_router.observe.logs import configure
from edxml_router.stages.acceptance.submission import Submission
from edxml_router.wiring.lasting import Lasting, open_lasting

TRUST_INTERVAL: Final = 0.5  # seconds between looks at the files of [trust]
_LENGTH: Final = struct.Struct(">Q")


def send(channel: socket.socket, values: Sequence[Any]) -> None:
    """Raises OSError."""
    data = pickle.dumps(values, protocol=pickle.HIGHEST_PROTOCOL)
    channel.sendall(_LENGTH.pack(len(data)) + data)


def receive_pickled(channel: socket.socket) -> list[Any]:
    """What the other end has sent. Raises EOFError when it is gone, OSError."""
    (length,) = _LENGTH.unpack(_exactly(channel, _LENGTH.size))
    found: list[Any] = pickle.loads(_exactly(channel, length))  # noqa: S301  # both ends are this program's own
    return found


def _exactly(channel: socket.socket, count: int) -> bytes:
    data = bytearray(count)
    view, filled = memoryview(data), 0
    while filled < count:
        came = channel.recv_into(view[filled:])
        if not came:
            raise EOFError
        filled += came
    return bytes(data)


def _in_memory(submission: Submission) -> Submission:
    """A body that was set down while it came, and is small enough to be judged in memory."""
    data = submission.data
    small = data.held is None and data.size <= LARGE_BYTES
    return replace(submission, data=MemoryBody(data.whole(), data.digest)) if small else submission


def run(lasting: Lasting, channel: socket.socket) -> None:
    """Until the channel ends."""
    trust_at = 0.0
    while True:
        try:
            batch: list[Submission] = receive_pickled(channel)
        except (EOFError, ConnectionError):
            return
        if time.monotonic() >= trust_at:
            trust_at = time.monotonic() + TRUST_INTERVAL
            if findings := lasting.renew_trust():
                events.reload_refused(findings)
        with measures.stage("accept") as items:
            answers = pipeline.accept(lasting.node, [_in_memory(one) for one in batch])
            items.append(len(batch))
        send(channel, answers)


def main() -> int:
    configure("auto", "info")  # until the settings say otherwise
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the terminal's Ctrl-C is for others to answer
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        settings = in_force.pinned(load(Path(sys.argv[1])), json.loads(sys.argv[3]))
        configure(settings.log.format, settings.log.level, node=settings.node.name, data=settings.node.data)
        with socket.socket(fileno=int(sys.argv[4])) as channel, open_lasting(settings, judges=True) as lasting:
            events.acceptor_started(os.getpid())
            run(lasting, channel)
    except ConfigErrors as errors:
        events.reload_refused(errors.findings)
        return EXIT_CONFIG
    except Refusal as refusal:
        events.reload_refused([refusal.finding])
        return EXIT_CONFIG
    except Setback as setback:
        events.setback(setback.finding)
        return EXIT_TEMPORARY
    except Exception as error:  # noqa: BLE001  # the log tells where, without the message; the gateway starts anew
        events.defect("acceptor", error)
        return EXIT_SOFTWARE
    return 0


if __name__ == "__main__":
    sys.exit(main())
