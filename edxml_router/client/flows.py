"""Everything a client does, step by step and without a network: which calls are made, and what follows from answers.

    flow = OfficeFlows(tries=6).submit(Path("letter.edxml"))     # yields calls and pauses, returns the answer

Passing trouble is waited out for a number of tries: nothing here does harm when it is repeated. What is refused is
raised as :class:`ProblemError`, a line that stays broken as httpx's error.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal

from edxml_router.client.calls import Flow, GatewayAnswer, GatewayCall, Pause, is_passing, pause, quoted
from edxml_router.client.problem import ProblemError
from edxml_router.client.transfers import Download, EnvelopeUpload

if TYPE_CHECKING:
    from edxml_router.shapes.agency import AgencyShape
    from edxml_router.shapes.delivery import ConfirmationShape
    from edxml_router.shapes.gateway.answers import AgencyPageShape, ConfirmationsShape, EventPageShape, InboxPageShape
    from edxml_router.shapes.gateway.content import LetterContentShape
    from edxml_router.shapes.letter import SentPageShape, WrittenLettersShape
    from edxml_router.shapes.verdict import SubmissionShape

LetterKind = Literal["letter", "recall", "update", "replacement", "status"]

WAIT: Final = 30  # seconds that an answer may be held back while there is nothing
RESUMABLE_BYTES: Final = 8 * 1024 * 1024  # what is smaller is sent again sooner than its offset is asked for
PROGRESS_BYTES: Final = 1024 * 1024  # an attempt that brought so much does not count as one that failed
VIETNAM: Final = timezone(timedelta(hours=7))
_DAMAGED: Final = "EDX419"  # on its way: we have measured it
_GONE: Final = (404, 410)
_ALL_HERE: Final = 416  # RFC 9110, section 15.5.17: nothing is behind what we have
_ELSEWHERE: Final = 409
_DRAFTS: Final = {
    "letter": "/v1/letters",
    "recall": "/v1/recalls",
    "update": "/v1/updates",
    "replacement": "/v1/replacements",
    "status": "/v1/statuses",
}


@dataclass(frozen=True, slots=True)
class OfficeFlows:
    """The calls of an office, each a flow; see :class:`edxml_router.client.Client` for what they mean."""

    tries: int

    def submit(self, envelope: bytes | Path) -> Flow[SubmissionShape]:
        upload = EnvelopeUpload.of(envelope)
        if upload.size >= RESUMABLE_BYTES:
            return (yield from self._in_parts(upload))
        told: SubmissionShape = yield from self._told(upload.whole())
        return told

    def write(self, kind: LetterKind, draft: Mapping[str, Any], files: Sequence[Path]) -> Flow[WrittenLettersShape]:
        return self._told(GatewayCall("POST", _DRAFTS[kind], json=dated(kind, draft), files=files))

    def sent(self, cursor: str, limit: int) -> Flow[SentPageShape]:
        return self._told(GatewayCall("GET", "/v1/sent", {"cursor": cursor, "limit": limit}))

    def inbox(self, cursor: str, limit: int, wait: int) -> Flow[InboxPageShape]:
        return self._told(GatewayCall("GET", "/v1/inbox", {"cursor": cursor, "limit": limit, "wait": wait}, wait=wait))

    def events(self, cursor: str, limit: int, wait: int) -> Flow[EventPageShape]:
        return self._told(GatewayCall("GET", "/v1/events", {"cursor": cursor, "limit": limit, "wait": wait}, wait=wait))

    def fetch(self, letter: str, folder: Path) -> Flow[Path]:
        folder.mkdir(parents=True, exist_ok=True)
        download = Download(letter, folder)
        yield from self._tried(download.call, good=_ALL_HERE)
        return download.finish()

    def content(self, letter: str) -> Flow[LetterContentShape]:
        return self._told(GatewayCall("GET", f"/v1/inbox/{quoted(letter)}/content"))

    def confirm(self, letter: str) -> Flow[ConfirmationShape]:
        return self._told(GatewayCall("POST", f"/v1/inbox/{quoted(letter)}/confirm"))

    def confirm_all(self, letters: Sequence[str]) -> Flow[ConfirmationsShape]:
        return self._told(GatewayCall("POST", "/v1/inbox/confirm", json={"letters": list(letters)}))

    def send_back(self, letter: str, reason: str) -> Flow[ConfirmationShape]:
        return self._told(GatewayCall("POST", f"/v1/inbox/{quoted(letter)}/return", json={"reason": reason}))

    def agencies(self, words: str, under: str, limit: int) -> Flow[AgencyPageShape]:
        return self._told(GatewayCall("GET", "/v1/agencies", {"q": words, "under": under, "limit": limit}))

    def agency(self, code: str) -> Flow[AgencyShape]:
        return self._told(GatewayCall("GET", f"/v1/agencies/{quoted(code)}"))

    # --- how ---

    def _told(self, call: GatewayCall) -> Flow[Any]:
        """The JSON of the answer."""
        return (yield from self._tried(lambda: call)).told()

    def _tried(self, call: Callable[[], GatewayCall], good: int = 200) -> Flow[GatewayAnswer]:
        attempt = 1
        while True:
            answer = yield call()
            trouble = answer.trouble
            if trouble is None or answer.status == good:
                return answer
            if attempt >= self.tries or not may_be_repeated(trouble):
                raise trouble
            yield Pause(pause(attempt, trouble))
            attempt += 1

    def _in_parts(self, upload: EnvelopeUpload) -> Flow[SubmissionShape]:
        """A large envelope goes on where it broke off. What counts against the tries is an attempt that brought next
        to nothing, so that a bad line does not defeat a large letter, and a dead one is given up."""
        place, failed, reached, offset = "", 0, 0, 0
        while True:
            if not place:
                place, offset = (yield from self._tried(upload.begin)).headers["location"], 0
            answer = yield upload.rest(place, offset)
            trouble = answer.trouble
            if trouble is None:
                told: SubmissionShape = answer.told()
                return told
            at = answer.headers.get("upload-offset") if answer.status == _ELSEWHERE else None
            gone = answer.status in _GONE or damaged(trouble)
            if at is None and not gone and not is_passing(trouble):
                raise trouble
            failed += 1
            if failed >= self.tries:
                raise trouble
            yield Pause(pause(failed, trouble))
            found = None if gone else at or (yield from self._offset(place))
            if found is None:
                place = ""  # it is not there any more, or cannot become right: from the beginning
                continue
            offset = min(int(found), upload.size)
            if offset >= reached + PROGRESS_BYTES:
                failed, reached = 0, offset

    def _offset(self, place: str) -> Flow[str | None]:
        """How far an upload is; none where it is not there."""
        try:
            answer = yield from self._tried(lambda: GatewayCall("HEAD", place))
        except ProblemError as problem:
            if problem.status in _GONE:
                return None
            raise
        return answer.headers.get("upload-offset")


def dated(kind: str, draft: Mapping[str, Any]) -> dict[str, Any]:
    """A new letter gets its day and a status its moment here, so that a draft which is sent again is known as the
    same."""
    now = datetime.now(VIETNAM)
    day = {"letter": {"date": now.date().isoformat()}, "status": {"at": now.isoformat(timespec="seconds")}}
    return {**day.get(kind, {}), **draft}


def damaged(trouble: Exception) -> bool:
    return isinstance(trouble, ProblemError) and trouble.code == _DAMAGED


def may_be_repeated(trouble: Exception) -> bool:
    return is_passing(trouble) or damaged(trouble)
