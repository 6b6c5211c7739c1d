"""The question of a node whose database was restored, to its neighbours and offices: what came since then, again.

Manifests like those of :mod:`edxml_router.core.link.wire`, with nothing behind the line. Unreadable ones raise
Refusal
EDX704.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from edxml_router.core.link.manifest import VERSION, instant, line, read_fields, read_moment, read_text, split
from edxml_router.core.link.route import Route
from edxml_router.core.link.wire import NAME_LIMIT


@dataclass(frozen=True, slots=True)
class Recovery:
    """Whom a node asks for what it has forgotten: everything handed in after ``since``, the newest entry of a back-up
    that was restored. ``done_at`` is None until it has done its part."""

    party: Route
    epoch: str
    since: datetime
    done_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Resync:
    """A node whose database was restored asks a neighbour to ask again about all that it had sent there and that has
    not ended. ``epoch`` is a random name of this restore, ``since`` the newest thing that was not forgotten."""

    epoch: str
    since: datetime


def encode_resync(resync: Resync) -> bytes:
    return line({"v": VERSION, "epoch": resync.epoch, "since": instant(resync.since)})


def decode_resync(data: bytes) -> Resync:
    """The question of a neighbour, or the answer to ours, which repeats it."""
    fields, _ = split(data)
    return read_fields(lambda: Resync(read_text(fields["epoch"], NAME_LIMIT), read_moment(fields["since"])))
