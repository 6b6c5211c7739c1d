"""What doctor says of alerts: whom nobody can reach."""

from __future__ import annotations

from edxml_router.config import Settings
from edxml_router.core.detail import Detail
from edxml_router.core.problems import Finding
from edxml_router.services.alerts.memory import AlertMemory
from edxml_router.services.alerts.switch import is_wanted
from edxml_router.services.health.report import Findings


def told_alerts(settings: Settings) -> Findings:
    """For doctor: whom nobody can reach, since when; and how many things are told and not over."""
    if not is_wanted(settings):
        return
    memory = AlertMemory.read(settings.node.data)
    for way, (finding, since) in sorted(memory.failed.items()):
        detail = Detail("{way}: not told since {since:%Y-%m-%d %H:%M}; {detail}", way=way, since=since.astimezone(),
                        detail=finding.detail)  # fmt: skip
        yield finding.where, Finding(finding.code, finding.where, detail)
    if not memory.failed:
        standing = max(map(len, memory.known.values()), default=0)
        yield Detail("{standing} are told and not over", standing=standing), None
