"""How a face gives an envelope to a service: by a name of its own, read no further than is allowed.

A ``Read`` gets the name, the most bytes that are taken, and what sets a large envelope down; it answers with bytes or
with what was set down. It raises Refusal EDX102 (too large), EDX111 (not readable).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final

from edxml_router.core.body import Body

UNREADABLE: Final = "EDX111"
Receive = Callable[[Iterable[bytes]], Body]
Read = Callable[[str, int, Receive], Body]
