"""The folder that a demonstration works in: new, empty, or left by an earlier one, and nobody else's meanwhile.

    with taken(folder):      # empty now, but for the mark and the lock

Raises :class:`Refusal` EDX908 for a folder that holds anything else, which is not touched, and while another
demonstration works in it.
"""

from __future__ import annotations

import os
import shutil
import stat
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Final

from edxml_router.core.detail import Detail
from edxml_router.core.problems import Refusal
from edxml_router.disk import locks

DEFAULT: Final = Path("edxml-router-demo")
MARK: Final = ".edxml-router-demo"  # who finds it in a folder knows that everything there may go


@contextmanager
def exclusive_folder(folder: Path) -> Iterator[None]:
    """Make ``folder`` if need be, empty it, and keep other demonstrations out until the block ends."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    status = folder.lstat()
    # In a folder like /tmp anybody may have made it before, with the mark in it, to have our keys made there.
    if not stat.S_ISDIR(status.st_mode) or status.st_uid != os.geteuid():
        raise Refusal("EDX908", where=str(folder), detail="the folder is another account's, or a link")
    if not (folder / MARK).is_file() and any(folder.iterdir()):
        raise Refusal("EDX908", where=str(folder), detail="the folder is not empty")
    with ExitStack() as stack:
        try:
            stack.enter_context(locks.folder_locked(folder, wait=False))
        except BlockingIOError:
            raise Refusal("EDX908", where=str(folder), detail=Detail("a demonstration runs in it")) from None
        folder.chmod(0o700)  # keys and passwords of the demonstration are the account's own, whatever the umask
        (folder / MARK).touch()
        for entry in folder.iterdir():
            if entry.name != MARK:
                shutil.rmtree(entry) if entry.is_dir() and not entry.is_symlink() else entry.unlink()
        yield
