"""The client for programs with asyncio; the same as :mod:`edxml_router.client.synchronous`, as coroutines."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self, cast

import httpx

from edxml_router.client import calls
from edxml_router.client.calls import TRIES, Flow, GatewayAnswer, GatewayCall, Pause, T
from edxml_router.client.flows import WAIT, LetterKind, OfficeFlows
from edxml_router.client.settings import HttpSettings, http_options, request_options

if TYPE_CHECKING:
    from edxml_router.shapes.agency import AgencyShape
    from edxml_router.shapes.delivery import ConfirmationShape, LetterShape
    from edxml_router.shapes.gateway.answers import (
        AgencyPageShape,
        ConfirmationsShape,
        EventPageShape,
        InboxPageShape,
        OfficeEventShape,
    )
    from edxml_router.shapes.gateway.content import LetterContentShape
    from edxml_router.shapes.letter import SentPageShape, WrittenLettersShape
    from edxml_router.shapes.verdict import SubmissionShape


class AsyncClient:
    """See :class:`edxml_router.client.Client`."""

    def __init__(
        self,
        url: str,
        *,
        token: str | None = None,
        certificate: tuple[Path, Path] | None = None,
        authorities: Path | None = None,
        language: str = "vi",
        tries: int = TRIES,
    ) -> None:
        self._flows = OfficeFlows(tries)
        self._http = httpx.AsyncClient(**http_options(HttpSettings(url, token, certificate, authorities, language)))

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        await self._http.aclose()

    async def submit(self, envelope: bytes | Path) -> SubmissionShape:
        """Hand an envelope in."""
        return await self._run(self._flows.submit(envelope))

    async def write(
        self, kind: LetterKind, draft: Mapping[str, Any], files: Sequence[Path] = ()
    ) -> WrittenLettersShape:
        """Have the node write a message of this kind from a draft (docs/guide-office.md), and send it."""
        return await self._run(self._flows.write(kind, draft, files))

    async def sent(self, cursor: str = "", *, limit: int = 100) -> SentPageShape:
        """A page of what the office sent, the newest first, with the state of each recipient."""
        return await self._run(self._flows.sent(cursor, limit))

    async def inbox(self, cursor: str = "", *, limit: int = 100, wait: int = 0) -> InboxPageShape:
        """A page of what lies ready; with a cursor, of what came since. ``wait``: seconds, while there is nothing."""
        return await self._run(self._flows.inbox(cursor, limit, wait))

    async def letters(self, cursor: str = "", *, wait: int = WAIT, forever: bool = True) -> AsyncIterator[LetterShape]:
        """What lies ready, and then what comes."""
        while True:
            page = await self.inbox(cursor, wait=wait if forever else 0)
            for letter in page["letters"]:
                yield letter
            cursor = page["cursor"]
            if not (forever or page["more"]):
                return

    async def event_page(self, cursor: str = "", *, limit: int = 100, wait: int = 0) -> EventPageShape:
        """A page of what became of the office's mail since the cursor of another; without one it begins now."""
        return await self._run(self._flows.events(cursor, limit, wait))

    async def events(
        self, cursor: str = "", *, wait: int = WAIT, forever: bool = True
    ) -> AsyncIterator[OfficeEventShape]:
        """What becomes of the office's mail, from now on, or since the cursor of an event."""
        while True:
            page = await self.event_page(cursor, wait=wait if forever else 0)
            for event in page["events"]:
                yield event
            cursor = page["cursor"]
            if not (forever or page["more"]):
                return

    async def fetch(self, letter: str, folder: Path) -> Path:
        """Fetch a letter into a folder."""
        return await self._run(self._flows.fetch(letter, folder))

    async def content(self, letter: str) -> LetterContentShape:
        """What a letter says, for those who do not parse edXML."""
        return await self._run(self._flows.content(letter))

    async def confirm(self, letter: str) -> ConfirmationShape:
        """The office has taken the letter over."""
        return await self._run(self._flows.confirm(letter))

    async def confirm_all(self, letters: Sequence[str]) -> ConfirmationsShape:
        """Several with one commit (500 at most); what is wrong with one stands in its answer."""
        return await self._run(self._flows.confirm_all(letters))

    async def send_back(self, letter: str, reason: str) -> ConfirmationShape:
        """Return a letter to its sender."""
        return await self._run(self._flows.send_back(letter, reason))

    async def agencies(self, words: str = "", *, under: str = "", limit: int = 50) -> AgencyPageShape:
        """Agencies by words of their name or code, with or without diacritics."""
        return await self._run(self._flows.agencies(words, under, limit))

    async def agency(self, code: str) -> AgencyShape:
        """The agency that a code means."""
        return await self._run(self._flows.agency(code))

    async def _run(self, flow: Flow[T]) -> T:
        step = next(flow)
        while True:
            try:
                if isinstance(step, Pause):
                    await asyncio.sleep(step.seconds)
                    step = next(flow)
                else:
                    step = flow.send(await self._call(step))
            except StopIteration as ended:
                return cast("T", ended.value)

    async def _call(self, call: GatewayCall) -> GatewayAnswer:
        async with AsyncExitStack() as opened:
            try:
                answer = await opened.enter_async_context(
                    self._http.stream(
                        call.method,
                        call.path,
                        content=_pieces(call.content, call.offset) if call.content is not None else None,
                        **request_options(call, opened.enter_context(ExitStack()), self._http.timeout),
                    )
                )
                if call.into is None or not answer.is_success:
                    return GatewayAnswer(answer.status_code, answer.headers, await answer.aread())
                call.into.begin(answer.status_code)
                async for piece in answer.aiter_bytes(calls.PIECE):
                    call.into.write(piece)
                return GatewayAnswer(answer.status_code, answer.headers)
            except httpx.TransportError as error:
                return GatewayAnswer(0, error=error)


async def _pieces(content: bytes | Path, offset: int) -> AsyncIterator[bytes]:
    """A file is read in a thread: a slow disk must not hold up the others."""
    pieces = calls.pieces(content, offset)
    while (piece := await asyncio.to_thread(next, pieces, None)) is not None:
        yield piece
