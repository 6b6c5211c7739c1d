"""What the commands that change something share: who does it, and how many at a time."""

from __future__ import annotations

import os
import pwd
from collections.abc import Callable, Iterator, Sequence

from edxml_router.cli.session import Session
from edxml_router.core.problems import Finding


def account() -> str:
    """Who is at the keyboard: the account before sudo, or the account of this process."""
    name = os.environ.get("SUDO_USER") if os.geteuid() == 0 else None
    if name:
        return name
    try:
        return pwd.getpwuid(os.geteuid()).pw_name
    except KeyError:
        return str(os.geteuid())


def in_batches(numbers: Sequence[int], size: int = 200) -> Iterator[Sequence[int]]:
    """The same numbers, some at a time, so that no transaction is long."""
    for start in range(0, len(numbers), size):
        yield numbers[start : start + size]


Act = Callable[[Sequence[int]], Sequence[Finding | None]]


def perform_in_batches(session: Session, numbers: Sequence[int], act: Act) -> dict[int, Finding | None]:
    """Do something to deliveries, batch by batch with a bar; the answer for each."""
    answers: dict[int, Finding | None] = {}
    with session.progress(session.say("queue.working"), len(numbers)) as advance:
        for batch in in_batches(numbers):
            answers.update(zip(batch, act(batch), strict=True))
            advance(len(batch))
    return answers
