"""One ``serve`` per data folder: two supervisors would interfere with each other's workers.

    with sole(settings.node.data): …
    holder(settings.node.data)              # who runs the node; None when nobody does

An advisory lock on ``serve.lock``. The kernel releases it when its holder ends in any way, so no stale lock remains;
workers do not inherit it. The workers of a killed supervisor end by themselves, and may finish their batch beside the
new ones, as workers of another machine would: deliveries are leased. Raises Refusal EDX609, or EDX908 where the file
cannot be made or locked.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from edxml_router.core.detail import Detail, as_text, from_text
from edxml_router.core.problems import Refusal
from edxml_router.core.wording import in_words
from edxml_router.disk import locks

FILE: Final = "serve.lock"
PATIENCE_SECONDS: Final = 5.0  # seconds to wait for a holder that is ending, so that a restart works the first time
POLL_SECONDS: Final = 0.1  # seconds between looks


@contextmanager
def sole(folder: Path, patience: float = PATIENCE_SECONDS) -> Iterator[None]:
    """Hold the lock of a data folder, which must exist, while the block runs."""
    path = folder / FILE
    try:
        handle = locks.open_lock(path)
    except OSError as error:
        raise Refusal("EDX908", where=str(path), detail=in_words(error)) from error
    try:
        _take(handle, path, time.monotonic() + patience)
        said = Detail(
            "process {getpid} on {nodename} since {now:%Y-%m-%d %H:%M:%S} UTC",
            getpid=os.getpid(),
            nodename=os.uname().nodename,
            now=datetime.now(UTC),
        )
        os.ftruncate(handle, 0)
        os.pwrite(handle, as_text(said).encode(), 0)
        yield
    finally:
        os.close(handle)


def holder(folder: Path) -> str | None:
    """Who holds the lock of a data folder, in words; None when nobody does. Raises Refusal EDX902.

    Looking takes a shared lock for a moment; a starting node waits for it.
    """
    path = folder / FILE
    try:
        handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise Refusal("EDX902", where=str(path), detail=in_words(error)) from error
    try:
        return _said(handle) if locks.is_held(handle) else None
    finally:
        os.close(handle)


def served_before(folder: Path) -> bool:
    """Whether ``serve`` has ever run on a data folder; the file stays when it ends."""
    return (folder / FILE).exists()


def _take(handle: int, path: Path, until: float) -> None:
    while True:
        try:
            locks.take(handle)
        except BlockingIOError as error:
            if time.monotonic() >= until:
                raise Refusal("EDX609", where=str(path.parent), detail=_said(handle)) from error
            time.sleep(POLL_SECONDS)
        except OSError as error:
            raise Refusal("EDX908", where=str(path), detail=in_words(error)) from error
        else:
            return


def _said(handle: int) -> str:
    return from_text(os.pread(handle, 1000, 0).decode("utf-8", "replace"))
