"""A mistake in the configuration, and the codes that one may have."""

from __future__ import annotations

from dataclasses import dataclass

from edxml_router.config.positions import Place

WRONG = "EDX901"
UNREADABLE = "EDX902"
UNSAFE = "EDX903"
REMARK = "EDX907"
CLEAR = "EDX711"
REMARKS = (REMARK, CLEAR)


@dataclass(frozen=True, slots=True)
class Mistake:
    """A mistake (or a remark) and the setting it is about; ``also`` are others that it depends on."""

    code: str
    place: Place
    detail: str
    also: tuple[Place, ...] = ()
