"""What somebody was told."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True, order=True)
class AlertKey:
    """What makes two needs the same one."""

    check: str
    code: str
    where: str


@dataclass(frozen=True, slots=True)
class ToldAlert:
    """Something that was told: since when it was so, and when it was told last."""

    since: datetime
    at: datetime


Known = Mapping[AlertKey, ToldAlert]
