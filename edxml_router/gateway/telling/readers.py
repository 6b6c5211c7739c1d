"""Those who wait for mail or news: told at the commit, by one look for all of them.

    arrived = await readers.wait("so", "mail", after=page.head, seconds=30)

Whoever commits something rings the bell of the readers (:class:`edxml_router.wiring.own_ledger.OwnLedger`); then, and
while somebody waits, one look is made (:func:`edxml_router.services.gateway.mailbox.look`), at most one in
:data:`PAUSE`.
While nobody waits nothing is looked for. Where nobody can ring (a system without inotify, another machine while its
notices do not come) there is a look every :data:`UNTOLD` all the same.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Final, Literal

from edxml_router.core.problems import Trouble
from edxml_router.observe import events
from edxml_router.services.gateway.mailbox import News

PAUSE: Final = 0.02  # seconds between looks
UNTOLD: Final = 2.0  # seconds
AFTER_TROUBLE: Final = 1.0  # seconds until the next look when the database is away

What = Literal["mail", "events"]


class Readers:
    """``look`` makes one look from a place on; ``bell`` is the descriptor that tells of ringing, -1 for none, and
    ``clear`` is called when it did."""

    def __init__(self, look: Callable[[int | None], Awaitable[News]], bell: int, clear: Callable[[], object]) -> None:
        self._look = look
        self._bell = bell
        self._clear = clear
        self._rung = asyncio.Event()
        self._head: int | None = None
        self._waiting: dict[tuple[str, What], set[asyncio.Future[None]]] = defaultdict(set)
        self._latest: dict[tuple[str, What], int] = {}  # up to where there was something; one for each office at most
        self._wanted = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._ended = False
        self._next: asyncio.Future[None] | None = None  # of who waits for any ringing

    def start(self) -> None:
        """Within the loop that serves."""
        if self._bell >= 0:
            asyncio.get_running_loop().add_reader(self._bell, self._hear)
        self._task = asyncio.create_task(self._serve())

    async def close(self) -> None:
        """Whoever waits still hears that nothing came."""
        if self._bell >= 0:
            asyncio.get_running_loop().remove_reader(self._bell)
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task

    @property
    def count(self) -> int:
        """How many wait."""
        return sum(map(len, self._waiting.values()))

    async def wait(self, office: str, what: What, after: int, seconds: float) -> bool:
        """Until there is something for an office at the place ``after`` or behind it; whether there is."""
        key = office, what
        if self._ended:
            return False
        if self._latest.get(key, -1) > after:
            return True
        told: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting[key].add(told)
        if self._head is None or self._head > after:
            self._head = after  # it has been looked further for others, but not for this one
        self._wanted.set()
        try:
            await asyncio.wait_for(told, seconds)
        except TimeoutError:
            return False
        finally:
            self._waiting[key].discard(told)
            if not self._waiting[key]:
                del self._waiting[key]
        return not self._ended

    def release(self) -> None:
        """Let everybody who waits go, and nobody wait any more: the process is about to end."""
        self._ended = True
        if self._next is not None and not self._next.done():
            self._next.set_result(None)
        for waiting in self._waiting.values():
            for one in waiting:
                if not one.done():
                    one.set_result(None)

    def heard(self) -> asyncio.Future[None]:
        """Done once somebody rings, or the process is about to end; where nobody can ring, before long."""
        if self._bell < 0:
            return asyncio.ensure_future(asyncio.sleep(UNTOLD))
        if self._next is None or self._next.done():
            self._next = asyncio.get_running_loop().create_future()
            if self._ended:
                self._next.set_result(None)
        return self._next

    def _hear(self) -> None:
        self._clear()
        self._rung.set()
        if self._next is not None and not self._next.done():
            self._next.set_result(None)

    async def _serve(self) -> None:
        while True:
            if not self._waiting:
                self._wanted.clear()
                self._head = None
                await self._wanted.wait()
            self._rung.clear()
            more = False
            try:
                news = await self._look(self._head)
            except Trouble as trouble:
                events.setback(trouble.finding)
                await asyncio.sleep(AFTER_TROUBLE)
                continue
            self._head, more = news.head, news.more
            self._tell("mail", news.mail, news.head)
            self._tell("events", news.events, news.head)
            await asyncio.sleep(PAUSE)
            if not more:
                with suppress(TimeoutError):
                    await asyncio.wait_for(self._rung.wait(), UNTOLD)

    def _tell(self, what: What, offices: frozenset[str], head: int) -> None:
        for office in offices:
            self._latest[office, what] = head
            for one in self._waiting.get((office, what), ()):
                if not one.done():
                    one.set_result(None)
