"""The overviews that pages show: one reader for each node of this process, however many look."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Final

from edxml_router.config import Settings
from edxml_router.services.overview.making import OverviewReader
from edxml_router.services.overview.values import Overview

WAIT_SECONDS: Final = 8.0  # that a page waits for the first look of all; later ones are made while it is shown
_LOCK: Final = threading.Lock()
_READERS: Final[dict[Path, OverviewReader]] = {}


def overview_of(settings: Settings) -> Overview:
    """How the node stands, some seconds old at most while somebody looks. Raises Setback EDX624 where nothing could be
    read in time."""
    return reader_of(settings).current(WAIT_SECONDS)


def reader_of(settings: Settings) -> OverviewReader:
    """The reader, with these settings from now on."""
    with _LOCK:
        reader = _READERS.setdefault(settings.node.data, OverviewReader(settings))
    reader.settings = settings
    return reader
