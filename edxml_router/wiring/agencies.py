"""The catalogue of agencies that the settings name. It needs no driver of a database or a broker."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from edxml_router.config import Settings
from edxml_router.core.agencies.registry import Registry, canonical
from edxml_router.core.detail import Detail
from edxml_router.core.problems import Refusal
from edxml_router.core.retention.terms import RetentionClass, RetentionTerms
from edxml_router.resources import folder
from edxml_router.store import catalogue


def load_registry(settings: Settings) -> Registry:
    """The agencies: the packaged catalogue or the one named, then further ones, then the node's own imports."""
    first = settings.agencies.catalogue or folder("agency_codes")
    own = own_catalogue(settings)
    return catalogue.load_catalogue(first, *settings.agencies.extra, *([own] if own.is_dir() else []))


def own_catalogue(settings: Settings) -> Path:
    """The folder that ``agency import`` writes to."""
    return settings.node.data / "agency_codes"


def retention_terms(settings: Settings, registry: Registry) -> RetentionTerms:
    """What [retention] says, with the codes of agencies in their canonical form, and their levels as the catalogue has
    them. Raises Refusal EDX901 for a level that it does not have."""
    classes = [
        RetentionClass(
            name=one.name,
            kind=one.kind,
            urgent=one.urgent,
            senders=[canonical(registry, code) for code in one.senders],
            levels=_levels(registry, one.levels),
            recipient_levels=_levels(registry, one.recipient_levels),
            bodies=one.bodies,
            words=one.words,
        )
        for one in settings.retention.classes
    ]
    general = settings.retention

    def level_of(code: str) -> str:
        agency = registry.get(code)
        return agency.level if agency else ""

    return RetentionTerms(bodies=general.bodies, words=general.words, classes=classes, level_of=level_of)


def _levels(registry: Registry, names: Sequence[str]) -> Sequence[str]:
    for name in names:
        if name not in registry.levels:
            known = ", ".join(registry.levels)
            told = Detail("{level} is no level of the catalogue of agencies: {known}", level=name, known=known)
            raise Refusal("EDX901", where="retention.classes", detail=told)
    return names
