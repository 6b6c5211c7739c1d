"""Who takes from the mailboxes of a hub that is a folder: another node under our name would take half of our mail.

The same question to a broker is :func:`edxml_router.transport.rabbitmq.consumers`.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterable
from pathlib import Path

from edxml_router.core.problems import Setback
from edxml_router.transport.local_folders import Diverted, Mailbox, enter, lock_file, names


def consumers(root: Path, mailboxes: Iterable[str]) -> int:
    """How many take from the mailbox that most take from: claims whose lock somebody holds. Raises Setback EDX701."""
    most = 0
    for mailbox in mailboxes:
        try:
            with Mailbox(root, mailbox) as box:
                claimed = box.folder("claimed")
                most = max(most, sum(_held(claimed, one) for one in names(claimed)))
        except (FileNotFoundError, Diverted):  # not made yet; or it is named by whoever takes from it
            continue
        except OSError as error:
            raise Setback("EDX701", where=str(root), detail=error.strerror or "") from error
    return most


def _held(claimed: int, claims: str) -> bool:
    try:
        folder = enter(claimed, claims)
    except OSError:
        return False
    try:
        lock = lock_file(folder)
    except OSError:  # it is being made or removed
        return False
    finally:
        os.close(folder)
    try:
        # Shared: the holder, who asked for all, keeps us out; two who look at once do not see each other.
        fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(lock)
    return False
