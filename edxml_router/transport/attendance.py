"""Who takes from the mailboxes of a hub that is a folder: another node under our name would take half of our mail.

The same question to a broker is :func:`edxml_router.transport.rabbitmq.consumers`.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterable
from pathlib import Path

from edxml_router.core.problems import Setback


def consumers(root: Path, mailboxes: Iterable[str]) -> int:
    """How many take from the mailbox that most take from: claims whose lock somebody holds. Raises Setback EDX701."""
    most = 0
    try:
        for mailbox in mailboxes:
            claims = root / mailbox / "claimed"
            if claims.is_dir():
                most = max(most, sum(_held(one) for one in claims.iterdir() if not one.is_symlink()))
    except OSError as error:
        raise Setback("EDX701", where=str(root), detail=error.strerror or "") from error
    return most


def _held(claims: Path) -> bool:
    try:
        lock = os.open(claims / ".lock", os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError:  # it is being made or removed
        return False
    try:
        # Shared: the holder, who asked for all, keeps us out; two who look at once do not see each other.
        fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(lock)
    return False
