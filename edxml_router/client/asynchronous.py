"""The client for programs with asyncio; the same as :mod:`edxml_router.client.synchronous`, as coroutines."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self, cast

import httpx

from edxml_router.client import calls
from edxml_router.client.calls import TRIES, WAIT, Download, GatewayCall
from edxml_router.client.problem import ProblemError
from edxml_router.client.settings import HttpSettings, http_options

if TYPE_CHECKING:
    from edxml_router.client.synchronous import LetterKind
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
        self._tries = tries
        self._http = httpx.AsyncClient(**http_options(HttpSettings(url, token, certificate, authorities, language)))

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        await self._http.aclose()

    async def submit(self, envelope: bytes | Path) -> SubmissionShape:
        """Hand an envelope in."""
        return cast("SubmissionShape", await self._json(calls.submit(envelope)))

    async def write(
        self, kind: LetterKind, draft: Mapping[str, Any], files: Sequence[Path] = ()
    ) -> WrittenLettersShape:
        """Have the node write a message of this kind from a draft (docs/guide-office.md), and send it."""
        return cast("WrittenLettersShape", await self._json(calls.write(kind, draft, files)))

    async def sent(self, cursor: str = "", *, limit: int = 100) -> SentPageShape:
        """A page of what the office sent, the newest first, with the state of each recipient."""
        return cast("SentPageShape", await self._json(calls.sent(cursor, limit)))

    async def inbox(self, cursor: str = "", *, limit: int = 100, wait: int = 0) -> InboxPageShape:
        """A page of what lies ready; with a cursor, of what came since. ``wait``: seconds, while there is nothing."""
        return cast("InboxPageShape", await self._json(calls.inbox(cursor, limit, wait)))

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
        return cast("EventPageShape", await self._json(calls.events(cursor, limit, wait)))

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
        folder.mkdir(parents=True, exist_ok=True)
        download = Download(letter, folder)
        await self._trying(lambda: self._stream(download))
        return download.finish()

    async def content(self, letter: str) -> LetterContentShape:
        """What a letter says, for those who do not parse edXML."""
        return cast("LetterContentShape", await self._json(calls.content(letter)))

    async def confirm(self, letter: str) -> ConfirmationShape:
        """The office has taken the letter over."""
        return cast("ConfirmationShape", await self._json(calls.confirm(letter)))

    async def confirm_all(self, letters: Sequence[str]) -> ConfirmationsShape:
        """Several with one commit (500 at most); what is wrong with one stands in its answer."""
        return cast("ConfirmationsShape", await self._json(calls.confirm_all(letters)))

    async def send_back(self, letter: str, reason: str) -> ConfirmationShape:
        """Return a letter to its sender."""
        return cast("ConfirmationShape", await self._json(calls.send_back(letter, reason)))

    async def agencies(self, words: str = "", *, under: str = "", limit: int = 50) -> AgencyPageShape:
        """Agencies by words of their name or code, with or without diacritics."""
        return cast("AgencyPageShape", await self._json(calls.agencies(words, under, limit)))

    async def agency(self, code: str) -> AgencyShape:
        """The agency that a code means."""
        return cast("AgencyShape", await self._json(calls.agency(code)))

    async def _json(self, call: GatewayCall) -> Any:
        return await self._trying(lambda: self._once(call))

    async def _trying(self, once: Callable[[], Awaitable[Any]]) -> Any:
        """Until it is done, or ``tries`` are used up: nothing here does harm when it is repeated."""
        for attempt in range(1, self._tries + 1):
            problem: ProblemError | None = None
            try:
                return await once()
            except ProblemError as error:
                problem = error
                if not error.passing or attempt == self._tries:
                    raise
            except httpx.TransportError:
                if attempt == self._tries:
                    raise
            await asyncio.sleep(calls.pause(attempt, problem))
        raise AssertionError("tries is at least one")

    async def _once(self, call: GatewayCall) -> Any:
        content = _pieces(call.content) if call.content is not None else None
        with ExitStack() as opened:
            parts = calls.form(call, opened)
            answer = await self._http.request(
                call.method,
                call.path,
                params=dict(call.params),
                headers=call.headers,
                content=content,
                json=None if parts else call.json,
                files=parts,
                timeout=httpx.Timeout(self._http.timeout.connect, read=(self._http.timeout.read or 0) + call.wait),
            )
        if answer.is_success:
            return answer.json()
        raise ProblemError.of(answer.status_code, answer.content, answer.headers.get("retry-after"))

    async def _stream(self, download: Download) -> None:
        headers: Mapping[str, str] = download.headers()
        async with self._http.stream("GET", download.call_path, headers=headers) as answer:
            if answer.status_code == httpx.codes.REQUESTED_RANGE_NOT_SATISFIABLE:
                return  # all of it is here
            if not answer.is_success:
                raise ProblemError.of(answer.status_code, await answer.aread(), answer.headers.get("retry-after"))
            download.begin(answer.status_code)
            async for piece in answer.aiter_bytes(calls.PIECE):
                download.write(piece)


async def _pieces(envelope: bytes | Path) -> AsyncIterator[bytes]:
    """A file is read in a thread: a slow disk must not hold up the others."""
    pieces = calls.pieces(envelope)
    while (piece := await asyncio.to_thread(next, pieces, None)) is not None:
        yield piece
