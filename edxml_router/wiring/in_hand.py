"""Messages that end the worker that deals with them, wherever in its turn: five times, and they are quarantined.

    in_hand = InHandGuard(folder)
    handled = in_hand.receive(node, transport, arrivals)    # as edxml_router.intake.batch.receive, with a guard

Judging has a finer guard (:mod:`edxml_router.wiring.judging`), and what is sent has its leases. Between them a worker
reads, records, quarantines and acknowledges: memory that is not there, or a mistake in a library, may end it in any of
these steps, and the hub brings the message again, for ever. So it writes down what it has in hand. When it has died,
what was in hand is dealt with one by one, behind everything else, so that each death afterwards has one message to its
name; and what five deaths in a row have is quarantined unread (EDX623). Any outcome, be it that the message has to
wait, ends the row. An hour later it may be tried again: what it is sent by still has it, and somebody may have given
memory.

The notes are this machine's, like those of judging.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from edxml_router.disk.notes import Notes
from edxml_router.intake import batch
from edxml_router.intake.batch import BatchResult
from edxml_router.ports.transport import Arrival, Transport
from edxml_router.stages.forwarding.dispatch import LAPSES
from edxml_router.stages.node import Node

_REMEMBERED_SECONDS: Final = 3600.0  # seconds
_DIED: Final = ".died"  # one byte for each death with nothing else in hand


class InHandGuard:
    """The guard of one worker."""

    def __init__(self, folder: Path) -> None:
        self._notes = Notes(folder)
        self._folder = folder

    def receive(self, node: Node, transport: Transport, arrivals: Sequence[Arrival]) -> BatchResult:
        names = {id(one): _name(one) for one in arrivals}
        deaths = self._deaths()
        doubtful = sorted((one for one in arrivals if names[id(one)] in deaths), key=lambda one: deaths[names[id(one)]])
        others = [one for one in arrivals if names[id(one)] not in deaths]
        total = BatchResult()
        if others:
            with self._noted([names[id(one)] for one in others]):
                total.add(batch.receive(node, transport, others))
        for one in doubtful:
            name = names[id(one)]
            with self._noted([name]):
                if deaths[name] >= LAPSES:
                    # Should that too have ended a worker, its bytes are too many for this machine.
                    total.add(batch.abandon(node, transport, one, deaths[name], whole=deaths[name] == LAPSES))
                    continue  # and remembered, for it may come again
                total.add(batch.receive(node, transport, [one]))
            self._path(name).unlink(missing_ok=True)
        return total

    def close(self) -> None:
        """Nothing is in hand any more."""
        self._notes.close()

    @contextmanager
    def _noted(self, names: Sequence[str]) -> Iterator[None]:
        self._notes.write(json.dumps(names).encode())
        try:
            yield
        finally:
            self._notes.clear()

    def _deaths(self) -> dict[str, int]:
        """By message: how many workers ended with nothing else in hand; 0 where there was more."""
        for left in self._notes.left():
            with suppress(ValueError):
                names = json.loads(left)
                for name in names:
                    with self._path(name).open("ab") as file:
                        file.write(b"." if len(names) == 1 else b"")
        found: dict[str, int] = {}
        for path in self._folder.glob(f"*{_DIED}"):
            with suppress(FileNotFoundError):
                told = path.stat()
                if time.time() - told.st_mtime > _REMEMBERED_SECONDS:
                    path.unlink()
                else:
                    found[path.stem] = told.st_size
        return found

    def _path(self, name: str) -> Path:
        return self._folder / f"{name}{_DIED}"


def _name(arrival: Arrival) -> str:
    """The same whenever this message comes again. Its id is the sender's word: who gives many one name harms itself."""
    message = arrival.message
    known = message.id or hashlib.sha256(message.body).hexdigest()
    return hashlib.sha256("\0".join((arrival.mailbox, arrival.peer, message.kind, known)).encode()).hexdigest()[:32]
