"""Gathers what is handed in at about the same time, so that many envelopes cost one commit.

    answer = await collector.submit(submission)

Each process that judges (:mod:`edxml_router.services.gateway.accepting`) has a task here, which takes what waits: at
most :data:`MOST` envelopes or :data:`MOST_BYTES`, and what comes within :data:`GATHERING` after the first, and again
while more keep coming, for :data:`LONGEST` at most. What waits meanwhile is bounded by how many bodies may be received
at once.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Final

from edxml_router.config import Settings
from edxml_router.services.gateway.accepting import Acceptor
from edxml_router.services.gateway.given import Acceptance, Submission

MOST: Final = 100
MOST_BYTES: Final = 64 * 1024 * 1024
GATHERING: Final = 0.002  # seconds
LONGEST: Final = 0.005  # seconds

_Waiting = tuple[Submission, asyncio.Future[Acceptance]]


class Collector:
    """Between requests and the processes that judge."""

    def __init__(self, settings: Settings, processes: int, idle: float | None = None) -> None:
        """``idle``: seconds without work after which a process ends, until there is work; None: it stays."""
        self._count = processes
        self._idle = idle
        self._waiting: deque[_Waiting] = deque()
        self._came = asyncio.Event()
        self._threads = ThreadPoolExecutor(processes, "accepting")
        self._acceptors = [Acceptor(settings) for _ in range(processes)]
        self._replacing: set[Acceptor] = set()
        self._settings = settings
        self._tasks: list[asyncio.Task[None]] = []

    def start(self) -> None:
        """Within the loop that will run it."""
        self._tasks = [asyncio.create_task(self._serve(number)) for number in range(self._count)]

    async def submit(self, submission: Submission) -> Acceptance:
        """The answer, once it is committed. A caller that goes away meanwhile changes nothing about that."""
        answer: asyncio.Future[Acceptance] = asyncio.get_running_loop().create_future()
        self._waiting.append((submission, answer))
        self._came.set()
        return await answer

    def reload(self, settings: Settings) -> None:
        """Let other processes take the place of these, each after the batch that it has in hand."""
        self._settings = settings
        self._replacing.update(self._acceptors)

    async def close(self) -> None:
        """Once nobody submits any more: what waits is still accepted."""
        while self._waiting:
            await asyncio.sleep(GATHERING)
        for task in self._tasks:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
        await asyncio.get_running_loop().run_in_executor(None, self._end)

    def _end(self) -> None:
        self._threads.shutdown()  # a batch in hand is finished
        for acceptor in self._acceptors:
            acceptor.close()

    async def _serve(self, number: int) -> None:
        loop = asyncio.get_running_loop()
        while True:
            try:
                async with asyncio.timeout(self._idle):
                    await self._came.wait()
            except TimeoutError:
                await loop.run_in_executor(self._threads, self._acceptors[number].close)
                await self._came.wait()
            await self._gather()
            batch = self._take()
            if not batch:
                continue
            acceptor = self._acceptors[number]
            if acceptor in self._replacing:
                self._replacing.discard(acceptor)
                await loop.run_in_executor(self._threads, acceptor.close)
                acceptor = self._acceptors[number] = Acceptor(self._settings)
            work = loop.run_in_executor(self._threads, acceptor.accept, [one for one, _ in batch])
            _answer(batch, await _outcome(work))

    async def _gather(self) -> None:
        """Wait while more come: what a batch costs beside its envelopes, two of them cost together."""
        until = asyncio.get_running_loop().time() + LONGEST
        seen = 0
        while seen < len(self._waiting) < MOST and (left := until - asyncio.get_running_loop().time()) > 0:
            seen = len(self._waiting)
            await asyncio.sleep(min(GATHERING, left))

    def _take(self) -> list[_Waiting]:
        batch: list[_Waiting] = []
        size = 0
        while self._waiting and len(batch) < MOST:
            size += self._waiting[0][0].data.size
            if batch and size > MOST_BYTES:
                break
            batch.append(self._waiting.popleft())
        if not self._waiting:
            self._came.clear()
        return batch


async def _outcome(work: asyncio.Future[list[Acceptance]]) -> Sequence[Acceptance] | BaseException:
    try:
        return await asyncio.shield(work)
    except Exception as error:  # noqa: BLE001  # each of those who wait is told, and the next batch is taken
        return error


def _answer(batch: Sequence[_Waiting], outcome: Sequence[Acceptance] | BaseException) -> None:
    for number, (_, answer) in enumerate(batch):
        if answer.done():  # who asked has gone away
            continue
        if isinstance(outcome, BaseException):
            answer.set_exception(outcome)
        else:
            answer.set_result(outcome[number])
