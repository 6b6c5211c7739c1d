"""What is worth a line in the log of alerts; as :mod:`edxml_router.observe.events`."""

from __future__ import annotations

import structlog

from edxml_router.core.problems import Finding
from edxml_router.observe.events import finding_fields

_log = structlog.get_logger()


def alert_told(way: str, new: int, over: int) -> None:
    """Whoever is to know was told of so many things."""
    _log.info("alert.told", way=way, new=new, over=over)


def alert_not_told(finding: Finding) -> None:
    """Whoever is to know cannot be told; once until it works again."""
    _log.warning("alert.not-told", **finding_fields(finding))
