"""The catalogue of agencies that the settings name. It needs no driver of a database or a broker."""

from __future__ import annotations

from pathlib import Path

from edxml_router.config import Settings
from edxml_router.core.agencies.registry import Registry, canonical
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
    """What [retention] says, with the codes of agencies in their canonical form."""
    classes = [
        RetentionClass(
            name=one.name,
            kind=one.kind,
            urgent=one.urgent,
            senders=[canonical(registry, code) for code in one.senders],
            bodies=one.bodies,
        )
        for one in settings.retention.classes
    ]
    return RetentionTerms(bodies=settings.retention.bodies, classes=classes)
