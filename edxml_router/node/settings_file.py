"""The settings in force in a running node, in a file beside its lock, so that ``doctor`` can compare.

    write(folder, settings)          # by the supervisor, at its start and after each reload
    texts = read(folder)             # None when there is none, or when it cannot be read

The file means nothing while nobody holds the lock (:mod:`edxml_router.node.sole`).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Final

from edxml_router.config import Settings
from edxml_router.config.in_force import settings_texts
from edxml_router.core.problems import Refusal
from edxml_router.credentials.keys import write_over

FILE: Final = "settings-in-force.json"


def write(folder: Path, settings: Settings) -> None:
    """Write the file anew. A full disk is reported elsewhere; it does not end the node."""
    with suppress(Refusal):
        write_over(folder / FILE, json.dumps(settings_texts(settings), ensure_ascii=False).encode(), 0o600)


def read(folder: Path) -> Mapping[str, str] | None:
    """What stands in it."""
    try:
        found = json.loads((folder / FILE).read_bytes())
    except (OSError, ValueError):
        return None
    return found if isinstance(found, dict) else None
