"""What lies in the mailboxes of a folder hub, and how many take from them: another node under our name would take half
of our mail, and where nobody takes, more is of no use.

The same question to a broker is :func:`edxml_router.transport.rabbitmq.hub.waiting`.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from edxml_router.disk import locks
from edxml_router.disk.folders import Diverted, enter, names
from edxml_router.ports.transport import MailboxDepth
from edxml_router.transport.local import message_file
from edxml_router.transport.local.folders import Mailbox, folder_setback, lock_file


def waiting(root: Path, mailboxes: Iterable[str]) -> dict[str, MailboxDepth]:
    """The depth of each mailbox that exists, and its takers: claims whose lock is held. Raises Setback EDX701,
    EDX710."""
    found: dict[str, MailboxDepth] = {}
    try:
        root.stat()
        for mailbox in mailboxes:
            # One that is not made yet, or that leads elsewhere, which is named by whoever takes from it.
            with suppress(FileNotFoundError, Diverted), Mailbox(root, mailbox) as box:
                claimed = box.folder("claimed")
                takers = sum(_held(claimed, one) for one in names(claimed))
                found[mailbox] = MailboxDepth(len(names(box.folder("new"))), takers)
    except OSError as error:
        raise folder_setback(error, root) from error
    return found


def withdraw(root: Path, mailboxes: Iterable[str]) -> int:
    """Remove expired messages from mailboxes whose owners do not take them; returns how many. An owner does the same
    when it takes."""
    removed = 0
    for mailbox in mailboxes:
        with suppress(OSError), Mailbox(root, mailbox) as box:
            new, now = box.folder("new"), message_file.present(box.folder("tmp"))
            for name in names(new):
                with suppress(OSError):  # somebody takes it, or it is not a file, which its taker will report
                    if message_file.over(new, name, now):
                        os.unlink(name, dir_fd=new)
                        removed += 1
    return removed


def _held(claimed: int, claims: str) -> bool:
    try:
        folder = enter(claimed, claims)
    except OSError:
        return False
    try:
        lock = lock_file(folder)
    except OSError:  # it is just being made or removed
        return False
    finally:
        os.close(folder)
    try:
        return locks.is_held(lock)
    finally:
        os.close(lock)
