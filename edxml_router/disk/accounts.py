"""Act as the account that a folder belongs to.

with acting_as_owner(folder): …     # what root makes here is the owner's
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from edxml_router.core.detail import Detail
from edxml_router.core.problems import Refusal


@contextmanager
def acting_as_owner(folder: Path) -> Iterator[None]:
    """Where root is at work in another account's folder, give up root's rights while the block runs: what is made then
    belongs to that account, and what it may not read or write fails here, not when the service starts. In a folder of
    its own, or one that is not there, anybody stays who they are. Whole-process: not for programs with threads. Raises
    Refusal EDX902 where that account cannot read this very program."""
    try:
        status = folder.stat()
    except OSError:  # whoever uses it says so
        status = None
    if status is None or os.geteuid() != 0 or status.st_uid == 0:
        yield
        return
    group, groups = os.getegid(), os.getgroups()
    os.setgroups([])  # root's groups would let it read what the account cannot
    os.setegid(status.st_gid)
    os.seteuid(status.st_uid)
    try:
        _require_readable_program(status.st_uid)
        yield
    finally:
        os.seteuid(0)
        os.setegid(group)
        os.setgroups(groups)


def _require_readable_program(account: int) -> None:
    for place in (sys.base_prefix, *sys.path[1:]):
        try:
            os.close(os.open(place, os.O_RDONLY | os.O_CLOEXEC))
        except PermissionError as error:
            detail = Detail("the account {owner}, whose the folder is, may not read the program", owner=account)
            raise Refusal("EDX902", where=place, detail=detail) from error
        except OSError:  # Python's own list names an archive that need not be there
            continue
