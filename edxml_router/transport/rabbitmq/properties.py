"""A message's properties, as AMQP has them."""

from __future__ import annotations

import time
from datetime import timedelta
from typing import Any, Final

import pika

from edxml_router.ports.transport import Message
from edxml_router.transport import topology

PERSISTENT: Final = 2
LONGEST_LIFE: Final = 2**32 - 1  # milliseconds


def properties(message: Message, user: str) -> pika.BasicProperties:
    """What travels beside the body, sent by ``user``."""
    headers: dict[str, Any] = topology.plain_headers(message.headers)
    headers |= {"edx": topology.VERSION, "urgent": message.urgent}
    return pika.BasicProperties(
        content_type="application/octet-stream",
        type=message.kind,
        message_id=message.id,
        correlation_id=message.correlation or None,
        user_id=user,  # the broker compares it with who logged in
        delivery_mode=PERSISTENT,
        expiration=_expiration(message),
        timestamp=int(time.time()),
        headers=headers,
    )


def _expiration(message: Message) -> str | None:
    """In milliseconds. The broker counts from its arrival, and takes no more than 32 bits, which is 49 days; what is to
    live longer is withdrawn then and laid there again, as what a broker has lost."""
    if message.lifetime is None:
        return None
    return str(min(max(0, message.lifetime // timedelta(milliseconds=1)), LONGEST_LIFE))
