"""Webhooks: an office's system is called when something has come for it, in place of asking again and again.

    hook = looked(hook, waiting, now)               # due, if more lies ready than was told
    hook = claimed(hook, waiting, until)
    body = payload(hook, now)
    headers = signed(hook, body, key, now)          # Standard Webhooks 1.0.0, v1a (Ed25519)
    hook = answered(hook, finding, gone, now)

A call is thin: it says that there is mail, and the office fetches it as always. So a call that is repeated, lost or
forged delivers nothing, and one row for each office and subject is all that has to be kept, however much comes while
its system is away.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from edxml_router.core.problems import Finding

if TYPE_CHECKING:  # keys are loaded elsewhere
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

# After a call that failed, the next one (Standard Webhooks 1.0.0, retries). After the last of them the office is left
# alone until something new comes for it.
PAUSES: Final[Sequence[timedelta]] = tuple(
    timedelta(seconds=seconds)
    for seconds in (5, 300, 1800, 2 * 3600, 5 * 3600, 10 * 3600, 14 * 3600, 20 * 3600, 24 * 3600)
)
_PUBLIC: Final = "whpk_"  # how Standard Webhooks writes a public key of Ed25519


class WebhookSubject(StrEnum):
    """What a call tells of."""

    MAIL = "mail.waiting"  # letters lie in the inbox
    RECEIPTS = "receipts.waiting"  # something became of letters that the office sent


@dataclass(frozen=True, slots=True)
class Waiting:
    """What lies ready for an office: how much, and a number that rises with each that comes."""

    count: int = 0
    latest: int = 0

    def has_news_since(self, told: Waiting) -> bool:
        return self.count > 0 and (self.count > told.count or self.latest > told.latest)


@dataclass(frozen=True, slots=True)
class Hook:
    """The calls to one office about one subject. ``number`` is that of the call that is under way, or was last."""

    office: str
    subject: WebhookSubject
    url: str
    told: Waiting = field(default_factory=Waiting)  # by the last call
    number: int = 0
    attempts: int = 0  # of this call, that failed
    due_at: datetime | None = None  # none: there is nothing to tell
    code: str = ""  # of the last failure
    detail: str = ""
    ended: bool = False  # the receiver wants no more calls (410), until the address is another or an operator says so

    @property
    def id(self) -> str:
        """Of the call: the same each time it is tried, so that a receiver can drop what it has had."""
        return f"{self.office}.{self.subject}.{self.number}"


def looked(hook: Hook, waiting: Waiting, now: datetime) -> Hook:
    """As it is once somebody has looked at what lies ready: what is news makes a new call, if none is due already.

    What was told shrinks with what the office has fetched, or the next letter of an old time would be no news.
    """
    told = replace(hook.told, count=min(hook.told.count, waiting.count))
    hook = replace(hook, told=told)
    if hook.ended or hook.due_at is not None or not waiting.has_news_since(told):
        return hook
    return replace(hook, number=_next(hook, now), attempts=0, due_at=now)


def claimed(hook: Hook, waiting: Waiting, until: datetime) -> Hook:
    """As it is while it is called, which tells of ``waiting``. Nobody else calls before ``until``. What comes
    meanwhile is news once the answer is there."""
    return replace(hook, told=waiting, due_at=until)


def answered(hook: Hook, problem: Finding | None, now: datetime, *, gone: bool = False) -> Hook:
    """As it is after a call. ``gone``: the receiver answered 410."""
    if problem is None:
        return replace(hook, due_at=None, attempts=0, code="", detail="")
    hook = replace(hook, attempts=hook.attempts + 1, code=problem.code, detail=problem.detail)
    if gone:
        return replace(hook, due_at=None, ended=True)
    if hook.attempts > len(PAUSES):
        return replace(hook, due_at=None)
    return replace(hook, due_at=now + PAUSES[hook.attempts - 1])


def begun_again(hook: Hook, now: datetime) -> Hook:
    """An operator wants it called, whatever was before."""
    return replace(hook, ended=False, number=_next(hook, now), attempts=0, due_at=now, code="", detail="")


def _next(hook: Hook, now: datetime) -> int:
    """Never one that was used, also after a back-up was restored: a receiver may drop what it knows."""
    return max(hook.number + 1, int(now.timestamp()))


def payload(hook: Hook, now: datetime) -> bytes:
    """The body of a call: no content, no names but the office's own."""
    told = {"office": hook.office, "waiting": hook.told.count}
    document = {"type": hook.subject, "timestamp": now.isoformat(timespec="seconds"), "data": told}
    return json.dumps(document, separators=(",", ":")).encode()


def signed(hook: Hook, body: bytes, keys: Sequence[Ed25519PrivateKey], now: datetime) -> Mapping[str, str]:
    """The three headers of a call."""
    return signed_call(hook.id, body, keys, now)


def signed_call(name: str, body: bytes, keys: Sequence[Ed25519PrivateKey], now: datetime) -> Mapping[str, str]:
    """The three headers of the call with this id; a signature by each key, so that one can be replaced while both are
    known.

    ``v1a`` is written by Standard Webhooks 1.0.0 over ``id.timestamp.body``, the time in seconds since 1970.
    """
    stamp = str(int(now.timestamp()))
    content = b".".join((name.encode(), stamp.encode(), body))
    signatures = " ".join("v1a," + base64.b64encode(key.sign(content)).decode() for key in keys)
    return {"webhook-id": name, "webhook-timestamp": stamp, "webhook-signature": signatures}


def public_text(key: Ed25519PublicKey) -> str:
    """The key as a receiver enters it: ``whpk_`` and base64."""
    return _PUBLIC + base64.b64encode(key.public_bytes_raw()).decode()
