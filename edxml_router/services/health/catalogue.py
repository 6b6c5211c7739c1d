"""The catalogue of agencies, and whether the offices' own are in it."""

from __future__ import annotations

from datetime import datetime

from edxml_router.config import Settings
from edxml_router.core.detail import Detail
from edxml_router.core.message.letter_day import VIETNAM
from edxml_router.core.problems import Finding, Refusal
from edxml_router.services.health.report import Findings
from edxml_router.wiring.agencies import load_registry


def agencies(settings: Settings) -> Findings:
    registry = load_registry(settings)
    yield Detail("{count} agencies, version {version}", count=len(registry), version=registry.version), None
    for finding in registry.findings[:10]:
        yield finding.where, finding
    today = datetime.now(VIETNAM).date()
    for number, office in enumerate(settings.offices, 1):
        for text in office.agencies:
            place = f"offices[{number}].agencies"
            code = registry.canonical_or_none(text)
            if code is None or registry.get(code) is None:
                detail = Detail(
                    "{office}: {text} is not in the catalogue; nobody can send to it", office=office.name, text=text
                )
                yield text, Finding("EDX907", place, detail)
                continue
            try:
                registry.resolve(text, today)
            except Refusal as refusal:
                code = "EDX910" if refusal.code == "EDX502" else "EDX907"
                yield (
                    text,
                    Finding(
                        code, place, Detail("{office}: {detail}", office=office.name, detail=refusal.finding.detail)
                    ),
                )
