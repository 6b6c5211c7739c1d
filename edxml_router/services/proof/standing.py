"""How the journal stands as evidence, in one value for a page: its newest signed checkpoint, who has cosigned it, what
was stamped; and whether it continues what somebody kept of it.

    standing = log_standing(node, settings, now)
    compared = compare_kept(views, settings, "104832:9f86d0…")      # or a signed checkpoint, as text

Nothing here changes anything. Raises Refusal EDX418 for a text that is neither, EDX640 for a checkpoint that the log's
key has not signed, and what the views raise.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from edxml_router.config import Settings
from edxml_router.core.delivery.views import Checkpoint
from edxml_router.core.detail import Detail, said
from edxml_router.core.problems import Finding, Refusal
from edxml_router.core.proof.checkpoint import read_checkpoint
from edxml_router.core.proof.witness import KeptTimeStamp, LogFork
from edxml_router.ports.views import Views
from edxml_router.services.proof import checkpoints, time_stamps, witnesses
from edxml_router.services.proof.witnesses import NeighbourLog

LONGEST_KEPT: Final = 20_000  # characters of a checkpoint with its cosignatures
STAMPS_SHOWN: Final = 10
_ROOT: Final = re.compile(r"\s*([1-9][0-9]{0,17}):([0-9a-fA-F]{64})\s*")


@dataclass(frozen=True, slots=True)
class LogStanding:
    """``checkpoint`` is None where none is signed yet; ``text``: it with all its signatures; ``size``: of the journal
    now, which may be larger."""

    size: int
    checkpoint: Checkpoint | None
    text: str
    neighbours: Sequence[NeighbourLog]
    forks: Sequence[LogFork]
    stamps: Sequence[KeptTimeStamp]


@dataclass(frozen=True, slots=True)
class KeptComparison:
    """``root``: of this journal at that size, hex; empty where it has fewer entries. ``finding`` is None where it
    continues what was kept; ``growth`` proves that, where a checkpoint is signed."""

    size: int
    kept: str
    root: str
    finding: Finding | None
    growth: str = ""


def log_standing(views: Views, settings: Settings, now: datetime) -> LogStanding:
    """See the module."""
    try:
        newest = checkpoints.latest_checkpoint(views)
    except Refusal:  # no key, or nothing signed yet: the page says so
        newest = None
    return LogStanding(
        views.feed_head().size,
        newest,
        checkpoints.checkpoint_text(views, newest) if newest else "",
        list(witnesses.neighbour_logs(settings, views, now)),
        witnesses.caught_forks(views),
        time_stamps.kept_stamps(views, limit=STAMPS_SHOWN),
    )


def compare_kept(views: Views, settings: Settings, text: str) -> KeptComparison:
    """Whether the journal begins with what somebody kept of it."""
    size, kept = _read(settings, text[:LONGEST_KEPT])
    now = views.feed_head().size
    if size > now:
        detail = Detail("the journal has {size} entries only", size=now)
        return KeptComparison(size, kept, "", Finding("EDX605", Detail("place {place}", place=size), detail))
    root = views.root_at(size).hex()
    if root != kept:
        detail = Detail("the journal has {root}", root=f"{size}:{root}")
        return KeptComparison(size, kept, root, Finding("EDX605", Detail("place {place}", place=size), detail))
    try:
        growth = checkpoints.prove_growth(views, size).decode()
    except Refusal:  # nothing is signed, or the last checkpoint is before it: the roots agree all the same
        growth = ""
    return KeptComparison(size, kept, root, None, growth)


def _read(settings: Settings, text: str) -> tuple[int, str]:
    if (pair := _ROOT.fullmatch(text)) is not None:
        return int(pair[1]), pair[2].lower()
    if "\n" not in text.strip():
        raise Refusal("EDX418", where="root", detail=Detail("neither SIZE:ROOT nor a signed checkpoint"))
    note = "\n".join(text.replace("\r\n", "\n").strip().splitlines()) + "\n"
    try:
        head, _ = read_checkpoint(note.encode(), checkpoints.own_keys(settings.path))
    except ValueError as error:
        raise Refusal("EDX640", where="root", detail=said(error)) from error
    return head.size, head.root.hex()
