"""Calls to the systems of offices, made by the gateway's process while it serves.

    task = asyncio.create_task(call_offices(desk))

A commit that brings somebody mail rings the bell of :mod:`edxml_router.gateway.telling.readers`. Then, and when a call
is due again, one look is made for all offices that have a webhook. Where no office has one, nothing is looked for.
Calls end one by one, and nobody waits for a receiver that is silent.
"""

from __future__ import annotations

import asyncio
from asyncio import FIRST_COMPLETED
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, Final

from edxml_router.core.problems import Trouble
from edxml_router.gateway.desk import Desk
from edxml_router.observe import events
from edxml_router.services.offices import webhooks
from edxml_router.services.offices.webhooks import CallAnswer, CallsUnderWay, KeyedCaller

PAUSE_SECONDS: Final = 0.1  # between two looks: a call tells of all that came meanwhile
LONGEST_SECONDS: Final = 60.0  # until a look although nobody rang
TROUBLE_SECONDS: Final = 10.0  # until it is tried again, when the database is away or a key cannot be read


async def call_offices(desk: Desk) -> None:
    """Until it is cancelled. What goes wrong is logged and tried again."""
    while not desk.ending:
        settings = desk.settings
        under_way: CallsUnderWay = set()
        try:
            async with webhooks.opened_caller(settings) as by:
                try:
                    while desk.settings is settings and not desk.ending:  # reloaded, it has other keys and networks
                        await _round(desk, by, under_way)
                finally:  # their claims run out, and they are made again under the same ids
                    for each in under_way:
                        each.cancel()
        except Trouble as trouble:
            events.setback(trouble.finding)
            await asyncio.sleep(TROUBLE_SECONDS)
        except Exception as error:  # noqa: BLE001  # else no office would be called any more, and nobody would know
            events.defect("webhooks", error)
            await asyncio.sleep(TROUBLE_SECONDS)


async def _round(desk: Desk, by: KeyedCaller, under_way: CallsUnderWay) -> None:
    heard = desk.readers.heard()  # before the look: whoever rings during it is heard in the next
    seconds = LONGEST_SECONDS
    if any(office.webhook for office in desk.settings.offices):
        next_at = await webhooks.begin(desk.node.ledger, desk.settings, by, under_way)
        if next_at is not None:
            seconds = min(seconds, max(0.0, (next_at - datetime.now(UTC)).total_seconds()))
    told: list[asyncio.Future[Any]] = [heard, *under_way]
    await asyncio.wait(told, timeout=seconds, return_when=FIRST_COMPLETED)
    made = await webhooks.record_ended(desk.node.ledger, under_way)
    _tell(made.answers)
    await asyncio.sleep(PAUSE_SECONDS)


def _tell(answers: Sequence[CallAnswer]) -> None:
    for answer in answers:
        events.office_called(answer.hook.office, answer.hook.subject, answer.problem)
