"""The client for programs without asyncio."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
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


class Client:
    """An office at its node's gateway.

    ``token`` is a bearer token; ``certificate`` the files of a client certificate and its key, in its place or beside
    it. ``authorities`` is a file with those who issued the gateway's certificate, where the machine does not know them.
    ``language`` ("vi", "en") is that of problems. Raises :class:`ProblemError` for what is refused, and httpx's errors
    for a gateway that stays away.
    """

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
        self._http = httpx.Client(**http_options(HttpSettings(url, token, certificate, authorities, language)))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self._http.close()

    def submit(self, envelope: bytes | Path) -> SubmissionShape:
        """Hand an envelope in: its bytes, or the path of a file, of which never the whole is in memory. ``repeated`` in
        the answer: it was accepted before, and ``states`` say how it stands. A large one goes on where it broke off."""
        return self._run(self._flows.submit(envelope))

    def write(
        self, kind: LetterKind, draft: Mapping[str, Any], files: Sequence[Path] = ()
    ) -> WrittenLettersShape:
        """Have the node write a message of this kind from a draft (docs/guide-office.md), and send it."""
        return self._run(self._flows.write(kind, draft, files))

    def sent(self, cursor: str = "", *, limit: int = 100) -> SentPageShape:
        """A page of what the office sent, the newest first, with the state of each recipient."""
        return self._run(self._flows.sent(cursor, limit))

    def inbox(self, cursor: str = "", *, limit: int = 100, wait: int = 0) -> InboxPageShape:
        """A page of what lies ready; with a cursor, of what came since. ``wait``: seconds, while there is nothing."""
        return self._run(self._flows.inbox(cursor, limit, wait))

    def letters(self, cursor: str = "", *, wait: int = WAIT, forever: bool = True) -> Iterator[LetterShape]:
        """What lies ready, and then what comes, at the moment it is there. Not ``forever``: until there is no more.

        Without a cursor it begins with all that was not confirmed, so that nothing is missed after a crash.
        """
        while True:
            page = self.inbox(cursor, wait=wait if forever else 0)
            yield from page["letters"]
            cursor = page["cursor"]
            if not (forever or page["more"]):
                return

    def event_page(self, cursor: str = "", *, limit: int = 100, wait: int = 0) -> EventPageShape:
        """A page of what became of the office's mail since the cursor of another; without one it begins now."""
        return self._run(self._flows.events(cursor, limit, wait))

    def events(self, cursor: str = "", *, wait: int = WAIT, forever: bool = True) -> Iterator[OfficeEventShape]:
        """What becomes of the office's mail, from now on, or since the cursor of an event."""
        while True:
            page = self.event_page(cursor, wait=wait if forever else 0)
            yield from page["events"]
            cursor = page["cursor"]
            if not (forever or page["more"]):
                return

    def fetch(self, letter: str, folder: Path) -> Path:
        """Fetch a letter into a folder; the file is there once it is whole and is what its name says. A download that
        broke off goes on where it ended, also in a later process."""
        return self._run(self._flows.fetch(letter, folder))

    def content(self, letter: str) -> LetterContentShape:
        """What a letter says, for those who do not parse edXML."""
        return self._run(self._flows.content(letter))

    def confirm(self, letter: str) -> ConfirmationShape:
        """The office has taken the letter over."""
        return self._run(self._flows.confirm(letter))

    def confirm_all(self, letters: Sequence[str]) -> ConfirmationsShape:
        """Several with one commit (500 at most); what is wrong with one stands in its answer."""
        return self._run(self._flows.confirm_all(letters))

    def send_back(self, letter: str, reason: str) -> ConfirmationShape:
        """Return a letter to its sender."""
        return self._run(self._flows.send_back(letter, reason))

    def agencies(self, words: str = "", *, under: str = "", limit: int = 50) -> AgencyPageShape:
        """Agencies by words of their name or code, with or without diacritics."""
        return self._run(self._flows.agencies(words, under, limit))

    def agency(self, code: str) -> AgencyShape:
        """The agency that a code means, in whatever form it is written."""
        return self._run(self._flows.agency(code))

    def _run(self, flow: Flow[T]) -> T:
        step = next(flow)
        while True:
            try:
                if isinstance(step, Pause):
                    time.sleep(step.seconds)
                    step = next(flow)
                else:
                    step = flow.send(self._call(step))
            except StopIteration as ended:
                return cast("T", ended.value)

    def _call(self, call: GatewayCall) -> GatewayAnswer:
        with ExitStack() as opened:
            try:
                answer = opened.enter_context(
                    self._http.stream(
                        call.method,
                        call.path,
                        content=calls.pieces(call.content, call.offset) if call.content is not None else None,
                        **request_options(call, opened, self._http.timeout),
                    )
                )
                if call.into is None or not answer.is_success:
                    return GatewayAnswer(answer.status_code, answer.headers, answer.read())
                call.into.begin(answer.status_code)
                for piece in answer.iter_bytes(calls.PIECE):
                    call.into.write(piece)
                return GatewayAnswer(answer.status_code, answer.headers)
            except httpx.TransportError as error:
                return GatewayAnswer(0, error=error)
