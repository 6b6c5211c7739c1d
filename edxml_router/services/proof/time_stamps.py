"""Time stamps over the journal's checkpoints: which are kept, whether they hold, and what is late.

    for stamp in kept_stamps(views, before): …      # a page, of the largest checkpoint first
    stamped = stamped_checkpoint(views)              # the newest: what was stamped, and the stamp
    for where, finding in stamp_gaps(settings, views, now): …

What was stamped, and the stamp, are evidence for others: docs/evidence.md says how to verify them with openssl.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import Final

from edxml_router.config import Settings
from edxml_router.core.delivery.views import Damage
from edxml_router.core.detail import Detail, said
from edxml_router.core.problems import Finding, Refusal
from edxml_router.core.proof.checkpoint import TreeHead
from edxml_router.core.proof.witness import KeptTimeStamp
from edxml_router.credentials.keys import write_new
from edxml_router.credentials.time_stamping import read_stamp_of
from edxml_router.ports.views import Views

PAGE: Final = 200
LATE: Final = "EDX647"


def kept_stamps(views: Views, before: tuple[int, str] | None = None, limit: int = PAGE) -> Sequence[KeptTimeStamp]:
    """A page of those that are kept, of the largest checkpoint first; ``before`` is the last one's size and
    authority."""
    return views.time_stamps(before, limit)


def stamped_checkpoint(views: Views, size: int | None = None) -> KeptTimeStamp:
    """The newest, or that over the checkpoint of this size. Raises Refusal EDX606."""
    found = views.time_stamps(limit=1) if size is None else views.time_stamps((size + 1, ""), 1)
    if not found or size not in (None, found[0].size):
        raise Refusal("EDX606", where="journal", detail=Detail("no checkpoint of this size is stamped"))
    return found[0]


def write_token(path: Path, stamp: KeptTimeStamp) -> None:
    """The stamp (TimeStampToken, DER) in a new file. Raises Refusal EDX908."""
    write_new(path, stamp.token)


def stamp_gaps(
    settings: Settings, views: Views, now: datetime
) -> Iterator[tuple[str, KeptTimeStamp | None, Finding | None]]:
    """Of each authority its last stamp, and what is wrong: there are signed checkpoints beyond it for longer than two
    intervals. A journal in which nothing is written needs no new stamp."""
    patience = 2 * settings.journal.stamp_interval
    for authority in settings.journal.stamps:
        last = views.last_time_stamp(authority.url)
        since = views.unstamped_since(last.size if last else 0)
        finding = None
        if since is not None and since < now - patience:
            finding = Finding(
                LATE, authority.url, Detail("no time stamp over entries since {at:%Y-%m-%d %H:%M}", at=since)
            )
        yield authority.url, last, finding


def stamp_damages(views: Views, settings: Settings) -> Iterator[Damage]:
    """What is wrong with stamps that are kept: one over another root than this journal has at that size, or one that
    does not hold by the anchors of its authority; those of authorities that are not configured are only compared."""
    authorities = {one.url: one for one in settings.journal.stamps}
    page: Sequence[KeptTimeStamp] = kept_stamps(views)
    while page:
        for one in page:
            try:
                text = TreeHead(settings.origin, one.size, views.root_at(one.size)).text.encode()
                if not one.note.startswith(text + b"\n"):
                    raise ValueError(Detail("what was stamped is another checkpoint"))
                if authority := authorities.get(one.authority):
                    read_stamp_of(authority, one.token, one.note)
            except ValueError as error:
                yield Damage(Detail("time stamp over checkpoint {size}", size=one.size), said(error))
        page = kept_stamps(views, (page[-1].size, page[-1].authority))
