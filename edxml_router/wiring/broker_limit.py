"""Whether the node's own broker takes messages up to the expected size, and no larger ones.

    detail, finding = look(settings, hub, now)

No AMQP method tells the limit, so a message just above it is published to nobody. That costs as much as one large
chunk, and only the owner of a hub does it. A good answer is kept for a day, in a file of the data folder; after a bad
one the broker is asked every time, so that a repair shows at once. Raises Setback EDX701, EDX706, EDX707 and Refusal
EDX901, EDX902.
"""

from __future__ import annotations

import json
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Final

from edxml_router.config import RabbitHub, Settings
from edxml_router.core.detail import Detail
from edxml_router.core.problems import Finding
from edxml_router.transport.rabbitmq import hub as rabbitmq
from edxml_router.wiring import hubs

FILE: Final = "broker.limit"  # in node.data
STANDS: Final = timedelta(days=1)


def look(settings: Settings, hub: RabbitHub, now: datetime) -> tuple[str, Finding | None]:
    """What the broker takes, and what is wrong with that."""
    wanted, reached = hubs.largest_message(hub), hubs.rabbit_settings(settings, hub)
    file = settings.node.data / FILE
    good = {"hub": reached.place, "bytes": wanted}
    detail = Detail("messages of up to {wanted} bytes", wanted=wanted)
    with suppress(OSError, ValueError, KeyError, TypeError, AttributeError):  # not there, or not what we wrote
        kept = json.loads(file.read_text(encoding="utf-8"))
        age = now - datetime.fromisoformat(kept.pop("at"))
        if kept == good and timedelta() <= age < STANDS:
            return detail, None
    told = rabbitmq.takes(reached, wanted + 1)
    if told is None:
        return detail, Finding("EDX913", reached.place, Detail("set max_message_size to {wanted}", wanted=wanted))
    if told < wanted:
        short = Detail("it takes at most {told} bytes, hub.max_message_bytes is {wanted}", told=told, wanted=wanted)
        return detail, Finding("EDX713", reached.place, short)
    with suppress(OSError):  # then it is asked again
        file.write_text(json.dumps(good | {"at": now.isoformat()}), encoding="utf-8")
    return detail, None
