"""What happens to an envelope that takes too long to judge, or ends the process that judges it.

    node.judging = NotingJudge(folder) # a worker: here, under a timer of the kernel, with a note of what is judged
    node.judging = judge_apart       # a command: each in a process of its own, which may end without the command
    apart(work, seconds)             # the result of one piece of work in such a process; raises Ended

A bound that was forgotten, or a mistake in a library, shows itself in C code, which no exception interrupts. So a timer
of processor time (ITIMER_PROF) ends the process. For a worker that costs two system calls an envelope. Before it
judges, it writes the digest to a file that it holds locked; when it has died, whoever takes the next batch finds the
file unlocked. That envelope, and for an hour all mail of who brought it, is then judged in a process of its own: so one
envelope ends one worker at most, and its batch-mates are judged as always. Whoever overruns there is refused (EDX113)
and quarantined like other input. What ends otherwise may be this machine's fault: it is put off, four times.

The notes (:mod:`edxml_router.disk.notes`) are this machine's: another that takes from the same hub loses one worker of
its own before it knows.
"""

from __future__ import annotations

import json
import os
import pickle
import select
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import timedelta
from io import FileIO
from pathlib import Path
from typing import Any, Final, TypeVar

from edxml_router.core.body import NOTHING
from edxml_router.core.detail import Detail
from edxml_router.core.problems import Refusal, Setback, Trouble
from edxml_router.disk.notes import Notes
from edxml_router.stages.acceptance.submission import Candidate, Submission

T = TypeVar("T")
Judge = Callable[[Submission], Candidate]

MOST_TIME: Final = timedelta(seconds=1)  # of a processor, where no settings say otherwise
MOST_DEATHS: Final = 5
PATIENCE_SECONDS: Final = 60.0  # seconds by the clock for what may take a few of the processor
BYTES_PER_SECOND: Final = 16 * 1024 * 1024  # more time for what is larger: it is hashed, decoded and copied
_SUSPECTED_SECONDS: Final = 3600.0  # seconds
_DIED = ".died"


class ProcessEnded(Exception):  # noqa: N818  # an event, not a mistake
    """A process apart ended without a result, by this signal (0: without one)."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.overrun = number == signal.SIGPROF
        self.how = signal.Signals(number).name if number else Detail("without a result")

    def trouble(self, seconds: float, deaths: int = 1) -> Trouble:
        """What it means for the envelope, of which so many processes ended. Only the time is surely its own doing."""
        if self.overrun:
            return Refusal("EDX113", detail=Detail("more than {seconds:.1f} s of processor time", seconds=seconds))
        if deaths >= MOST_DEATHS:
            told = Detail("the process ended {attempts} times: {how}", attempts=deaths, how=self.how)
            return Refusal("EDX113", detail=told)
        return Setback("EDX113", detail=Detail("the process ended: {how}", how=self.how))


def seconds_for(size: int, most: timedelta) -> float:
    """The processor time that an envelope of so many bytes may take to judge."""
    return most.total_seconds() + size / BYTES_PER_SECOND


def apart(work: Callable[[], T], seconds: float) -> T:
    """What ``work`` returns, from a process that may take so much processor time. It must return and not raise.

    Only the calling thread is in the new process: what others hold locked stays so there, and is not to be used.
    """
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        status = os.EX_SOFTWARE
        try:
            os.close(reading)
            signal.signal(signal.SIGPROF, signal.SIG_DFL)
            signal.setitimer(signal.ITIMER_PROF, seconds)
            with os.fdopen(writing, "wb") as pipe:
                pickle.dump(work(), pipe)
            status = os.EX_OK
        finally:
            os._exit(status)  # no handler, buffer or connection of the other process is this one's to close
    os.close(writing)
    with os.fdopen(reading, "rb", buffering=0) as pipe:
        data = _patiently(pipe, child)
    _, ended = os.waitpid(child, 0)
    if ended != os.EX_OK:
        raise ProcessEnded(os.WTERMSIG(ended) if os.WIFSIGNALED(ended) else 0)
    result: T = pickle.loads(data)  # noqa: S301  # our own process wrote it
    return result


def _patiently(pipe: FileIO, child: int) -> bytes:
    """All that comes; a process that has not ended within :data:`PATIENCE_SECONDS` is killed. One of several threads
    has gone into it alone, and would wait for ever for a lock that another one held just then."""
    until = time.monotonic() + PATIENCE_SECONDS
    pieces: list[bytes] = []
    coming = select.poll()
    coming.register(pipe, select.POLLIN)
    while coming.poll(max(0.0, until - time.monotonic()) * 1000):
        piece = pipe.read(1024 * 1024)
        if not piece:
            return b"".join(pieces)
        pieces.append(piece)
    os.kill(child, signal.SIGKILL)
    return b""


def judge_apart(judge: Judge, submissions: Sequence[Submission], most: timedelta) -> list[Candidate]:
    """Each in a process of its own: a command must outlast what it was given."""
    return [_one_apart(judge, submission, most) for submission in submissions]


def _one_apart(judge: Judge, submission: Submission, most: timedelta, deaths: int = 0) -> Candidate:
    def work() -> Candidate:
        return replace(judge(submission), submission=replace(submission, data=NOTHING))  # the other process has it

    seconds = seconds_for(len(submission.data), most)
    try:
        judged = apart(work, seconds)
    except ProcessEnded as ended:
        judged = Candidate(submission, submission.data.digest, trouble=ended.trouble(seconds, deaths + 1))
    return replace(judged, submission=submission)


class NotingJudge:
    """Judges in this process, and leaves a note for the case that it does not live to say what came of it.

    ``apart``: this process is the whole node, so nothing is judged in it, and each envelope has a process of its own.
    """

    def __init__(self, folder: Path, *, apart: bool = False) -> None:
        self._folder = folder
        self._notes = Notes(folder)
        self._apart = apart
        if not apart:
            signal.signal(signal.SIGPROF, signal.SIG_DFL)

    def __call__(self, judge: Judge, submissions: Sequence[Submission], most: timedelta) -> list[Candidate]:
        suspects = self._suspects()
        peers = {peer for deaths in suspects.values() for peer in deaths}
        judged = []
        for submission in submissions:
            if self._apart or submission.data.digest in suspects or submission.peer in peers:
                judged.append(self._suspect(judge, submission, most, suspects))
                continue
            with self._noted(submission), _timer(seconds_for(len(submission.data), most)):
                judged.append(judge(submission))
        return judged

    def close(self) -> None:
        """Nothing is judged any more."""
        self._notes.close()

    @contextmanager
    def _noted(self, submission: Submission) -> Iterator[None]:
        self._notes.write(json.dumps([submission.data.digest, submission.peer]).encode())
        try:
            yield
        finally:
            self._notes.clear()

    def _suspect(
        self, judge: Judge, submission: Submission, most: timedelta, suspects: dict[str, list[str]]
    ) -> Candidate:
        deaths = suspects.get(submission.data.digest, [])
        judged = _one_apart(judge, submission, most, len(deaths))
        if judged.trouble is not None and judged.trouble.code == "EDX113":
            self._count(submission.data.digest, submission.peer)  # a refusal too: it may come again
        return judged

    def _suspects(self) -> dict[str, list[str]]:
        """The peers that brought what a process died of, once for each death, by the envelope's digest."""
        found: dict[str, list[str]] = {}
        for left in self._notes.left():
            with suppress(ValueError):
                self._count(*json.loads(left))
        for path in self._folder.glob(f"*{_DIED}"):
            with suppress(FileNotFoundError):
                if time.time() - path.stat().st_mtime > _SUSPECTED_SECONDS:
                    path.unlink()
                else:
                    found[path.stem] = path.read_text("utf-8").splitlines()
        return found

    def _count(self, digest: str, peer: str) -> None:
        with (self._folder / f"{digest}{_DIED}").open("a", encoding="utf-8") as file:
            file.write(json.dumps(peer)[1:-1] + "\n")


@contextmanager
def _timer(seconds: float) -> Iterator[Any]:
    signal.setitimer(signal.ITIMER_PROF, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
