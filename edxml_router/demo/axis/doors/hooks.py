"""The way of the node's calls to the maker's webhook: passed on as they are, with what is planted.

The signature is over the bytes and holds for whoever gets them, so the maker's receiver verifies it as always.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from typing import Final

import httpx

from edxml_router.demo.axis.doors.door import MOST_CONTROL, SeenCall
from edxml_router.demo.axis.doors.http import HttpHead, read_body, read_head
from edxml_router.demo.axis.doors.replies import Reply
from edxml_router.demo.axis.faults import Faults
from edxml_router.demo.servers import HOST

SECONDS: Final = 15.0  # that a receiver has for its answer
_PASSED: Final = ("content-type", "user-agent", "webhook-id", "webhook-timestamp", "webhook-signature")


class HookDoor:
    """Takes the calls for ``office`` on ``port`` and makes them to ``target``."""

    def __init__(self, office: str, port: int, target: str, planted: Faults, tell: Callable[[SeenCall], None]) -> None:
        self._office, self._port, self._target = office, port, target
        self._planted, self._tell = planted, tell

    @asynccontextmanager
    async def open(self) -> AsyncIterator[None]:
        async with httpx.AsyncClient(timeout=SECONDS, verify=False) as self._http:  # noqa: S501  # on this machine
            server = await asyncio.start_server(self._serve, HOST, self._port)
            try:
                yield
            finally:
                server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            async with asyncio.timeout(SECONDS):
                head = await read_head(reader)
                data = b""
                if head is not None:
                    async for piece in read_body(reader, head):
                        data += piece
                        if len(data) > MOST_CONTROL:
                            return
            if head is not None:
                status, fault = await self._call(head, data)
                writer.write(Reply(status, fields=[("Connection", "close")]).encoded("POST"))
                await writer.drain()
                self._tell(SeenCall(self._office, "webhook", self._target, status, fault=fault))
        except (OSError, ValueError, TimeoutError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            pass  # the node calls again
        finally:
            with suppress(OSError):
                writer.close()

    async def _call(self, head: HttpHead, data: bytes) -> tuple[int, str]:
        """The status to answer with, and what was planted."""
        if self._planted.take(self._office, "webhook-error"):
            return 500, "webhook-error"
        twice = self._planted.take(self._office, "webhook-twice") is not None
        headers = {name: value for name in _PASSED if (value := head.get(name)) is not None}
        status = 502
        for _ in range(2 if twice else 1):
            try:
                status = (await self._http.post(self._target, content=data, headers=headers)).status_code
            except httpx.HTTPError:
                status = 502
        return status, "webhook-twice" if twice else ""
