"""The folders of offices: that they are there and can be used, for whom they are open, and whether anything waits.

A file in an outbox is taken within seconds. One that has been there for ten minutes (since it came, not since it was
written) is named with the others (EDX631): nobody serves the folder, it is still being written, or it is a folder.
"""

from __future__ import annotations

import os
import stat
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from edxml_router.config import Settings
from edxml_router.core.detail import Detail
from edxml_router.core.problems import Finding
from edxml_router.core.wording import in_words
from edxml_router.disk import folders as listing
from edxml_router.disk.office_folder import CLAIMED, OUTBOX, PARTS, is_passed_over
from edxml_router.services.health.report import Findings

WAITS_SECONDS: Final = 600.0


def folders(settings: Settings) -> Findings:
    """A detail for each office that is attached by a folder, with what is wrong there."""
    for office in settings.offices:
        if office.folder is not None:
            detail = Detail("{office}: {folder}", office=office.name, folder=office.folder)
            yield detail, _unusable(office.folder) or _waiting(office.folder) or _open(office.name, office.folder)


def _unusable(root: Path) -> Finding | None:
    for place in (root, *(root / part for part in PARTS)):
        try:
            with os.scandir(place):
                pass
        except FileNotFoundError as error:
            if place == root:
                return Finding("EDX630", str(place), in_words(error))
            continue  # it is made when the node serves the folder
        except OSError as error:
            return Finding("EDX630", str(place), in_words(error))
        if not os.access(place, os.W_OK | os.X_OK):
            return Finding("EDX630", str(place), Detail("this account may not write there"))
    return None


def _waiting(root: Path) -> Finding | None:
    since: list[float] = []
    for parts in ((OUTBOX,), CLAIMED):
        try:
            folder = os.open(root.joinpath(*parts), os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
        except OSError:
            continue
        try:
            for name in listing.names(folder):
                if not is_passed_over(name):
                    since.append(os.stat(name, dir_fd=folder, follow_symlinks=False).st_ctime)
        except FileNotFoundError:  # taken a moment ago
            pass
        finally:
            os.close(folder)
    present = datetime.now(UTC).timestamp()
    old = [each for each in since if present - each > WAITS_SECONDS]
    if not old:
        return None
    when = f"{datetime.fromtimestamp(min(old), UTC).astimezone():%Y-%m-%d %H:%M}"
    detail = Detail("{count} files, the oldest since {when}", count=len(since), when=when)
    return Finding("EDX631", str(root / OUTBOX), detail)


def _open(office: str, root: Path) -> Finding | None:
    """A group is meant to get at the letters; every account of the machine is not."""
    mode = stat.S_IMODE(root.stat().st_mode)
    if not mode & 0o007:
        return None
    detail = Detail("{folder}: mode {mode:04o}, every account can get at what is in it", folder=root, mode=mode)
    return Finding("EDX907", office, detail)
