"""What the HTTP gateway tells of itself, of the tokens by which it is called, and of its calls to offices' systems."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Literal, Protocol, TypedDict

from edxml_router.core.delivery.journal import Entry
from edxml_router.core.delivery.webhook import Hook, WebhookSubject
from edxml_router.core.link.manifest import instant
from edxml_router.core.problems import Finding
from edxml_router.shapes.agency import AgencyShape
from edxml_router.shapes.delivery import ConfirmationShape, LetterShape
from edxml_router.shapes.form import Digest, Instant
from edxml_router.shapes.node import instant_or_none
from edxml_router.shapes.notice import NoticeShape
from edxml_router.shapes.problem import ProblemShape, kept_problem, problem_or_none


class ReadyShape(TypedDict):
    """Whether the gateway lives, and whether it could accept an envelope now."""

    ready: bool | None


class InboxPageShape(TypedDict):
    """Letters in an office's inbox; ``cursor`` begins the next page."""

    letters: list[LetterShape]
    cursor: str
    more: bool


class ConfirmationsShape(TypedDict):
    """What became of an office's word on several letters."""

    letters: list[ConfirmationShape]


class OfficeEventShape(TypedDict):
    """What became of a letter that the office sent, or has in its inbox."""

    cursor: str
    at: Instant
    event: str
    side: Literal["sent", "received"]
    digest: Digest
    document_id: str | None
    recipient: str
    before: str | None
    after: str | None
    problem: ProblemShape | None
    detail: str


class EventPageShape(TypedDict):
    """Events of an office's mail; ``cursor`` begins the next page."""

    events: list[OfficeEventShape]
    cursor: str
    more: bool


class AgencyPageShape(TypedDict):
    """Agencies that were found."""

    agencies: list[AgencyShape]
    more: bool


class AgencyChangesShape(TypedDict):
    """Agencies of which something has changed; ``cursor`` begins the next page, and the next time."""

    agencies: list[AgencyShape]
    cursor: str
    more: bool
    whole: bool
    registry: str


class NoticePageShape(TypedDict):
    """Notices to an office that it has not cleared; ``cursor`` is given back to clear them."""

    notices: list[NoticeShape]
    cursor: str
    more: bool


class ClearedShape(TypedDict):
    """How many notices were cleared."""

    cleared: int


class TokenShape(TypedDict):
    """A bearer token, without its secret."""

    prefix: str
    office: str
    scopes: list[str]
    note: str
    issued_at: Instant
    expires_at: Instant | None
    revoked_at: Instant | None


class IssuedTokenShape(TokenShape):
    """A new token, with its text, which is told this once."""

    token: str


class TokenFacts(Protocol):
    """What is kept of a token."""

    @property
    def prefix(self) -> str: ...
    @property
    def office(self) -> str: ...
    @property
    def scopes(self) -> Sequence[str]: ...
    @property
    def note(self) -> str: ...
    @property
    def issued_at(self) -> datetime: ...
    @property
    def expires_at(self) -> datetime | None: ...
    @property
    def revoked_at(self) -> datetime | None: ...


def token_shape(one: TokenFacts) -> TokenShape:
    return {
        "prefix": one.prefix,
        "office": one.office,
        "scopes": list(one.scopes),
        "note": one.note,
        "issued_at": instant(one.issued_at),
        "expires_at": instant_or_none(one.expires_at),
        "revoked_at": instant_or_none(one.revoked_at),
    }


class WebhookShape(TypedDict):
    """How the calls to one office about one subject stand."""

    office: str
    subject: WebhookSubject
    url: str
    waiting: int
    attempts: int
    due_at: Instant | None
    ended: bool
    problem: ProblemShape | None


def webhook_shape(hook: Hook) -> WebhookShape:
    return {
        "office": hook.office,
        "subject": hook.subject,
        "url": hook.url,
        "waiting": hook.told.count,
        "attempts": hook.attempts,
        "due_at": instant_or_none(hook.due_at),
        "ended": hook.ended,
        "problem": problem_or_none(Finding(hook.code, hook.url, hook.detail) if hook.code else None),
    }


def office_event_shape(cursor: str, entry: Entry, document_id: str | None, *, sent: bool) -> OfficeEventShape:
    """Who did it is not told: an operator's name, or a neighbour's, is no office's business."""
    return {
        "cursor": cursor,
        "at": instant(entry.at),
        "event": entry.event,
        "side": "sent" if sent else "received",
        "digest": entry.envelope,
        "document_id": document_id,
        "recipient": entry.recipient,
        "before": entry.before or None,
        "after": entry.after or None,
        "problem": kept_problem(entry.code, "", entry.detail),
        "detail": entry.detail,
    }
