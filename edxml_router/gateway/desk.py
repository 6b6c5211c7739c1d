"""The desk: what routes talk to, and the only thing they talk to.

    caller = await desk.caller_of(token, der)          # Refusal EDX415
    body = await desk.receive(stream)                  # set down while it comes; the caller discards it
    answer = await desk.submit(caller.office, body)    # committed when this returns
    rows = await desk.call(office.ready, …)            # a service, in a thread
    await desk.readers.wait("so", "mail", head, 30)    # until there is something

Services wait for the database and for disks, so they run in threads, of which there are few; what may wait for a free
one is bounded (EDX626). Judging is done in other processes (:mod:`edxml_router.gateway.collector`).
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, contextmanager
from functools import partial
from pathlib import Path
from typing import Final, TypeVar

from edxml_router.config import GatewaySettings, Settings
from edxml_router.core.agencies.registry import Registry
from edxml_router.core.body import Body, MemoryBody
from edxml_router.core.detail import Detail
from edxml_router.core.problems import Refusal, Setback
from edxml_router.gateway.collector import Collector
from edxml_router.gateway.telling.readers import Readers
from edxml_router.observe import events
from edxml_router.services.gateway import mailbox, tokens, uploads
from edxml_router.services.gateway.caller import Caller
from edxml_router.services.gateway.clients import Clients
from edxml_router.services.gateway.given import Acceptance, Spool, StoredNode, Submission, TokenRow, begin_body
from edxml_router.services.letters.unsigned import UnsignedLetters
from edxml_router.wiring.lasting import Lasting

T = TypeVar("T")

THREADS: Final = 8
CERTIFYING: Final = 2  # certificates that are made at a time
WAITING: Final = 256  # calls that may wait for a thread
TOKENS_SECONDS: Final = 1.0  # for so long a token that was revoked may still count
NEW_SECONDS: Final = 0.1  # between looks for a token that is not known
TURNS: Final = 10_000  # uploads whose turns are remembered
SWEEP_SECONDS: Final = 600.0  # between sweeps of uploads
IDLE_SECONDS: Final = 60.0  # without an envelope
TRUST_SECONDS: Final = 0.5  # between looks at the files of [trust]


def _collector(settings: Settings, gateway: GatewaySettings) -> Collector:
    """Of a node that is one process the process that judges is there while there is something to judge."""
    if settings.node.inline:
        return Collector(settings, gateway.processes or 1, IDLE_SECONDS)
    return Collector(settings, gateway.processes or os.cpu_count() or 1)


class Desk:
    """See the module. Made in the loop that serves; :meth:`close` ends what it began."""

    def __init__(self, lasting: Lasting, gateway: GatewaySettings) -> None:
        self._lasting = lasting
        self.gateway = gateway
        self._threads = ThreadPoolExecutor(THREADS, "desk")
        self._calls = 0
        self.ending = False
        self._receiving = 0
        self._sending = 0
        self._certifying = 0
        self._turns: dict[str, tuple[int, asyncio.Lock]] = {}
        self._clients = Clients(lasting.settings)
        self._tokens: Mapping[str, TokenRow] = {}
        self._tokens_at = float("-inf")
        self._tokens_read = asyncio.Lock()
        self._collector = _collector(lasting.settings, gateway)
        bell = lasting.bell
        self.readers = Readers(
            lambda after: self.call(mailbox.look, self.node, after),
            bell.fileno() if bell is not None else -1,
            bell.clear if bell is not None else lambda: None,
        )
        self._upkeep: asyncio.Task[None] | None = None

    # What services are given.
    @property
    def settings(self) -> Settings:
        return self._lasting.settings

    @property
    def registry(self) -> Registry:
        return self.node.rules.registry

    @property
    def node(self) -> StoredNode:
        return self._lasting.node

    def start(self) -> None:
        """Within the loop that serves."""
        self._collector.start()
        self.readers.start()
        self._upkeep = asyncio.create_task(self._keep_trust())

    def end(self) -> None:
        """Whoever only waits is let go, so that the process can end."""
        self.ending = True
        self.readers.release()

    async def close(self) -> None:
        """Once no request is under way."""
        if self._upkeep is not None:
            self._upkeep.cancel()
        await self.readers.close()
        await self._collector.close()
        self._threads.shutdown(wait=True)

    def reload(self, settings: Settings) -> None:
        """Other rules. Raises ConfigErrors, Refusal and changes nothing."""
        clients = Clients(settings)
        self._lasting.reload(settings)
        self._clients = clients
        if settings.gateway is not None:
            self.gateway = settings.gateway
        self._collector.reload(settings)

    async def call(self, function: Callable[..., T], /, *arguments: object, **named: object) -> T:
        """What a service answers, or raises. Setback EDX626 when too many wait."""
        if self._calls >= THREADS + WAITING:
            raise Setback("EDX626", detail=Detail("{count} calls wait", count=WAITING))
        self._calls += 1
        try:
            work = partial(function, *arguments, **named)
            return await asyncio.get_running_loop().run_in_executor(self._threads, work)
        finally:
            self._calls -= 1

    async def certify(self, function: Callable[..., T], /, *arguments: object) -> T:
        """The same for a certificate, two at a time: that of a circular takes the processor for seconds."""
        if self._certifying >= CERTIFYING:
            raise Setback("EDX626", detail=Detail("{count} certificates are being made", count=self._certifying))
        self._certifying += 1
        try:
            return await self.call(function, *arguments)
        finally:
            self._certifying -= 1

    async def submit(
        self, sender: str, body: Body, channel: str = "http", *, chosen: tuple[str, ...] = (), named: str = ""
    ) -> Acceptance:
        """Hand an envelope in as an office, for those of its recipients that are ``chosen``, and of the sender that is
        ``named`` beside it, where they are. When this returns, what was accepted is committed."""
        return await self._collector.submit(Submission(body, sender, channel, chosen=chosen, named=named))

    async def submit_bytes(self, sender: str, data: bytes) -> Acceptance:
        """The same of an envelope that the node wrote for the office."""
        return await self.submit(sender, MemoryBody(data), "http")

    async def receive(self, stream: AsyncIterator[bytes], most: int | None = None) -> Body:
        """What comes, up to ``most`` bytes (limits.max_bytes); beyond a first part of it on disk. Raises Refusal EDX102
        for more, Setback EDX626 when too many are received already, EDX601, EDX622, and what the stream raises."""
        limit = self.settings.limits.max_bytes if most is None else most
        async with self.receiving():
            return await self._set_down(stream, limit)

    @asynccontextmanager
    async def receiving(self) -> AsyncIterator[None]:
        """While something is received. Raises Setback EDX626 when as much is received already as may."""
        if self._receiving >= self.gateway.receiving:
            raise Setback("EDX626", detail=Detail("{count} envelopes are being received", count=self._receiving))
        self._receiving += 1
        try:
            yield
        finally:
            self._receiving -= 1

    def require_sending(self) -> None:
        """Raises Setback EDX626 when as much is sent already as may be: what a client does not read lies in memory."""
        if self._sending >= self.gateway.sending:
            raise Setback("EDX626", detail=Detail("{count} letters are being sent", count=self._sending))

    @contextmanager
    def sending(self) -> Iterator[None]:
        """While a letter is sent."""
        self._sending += 1
        try:
            yield
        finally:
            self._sending -= 1

    @property
    def uploads(self) -> Path:
        """The folder of uploads that go on."""
        return self.settings.node.data / uploads.FOLDER

    def take_turn(self, upload: str) -> int:
        """From now on only the caller goes on with an upload; who was at it is turned away at its next part."""
        turn, lock = self._turns.get(upload, (0, asyncio.Lock()))
        if upload not in self._turns and len(self._turns) >= TURNS:
            self._turns.pop(next(iter(self._turns)))
        self._turns[upload] = turn + 1, lock
        return turn + 1

    @asynccontextmanager
    async def turn_of(self, upload: str, turn: int) -> AsyncIterator[None]:
        """While something is written. Raises Refusal EDX421 where another has the turn."""
        _, lock = self._turns.get(upload, (0, asyncio.Lock()))
        async with lock:
            if self._turns.get(upload, (0, lock))[0] != turn:
                raise Refusal("EDX421", where=upload, detail=Detail("another request goes on with it"))
            yield

    async def _set_down(self, stream: AsyncIterator[bytes], limit: int) -> Body:
        spool: Spool | None = None
        held: list[bytes] = []
        size = in_memory = 0
        try:
            async for piece in stream:
                size += len(piece)
                if size > limit:
                    raise Refusal("EDX102", detail=Detail("more than {most} bytes", most=limit))
                held.append(piece)
                in_memory += len(piece)
                if in_memory > self.gateway.body_bytes:
                    if spool is None:
                        spool = await self.call(begin_body, self.node)
                    await self.call(spool.write, held)
                    held, in_memory = [], 0
            if spool is None:
                return MemoryBody(b"".join(held))
            await self.call(spool.write, held)
            body, spool = await self.call(spool.finish), None
            return body
        finally:
            if spool is not None:
                spool.abandon()

    async def caller_of(self, token: str | None, der: bytes | None) -> Caller:
        """Whose credentials these are; with both, they must be of one office. Raises Refusal EDX415."""
        now = self.node.now()
        callers = []
        if token is not None:
            names = {one.name for one in self.settings.offices}
            known = await self._known_tokens(TOKENS_SECONDS)
            if tokens.name_of(token) not in known:  # perhaps it is new
                known = await self._known_tokens(NEW_SECONDS)
            callers.append(tokens.look_up(known, token, now, names))
        if der is not None:
            callers.append(self._clients.of(der, self.node.rules, now))
        if not callers:
            raise Refusal("EDX415", detail=Detail("neither a token nor a certificate"))
        if callers[0].office != callers[-1].office:
            raise Refusal("EDX415", detail=Detail("the token and the certificate are of different offices"))
        return callers[0]

    async def _known_tokens(self, seconds: float) -> Mapping[str, TokenRow]:
        """As the database had them so long ago at most. When it is away, nobody is let in by what was: fails closed."""
        async with self._tokens_read:
            if time.monotonic() >= self._tokens_at + seconds:
                at = time.monotonic()
                rows = await self.call(tokens.listed, self.node.ledger)
                self._tokens, self._tokens_at = {row.prefix: row for row in rows}, at
        return self._tokens

    async def _keep_trust(self) -> None:
        sweep_at = 0.0
        while True:
            await asyncio.sleep(TRUST_SECONDS)
            try:
                if time.monotonic() >= sweep_at:
                    sweep_at = time.monotonic() + SWEEP_SECONDS
                    await self.call(uploads.sweep, self.uploads)
                    await self.call(UnsignedLetters(self.settings.node.data).sweep, self.node.now())
                findings = await self.call(self._lasting.renew_trust)
            except Setback as setback:
                findings = [setback.finding]
            if findings:
                events.reload_refused(findings)
