"""The catalogue of agencies that the settings name. It needs no driver of a database or a broker."""

from __future__ import annotations

from pathlib import Path

from edxml_router.config import Settings
from edxml_router.core.agencies.registry import Registry
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
