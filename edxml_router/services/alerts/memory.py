"""Who was told what, in a file of the node's folder: told once means also after a restart.

    memory = AlertMemory.read(folder)
    memory.keep(folder)

A file rather than a table: it tells also when the database is away, and another machine of the node sees other
troubles. A lost or damaged file counts as empty: then everything is told once more.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from pathlib import Path
from typing import Any, Final

from edxml_router.core.delivery.webhook import Waiting
from edxml_router.core.detail import as_json, from_json
from edxml_router.core.problems import PROBLEMS, Finding
from edxml_router.disk import durable
from edxml_router.services.alerts.values import AlertKey, Known, ToldAlert

FILE: Final = "alerts.json"
_MOST_BYTES: Final = 1024 * 1024


@dataclass(slots=True)
class AlertMemory:
    """``known`` by the way on which it was told (``mail``, ``webhook``), ``offices`` by name, ``failed`` by way or
    office: what kept somebody from being told, since when."""

    known: dict[str, Known] = field(default_factory=dict)
    offices: dict[str, Waiting] = field(default_factory=dict)
    overdue_on: date | None = None
    failed: dict[str, tuple[Finding, datetime]] = field(default_factory=dict)

    @classmethod
    def read(cls, folder: Path) -> AlertMemory:
        """As it was kept; empty where it was not, or cannot be read."""
        try:
            with (folder / FILE).open("rb") as file:
                return _memory(json.loads(file.read(_MOST_BYTES)))
        except (OSError, ValueError, TypeError, KeyError, AttributeError):
            return cls()

    def keep(self, folder: Path) -> None:
        """Raises OSError."""
        durable.write([(folder / FILE, json.dumps(_document(self), ensure_ascii=False).encode())])

    def note(self, way: str, finding: Finding | None, now: datetime) -> bool:
        """What came of telling somebody; whether that is another thing than before."""
        before = self.failed.pop(way, None)
        if finding is not None:
            same = before is not None and before[0].code == finding.code
            self.failed[way] = (finding, before[1] if before is not None and same else now)
        return (before[0].code if before else "") != (finding.code if finding else "")


def _memory(told: Mapping[str, Any]) -> AlertMemory:
    known = {
        str(way): {
            AlertKey(str(check), str(code), str(where)): ToldAlert(_moment(since), _moment(at))
            for check, code, where, since, at in rows
            if code in PROBLEMS
        }
        for way, rows in told["known"].items()
    }
    offices = {str(name): Waiting(int(count), int(latest)) for name, (count, latest) in told["offices"].items()}
    overdue = date.fromisoformat(told["overdue_on"]) if told["overdue_on"] else None
    failed = {
        str(way): (Finding(str(code), str(where), from_json(detail)), _moment(since))
        for way, (code, where, detail, since) in told["failed"].items()
        if code in PROBLEMS
    }
    return AlertMemory({**known}, offices, overdue, failed)


def _document(memory: AlertMemory) -> dict[str, Any]:
    return {
        "known": {
            way: [
                [key.check, key.code, str(key.where), told.since.isoformat(), told.at.isoformat()]
                for key, told in known.items()
            ]
            for way, known in memory.known.items()
        },
        "offices": {name: [one.count, one.latest] for name, one in memory.offices.items()},
        "overdue_on": memory.overdue_on.isoformat() if memory.overdue_on else "",
        "failed": {
            way: [finding.code, str(finding.where), as_json(finding.detail), since.isoformat()]
            for way, (finding, since) in memory.failed.items()
        },
    }


def _moment(text: str) -> datetime:
    found = datetime.fromisoformat(text)
    if found.tzinfo is None:
        raise ValueError(text)
    return found
