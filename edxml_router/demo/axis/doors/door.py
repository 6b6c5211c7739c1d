"""The door of an office: it ends TLS before the node's gateway, as a proxy would, tells what passes, and does to it
what is planted.

    async with Door(plan, planted, tell, control).open(): …

The client's certificate goes to the gateway in Client-Cert (RFC 9440); one that a client names itself does not. Every
answer but those of ``busy`` and ``/axis`` is the gateway's own.
"""

from __future__ import annotations

import asyncio
import base64
import re
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, replace
from typing import Final

from edxml_router.core.detail import Detail
from edxml_router.core.problems import Finding
from edxml_router.demo.axis.doors import damage
from edxml_router.demo.axis.doors.http import (
    HttpHead,
    answer_has_body,
    body_end,
    framed,
    read_body,
    read_head,
    request_has_body,
)
from edxml_router.demo.axis.doors.replies import Reply, problem_reply
from edxml_router.demo.axis.faults import FAULTS, Faults, PlantedFault, RequestKind
from edxml_router.demo.servers import HOST

IDLE_SECONDS: Final = 75.0
MOST_LINES: Final = 500  # connections at once
MOST_KEPT: Final = 64 * 1024 * 1024  # bytes of an answer that is changed or given again
OBSERVED: Final = 16 * 1024  # bytes of an answer in which its problem is looked for
CONTROL: Final = "/axis"
MOST_CONTROL: Final = 64 * 1024
_CODE: Final = re.compile(rb"EDX\d{3}")
_FAILED: Final = re.compile(rb'"(?:status"\s*:\s*"FAIL|success"\s*:\s*false)')
_LETTER: Final = re.compile(rb"[0-9a-f]{64}\.")
_KINDS: Final = (
    (re.compile(r"(PUT|POST) /v1/envelopes\b|PATCH /v1/uploads/|POST .*/(sendEdoc|vanbans)$"), RequestKind.SUBMIT),
    (re.compile(r"POST /v1/(letters|recalls|updates|replacements|statuses)$"), RequestKind.WRITE),
    (re.compile(r"GET /v1/inbox/[^/]+$|\w+ .*/(getEdoc|downloadEdoc)$|GET .*/vanbans/[^/]+$"), RequestKind.FETCH),
    (re.compile(r"GET /v1/inbox$|\w+ .*/(get|sync)ReceivedEdocList$|GET .*/vanbans$"), RequestKind.LIST),
)


class LineCutError(Exception):
    """The line to the client is to be cut."""


@dataclass(frozen=True, slots=True)
class SeenCall:
    """A request that passed, and what it was answered: no content of it. ``status`` is 0 where the line was cut."""

    office: str
    method: str
    path: str
    status: int
    code: str = ""
    fault: str = ""


@dataclass(frozen=True, slots=True)
class DoorPlan:
    """Which office's door it is, where it stands, and what it puts in the place of good credentials."""

    office: str
    port: int
    gateway: int  # its port
    tls: ssl.SSLContext
    expired_token: str
    revoked: bytes  # a certificate, DER


Control = Callable[[HttpHead, bytes], Awaitable[Reply]]


class Door:
    """See the module. ``tell`` is called for every request, in the thread of the loop."""

    def __init__(
        self, plan: DoorPlan, planted: Faults, tell: Callable[[SeenCall], None], control: Control | None = None
    ) -> None:
        self.plan = plan
        self._planted, self._tell, self._control = planted, tell, control
        self._lines = 0
        self._pages: dict[str, Reply] = {}  # by path: the last list in which there was something

    @asynccontextmanager
    async def open(self) -> AsyncIterator[None]:
        server = await asyncio.start_server(self._serve, HOST, self.plan.port, ssl=self.plan.tls)
        try:
            yield
        finally:
            server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._lines += 1
        try:
            while self._lines <= MOST_LINES:
                async with asyncio.timeout(IDLE_SECONDS):
                    head = await read_head(reader)
                if head is None or not await self._answer(head, reader, writer):
                    return
        except LineCutError:
            writer.transport.abort()
        except (OSError, ValueError, TimeoutError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            pass  # who goes away, or does not speak HTTP, is not answered
        finally:
            self._lines -= 1
            with suppress(OSError):
                writer.close()

    async def _answer(self, head: HttpHead, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """Answer a request; whether the next one may come on this line."""
        passage = Passage(self, head, reader, writer)
        stays = (head.get("connection") or "").lower() != "close" and head.line.endswith("HTTP/1.1")
        if self._control is not None and (head.path == CONTROL or head.path.startswith(f"{CONTROL}/")):
            data = await _whole(reader, head)
            await passage.reply(await self._control(head, data))
            return stays
        own = self._own_answer(passage)
        if own is not None:
            await passage.reply(own)
            self.told(passage, own.status, own.data)
            return stays and not request_has_body(head)
        return await passage.go() and stays

    def _own_answer(self, passage: Passage) -> Reply | None:
        """What is answered without asking the gateway."""
        head = passage.head
        if fault := self.take(passage, "busy"):
            detail = Detail("planted on the test axis")
            retry = [("Retry-After", str(fault.seconds))]
            return problem_reply(Finding("EDX626", detail=detail), head.get("accept-language"), retry)
        page = self._pages.get(head.path)
        return page if page is not None and self.take(passage, "duplicate") else None

    def take(self, passage: Passage, name: str) -> PlantedFault | None:
        """A trouble that is planted and meets this request."""
        if passage.kind not in FAULTS[name].on:
            return None
        fault = self._planted.take(self.plan.office, name)
        if fault is not None:
            passage.fault = name
        return fault

    def remember(self, path: str, reply: Reply) -> None:
        if _LETTER.search(reply.data):
            self._pages[path] = reply

    def told(self, passage: Passage, status: int, data: bytes = b"") -> None:
        code = _CODE.search(data) if status >= 400 or _FAILED.search(data) else None
        path = re.sub(r"([0-9a-f]{12})[0-9a-f]{20,}", r"\1…", passage.head.path)
        self._tell(
            SeenCall(
                self.plan.office, passage.head.method, path, status, code[0].decode() if code else "", passage.fault
            )
        )


class Passage:
    """One request on its way to the gateway, and the answer on its way back."""

    def __init__(self, door: Door, head: HttpHead, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.door, self.head, self.fault = door, head, ""
        self._reader, self._writer = reader, writer
        said = f"{head.method} {head.path}"
        self.kind = next((kind for form, kind in _KINDS if form.match(said)), RequestKind.OTHER)

    async def reply(self, reply: Reply) -> None:
        self._writer.write(reply.encoded(self.head.method))
        await self._writer.drain()

    async def go(self) -> bool:
        """Through the gateway; whether the line to the client stays good."""
        plan = self.door.plan
        try:
            came, sent = await asyncio.open_connection(HOST, plan.gateway)
        except OSError as error:  # the node is away: as one feels it who dials it
            self.door.told(self, 0)
            raise LineCutError from error
        body = asyncio.create_task(self._send(sent))
        try:
            return await self._receive(came, body)
        except (OSError, asyncio.IncompleteReadError) as error:
            self.door.told(self, 0)
            raise LineCutError from error
        finally:
            body.cancel()
            with suppress(Exception, asyncio.CancelledError):
                await body
            sent.close()

    # --- to the gateway ---

    async def _send(self, sent: asyncio.StreamWriter) -> None:
        try:
            await self._send_all(sent)
        except BaseException:
            sent.transport.abort()  # half a body is not to be taken for a whole one
            raise

    async def _send_all(self, sent: asyncio.StreamWriter) -> None:
        sent.write(self._given().encoded())
        await sent.drain()
        if not request_has_body(self.head):
            return
        cut = self.door.take(self, "cut-upload")
        damaged = None if cut else self.door.take(self, "damaged-upload")
        chunked = self.head.chunked
        spoil = damage.Spoiler(self.head.length, cuts=cut is not None, damages=damaged is not None)
        async for piece in read_body(self._reader, self.head):
            sent.write(framed(spoil(piece), chunked=chunked))
            await sent.drain()
            if spoil.over:
                sent.transport.abort()
                return
        sent.write(body_end(chunked=chunked))
        await sent.drain()

    def _given(self) -> HttpHead:
        """The head as the gateway gets it."""
        plan, head = self.door.plan, replace(self.head, fields=list(self.head.fields))
        head.drop("connection", "keep-alive", "client-cert", "client-cert-chain")
        head.put("Connection", "close")
        tls = self._writer.get_extra_info("ssl_object")
        certificate = tls.getpeercert(binary_form=True) if tls else None
        bearer = (head.get("authorization") or "").lower().startswith("bearer ")
        if certificate and self.door.take(self, "revoked-certificate"):
            certificate = plan.revoked
            head.drop("authorization")
        elif bearer and self.door.take(self, "expired-token"):
            head.put("Authorization", f"Bearer {plan.expired_token}")
        if certificate:
            head.put("Client-Cert", f":{base64.b64encode(certificate).decode()}:")
        return head

    # --- from the gateway ---

    async def _receive(self, came: asyncio.StreamReader, body: asyncio.Task[None]) -> bool:
        while (answer := await read_head(came)) is not None and answer.status < 200:
            self._writer.write(answer.encoded())
            await self._writer.drain()
        if answer is None:
            raise asyncio.IncompleteReadError(b"", None)
        whole = body.done()  # else the gateway has heard enough, and the rest of the body is nobody's
        if self.door.take(self, "lost-answer"):
            async for _ in self._data(came, answer):
                pass
            self.door.told(self, 0)
            raise LineCutError
        if fault := self.door.take(self, "slow"):
            await asyncio.sleep(fault.seconds)
        if self._is_kept(answer):
            await self._change(came, answer)
        else:
            await self._pass(came, answer)
        return whole and (answer.chunked or answer.length is not None or not answer_has_body(answer, self.head.method))

    def _is_kept(self, answer: HttpHead) -> bool:
        """Whether the answer is wanted whole before any of it goes on."""
        if self.kind is RequestKind.LIST:
            return answer.status == 200 and (answer.length or 0) <= MOST_KEPT
        return (
            self.kind is RequestKind.FETCH
            and answer.status == 200
            and (answer.length or MOST_KEPT + 1) <= MOST_KEPT
            and self.door.take(self, "broken-signature") is not None
        )

    async def _change(self, came: asyncio.StreamReader, answer: HttpHead) -> None:
        data = b"".join([piece async for piece in self._data(came, answer)])
        answer.drop("connection", "transfer-encoding")
        reply = Reply(answer.status, data, answer.fields)
        if self.kind is RequestKind.LIST:
            self.door.remember(self.head.path, reply)
        else:
            reply = damage.with_another_subject(reply)
        await self.reply(reply)
        self.door.told(self, reply.status, reply.data[:OBSERVED])

    async def _pass(self, came: asyncio.StreamReader, answer: HttpHead) -> None:
        answer.drop("connection")
        good = answer.status in (200, 206)
        cut = good and self.door.take(self, "cut-fetch")
        damaged = good and not cut and self.door.take(self, "damaged-fetch")
        spoil = damage.Spoiler(answer.length, cuts=bool(cut), damages=bool(damaged))
        self._writer.write(answer.encoded())
        seen = b""
        async for piece in self._data(came, answer):
            seen += piece[: OBSERVED - len(seen)]
            self._writer.write(framed(spoil(piece), chunked=answer.chunked))
            await self._writer.drain()
            if spoil.over:
                self.door.told(self, 0)
                raise LineCutError
        if answer_has_body(answer, self.head.method):
            self._writer.write(body_end(chunked=answer.chunked))
        await self._writer.drain()
        self.door.told(self, answer.status, seen)

    async def _data(self, came: asyncio.StreamReader, answer: HttpHead) -> AsyncIterator[bytes]:
        if answer_has_body(answer, self.head.method):
            async for piece in read_body(came, answer):
                yield piece


async def _whole(reader: asyncio.StreamReader, head: HttpHead) -> bytes:
    data = b""
    if request_has_body(head):
        async for piece in read_body(reader, head):
            data += piece
            if len(data) > MOST_CONTROL:
                raise ValueError("a request to the test axis is short")
    return data
