"""The kit as an office at a node's HTTP gateway, by :mod:`edxml_router.client`.

Raises Setback EDX435 where no gateway answers, and the gateway's problems as Refusal or Setback.
"""

from __future__ import annotations

import ssl
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final, TypeVar, cast

import httpx

from edxml_router.client import Client, ProblemError
from edxml_router.conformance.lines.line import HandedIn, LineNews, MailEvent, RefusedInput, WaitingMail, trouble_of
from edxml_router.core.problems import PROBLEMS, Refusal, Setback
from edxml_router.core.wording import in_words
from edxml_router.shapes.problem import ProblemShape

T = TypeVar("T")

_PAGE: Final = 100
_TRIES: Final = 3  # of one call; a run that is under way looks again by itself
_RECEIVED, _SENT, _READY = "received", "sent", "available"


class GatewayLine:
    """See :class:`edxml_router.conformance.lines.line.CounterpartLine`."""

    def __init__(self, url: str, client: Client) -> None:
        self._url, self._client = url, client
        self._events, self._inbox = "", ""

    def begin(self) -> None:
        with self._answered():
            self._events = self._client.event_page()["cursor"]
            more = True
            while more:
                page = self._client.inbox(self._inbox, limit=500)
                self._inbox, more = page["cursor"], page["more"]

    def canonical(self, code: str) -> str:
        with self._answered():
            return self._client.agency(code)["code"]

    def submit(self, data: bytes) -> HandedIn:
        try:
            with self._answered():
                answer = self._client.submit(data)
        except Refusal as refusal:
            known = cast("ProblemError", refusal.__cause__).document
            return HandedIn(accepted=False, problem=_problem(known))
        return HandedIn(answer["accepted"], answer["repeated"])

    def follow(self, seconds: int) -> LineNews:
        with self._answered():
            page = self._client.event_page(self._events, limit=_PAGE, wait=seconds)
            self._events = page["cursor"]
            events = [
                MailEvent(_moment(one["at"]), one["digest"], one["recipient"], one["after"], one["detail"])
                for one in page["events"]
                if one["side"] == _SENT and one["after"]
            ]
            come = any(one["side"] == _RECEIVED and one["after"] == _READY for one in page["events"])
            return LineNews(events, list(self._mail()) if come else [])

    def _mail(self) -> Iterator[WaitingMail]:
        more = True
        while more:
            page = self._client.inbox(self._inbox, limit=_PAGE)
            for one in page["letters"]:
                envelope = one["envelope"]
                yield WaitingMail(
                    one["letter"],
                    envelope["digest"],
                    envelope["sender"],
                    _moment(envelope["accepted_at"]),
                    envelope["signature"]["indication"],
                    envelope["signature"]["reason"],
                    [remark["code"] for remark in envelope["remarks"]],
                )
            self._inbox, more = page["cursor"], page["more"]

    def fetch(self, letter: str) -> bytes:
        with self._answered(), TemporaryDirectory(prefix="edxml-router-") as room:
            return self._client.fetch(letter, Path(room)).read_bytes()

    def confirm(self, letter: str) -> None:
        with self._answered():
            self._client.confirm(letter)

    def send_back(self, letter: str, reason: str) -> None:
        with self._answered():
            self._client.send_back(letter, reason)

    def fetched_at(self, digest: str) -> datetime | None:  # noqa: ARG002  # a sender is not told of it
        return None

    def refused(self) -> Sequence[RefusedInput] | None:
        return None  # what a node refuses is between it and its office

    @contextmanager
    def _answered(self) -> Iterator[None]:
        """What the client raises, as what stops a command."""
        try:
            yield
        except ProblemError as error:
            if error.code not in PROBLEMS:
                raise Setback("EDX435", where=self._url, detail=str(error)) from error
            raise trouble_of(_problem(error.document)) from error
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise Setback("EDX435", where=self._url, detail=in_words(error)) from error


def open_client(
    url: str, token: Path | None, certificate: tuple[Path, Path] | None, authorities: Path | None
) -> Client:
    """A client with these credentials. Raises Refusal EDX902 for files that cannot be used, EDX435 for no address."""

    def read(path: Path, use: Callable[[], T]) -> T:
        try:
            return use()
        except (OSError, ValueError, ssl.SSLError) as error:
            raise Refusal("EDX902", where=str(path), detail=in_words(error)) from error

    text = read(token, lambda: token.read_text("ascii").strip()) if token is not None else None
    shown = certificate[0] if certificate else authorities or Path()
    # English: reports have both languages, and the answers have the Vietnamese texts beside it in any case.
    return read(
        shown,
        lambda: Client(url, token=text, certificate=certificate, authorities=authorities, language="en", tries=_TRIES),
    )


def _problem(document: Any) -> ProblemShape:
    """Only the members of a problem, of an answer that may have others beside them."""
    return cast("ProblemShape", {name: document.get(name, "") for name in ProblemShape.__annotations__})


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text)
