"""Calls to the systems of offices: which are due, making them, and what an operator asks about them.

    async with opened_caller(settings) as caller:
        next_at = await begin(node.ledger, settings, caller, under_way)    # what is due
        …                                                                  # until news, next_at, or one has ended
        made = await record_ended(node.ledger, under_way)

A call is claimed in one commit and its answer recorded in another. A crash between them calls again, with the same id,
when the claim has run out. Calls end one by one: a receiver that is silent until its time is over holds nobody up.
Raises Refusal EDX403 for an office without a webhook, EDX902 and EDX903 for keys.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final, NamedTuple

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from edxml_router.config import Settings
from edxml_router.core.delivery import webhook
from edxml_router.core.delivery.webhook import Hook, Waiting, WebhookSubject
from edxml_router.core.detail import Detail
from edxml_router.core.problems import Finding, Refusal, Setback
from edxml_router.credentials.ed25519_keys import load_ed25519_key, make_ed25519_key
from edxml_router.ports.views import Views
from edxml_router.store.ledger import SqlLedger
from edxml_router.transport.posting import CONNECTIONS, SECONDS, WebhookCaller

_CLAIM: Final = timedelta(seconds=4 * SECONDS)  # in which a process that made a call has recorded its answer
_GONE: Final = 410
_DONE: Final = range(200, 300)


class CallAnswer(NamedTuple):
    """What came of a call. ``problem`` is none where the receiver took it; ``gone``: it wants no more."""

    hook: Hook
    problem: Finding | None
    gone: bool = False


class CallRound(NamedTuple):
    """The calls that have ended, and when the next one is due (none: when there is news)."""

    answers: Sequence[CallAnswer]
    next_at: datetime | None


CallsUnderWay = set[asyncio.Task[CallAnswer]]


@dataclass(frozen=True, slots=True)
class KeyedCaller:
    """What makes calls, and the keys that sign them."""

    caller: WebhookCaller
    keys: Sequence[Ed25519PrivateKey]


@asynccontextmanager
async def opened_caller(settings: Settings) -> AsyncIterator[KeyedCaller]:
    """A caller with the keys of the settings."""
    keys = [load_ed25519_key(path) for path in settings.webhooks.keys]
    caller = WebhookCaller(settings.webhooks.networks, settings.webhooks.ca)
    try:
        yield KeyedCaller(caller, keys)
    finally:
        await caller.close()


async def begin(ledger: SqlLedger, settings: Settings, by: KeyedCaller, under_way: CallsUnderWay) -> datetime | None:
    """Begin the calls that are due, each for itself, beside those that are ``under_way`` already; when another will
    be due. Raises Setback of the store."""
    due, next_at = await asyncio.to_thread(_claim, ledger, settings, CONNECTIONS - len(under_way))
    now = ledger.clock.now()
    under_way |= {asyncio.create_task(_call(hook, by, now)) for hook in due}
    return next_at if len(under_way) < CONNECTIONS else None  # nothing can be begun before one has ended


async def record_ended(ledger: SqlLedger, under_way: CallsUnderWay) -> CallRound:
    """Write down what came of those that have ended, and take them out. Raises Setback of the store; then they are made
    again once their claim has run out."""
    ended = {task for task in under_way if task.done()}
    under_way -= ended
    answers = [task.result() for task in ended]
    return CallRound(answers, await asyncio.to_thread(_record, ledger, answers) if answers else None)


async def _call(hook: Hook, by: KeyedCaller, now: datetime) -> CallAnswer:
    body = webhook.payload(hook, now)
    try:
        status = await by.caller.post(hook.url, webhook.signed(hook, body, by.keys, now), body)
    except Setback as setback:
        return CallAnswer(hook, setback.finding)
    if status in _DONE:
        return CallAnswer(hook, None)
    if status == _GONE:
        return CallAnswer(hook, Finding("EDX716", hook.url), gone=True)
    return CallAnswer(hook, Finding("EDX715", hook.url, Detail("it answered {status}", status=status)))


def _claim(ledger: SqlLedger, settings: Settings, most: int) -> tuple[Sequence[Hook], datetime | None]:
    now = ledger.clock.now()
    wanted = _wanted(settings)
    with ledger.book() as book:
        kept = {(hook.office, hook.subject): hook for hook in book.webhooks.all()}
        book.webhooks.drop([hook for key, hook in kept.items() if key not in wanted])
        waiting = book.webhooks.waiting([office for office, _ in wanted]) if wanted else {}
        due: list[Hook] = []
        others: list[Hook] = []
        for key, url in wanted.items():
            lies = waiting.get(key, Waiting())
            before = kept.get(key)
            hook = webhook.looked(_at(url, before, key), lies, now)
            if hook.due_at is not None and hook.due_at <= now and len(due) < most:  # the others: next round
                hook = webhook.claimed(hook, lies, now + _CLAIM)
                due.append(hook)
            else:
                others.append(hook)
            if hook != before:
                book.webhooks.keep([hook])
        # Commit. A crash before it: nobody was called. After it: called again when the claim has run out.
    return due, min((hook.due_at for hook in others if hook.due_at is not None), default=None)


def _record(ledger: SqlLedger, answers: Sequence[CallAnswer]) -> datetime | None:
    """Write down what came of the calls; when the next one is due."""
    now = ledger.clock.now()
    with ledger.book() as book:
        kept = {(hook.office, hook.subject): hook for hook in book.webhooks.all()}
        for answer in answers:
            key = (answer.hook.office, answer.hook.subject)
            one = kept.get(key)
            # Otherwise somebody has begun it again, or claimed it once our claim had run out. What was told may have
            # shrunk meanwhile, by another process's look: that stays.
            if one is not None and (one.number, one.due_at) == (answer.hook.number, answer.hook.due_at):
                kept[key] = webhook.answered(one, answer.problem, now, gone=answer.gone)
                book.webhooks.keep([kept[key]])
        # Commit. A crash before it: called again with the same id, which the receiver may drop.
    succeeded = any(answer.problem is None for answer in answers)
    later = min((hook.due_at for hook in kept.values() if hook.due_at is not None), default=None)
    return now if succeeded else later  # what came during the call is news now


def _wanted(settings: Settings) -> dict[tuple[str, WebhookSubject], str]:
    return {
        (office.name, subject): office.webhook
        for office in settings.offices
        if office.webhook is not None
        for subject in WebhookSubject
    }


def _at(url: str, hook: Hook | None, key: tuple[str, WebhookSubject]) -> Hook:
    """The row as kept. At another address nothing is known of what was told, and the 410 of the old one is over."""
    if hook is not None and hook.url == url:
        return hook
    fresh = Hook(*key, url)
    return fresh if hook is None else replace(fresh, number=hook.number)


def hooks(views: Views) -> Sequence[Hook]:
    """How the calls stand, by office and subject."""
    return views.webhooks()


def begin_again(ledger: SqlLedger, office: str) -> Sequence[Hook]:
    """Call this office again whatever was before, also after a 410. The gateway calls at its next look."""
    now = ledger.clock.now()
    with ledger.book() as book:
        found = [webhook.begun_again(hook, now) for hook in book.webhooks.all() if hook.office == office]
        if not found:
            raise Refusal("EDX403", where=office, detail=Detail("this office has no webhook, or was never called"))
        book.webhooks.keep(found)
    return found


def make_key(path: Path) -> str:
    """A new key in a new file; its public half, as a receiver enters it."""
    return webhook.public_text(make_ed25519_key(path).public_key())


def public_keys(settings: Settings) -> Sequence[str]:
    """The public halves of the keys of the settings."""
    return [webhook.public_text(load_ed25519_key(path).public_key()) for path in settings.webhooks.keys]
