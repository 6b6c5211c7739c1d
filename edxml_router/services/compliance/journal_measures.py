"""Measures of what the node writes: that it is kept, unchanged, in order, and seen by others."""

from __future__ import annotations

import itertools
import json
from datetime import datetime, timedelta
from typing import Final

from edxml_router.core.delivery.journal import JOURNAL_READ, Entry
from edxml_router.core.detail import Detail
from edxml_router.services.compliance.situation import Measurement, Situation, gap, met, not_measured
from edxml_router.store.database.guards import GUARDS, missing_guards

LOOKED_AT: Final = 1000  # entries, the newest
APART_WITHIN: Final = timedelta(days=1)  # a neighbour has cosigned what was written up to then
_MONTH: Final = timedelta(days=31)
_LEVEL_MONTHS: Final = {2: 1, 3: 3, 4: 6}
_ARCHIVE_MONTHS: Final = 12


def immutable(situation: Situation) -> Measurement:
    """Whether the database itself refuses changes."""
    missing = missing_guards(situation.ledger.engine)
    count = sum(map(len, GUARDS.values()))
    in_effect = Detail("triggers of the database refuse changes and deletions")
    if missing:
        return gap(
            in_effect, Detail("{count} triggers are missing: {names}", count=len(missing), names=", ".join(missing))
        )
    return met(in_effect, Detail("{count} triggers are there and in force", count=count))


def kept_by_level(situation: Situation) -> Measurement:
    return _kept(situation, _LEVEL_MONTHS[situation.level])


def kept_by_archives(situation: Situation) -> Measurement:
    return _kept(situation, _ARCHIVE_MONTHS)


def _kept(situation: Situation, months: int) -> Measurement:
    """A journal younger than the term is kept for it if nothing was removed and nothing can be."""
    in_effect = Detail("entries are never removed; {months} months are asked for", months=months)
    first = situation.ledger.views.leaves(0, 1)
    if missing := missing_guards(situation.ledger.engine):
        return gap(in_effect, Detail("triggers are missing: {names}", names=", ".join(missing)))
    if not situation.size:
        return not_measured(in_effect, Detail("the journal is empty"))
    if not first:
        return gap(in_effect, Detail("its first entries are gone"))
    begun = Entry.read(first[0][1]).at
    days = (situation.now - begun).days
    told = Detail(
        "from position 0 ({begun:%Y-%m-%d}, {days} days ago) to {end}", begun=begun, days=days, end=situation.size - 1
    )
    return met(in_effect, told)


def utc(situation: Situation) -> Measurement:
    in_effect = Detail("UTC, whatever the machine's zone")
    leaves = _newest(situation)
    if not leaves:
        return not_measured(in_effect, Detail("the journal is empty"))
    others = sum(not str(json.loads(entry).get("at", "")).endswith("Z") for _, entry, _ in leaves)
    if others:
        return gap(
            in_effect, Detail("{count} of the newest {all} entries have another zone", count=others, all=len(leaves))
        )
    return met(in_effect, Detail("the newest {all} entries", all=len(leaves)))


def unique_stamps(situation: Situation) -> Measurement:
    in_effect = Detail("a stamp for each entry, later than that of the one before")
    leaves = _newest(situation)
    if len(leaves) < 2:
        return not_measured(in_effect, Detail("the journal is empty"))
    stamps = [stamp for _, _, stamp in leaves]
    if None in stamps:
        return gap(in_effect, Detail("entries of an earlier version have none"))
    known = [stamp for stamp in stamps if stamp is not None]
    wrong = sum(not earlier < later for earlier, later in itertools.pairwise(known))
    if wrong:
        return gap(
            in_effect, Detail("{count} of the newest {all} entries are out of order", count=wrong, all=len(known))
        )
    return met(in_effect, Detail("the newest {all} entries", all=len(known)))


def apart(situation: Situation) -> Measurement:
    """Whether somebody else holds what the journal was: neighbours who cosign its checkpoints."""
    settings = situation.settings
    in_effect = Detail("journal.key, and log_keys of neighbours")
    if settings.journal.key is None:
        return gap(in_effect, Detail("checkpoints are not signed"))
    size = situation.ledger.views.cosigned_size()
    if size is None:
        return gap(in_effect, Detail("no neighbour has cosigned a checkpoint"))
    mark, newest = situation.ledger.views.checkpoint(size), situation.ledger.views.checkpoint()
    at = mark.at if mark else datetime.min.replace(tzinfo=situation.now.tzinfo)
    told = Detail(
        "{size} of {all} entries are cosigned, as of {at:%Y-%m-%d %H:%M} UTC", size=size, all=situation.size, at=at
    )
    if newest is not None and newest.size > size and situation.now - at > APART_WITHIN:
        return gap(in_effect, told)
    return met(in_effect, told)


def readers_noted(situation: Situation) -> Measurement:
    """Whether questions left their entry. Who reads a copy, or the database itself, is seen by nobody here."""
    in_effect = Detail("each question to the node's own database is an entry; of copies nothing is known")
    noted = situation.ledger.views.lines(event=JOURNAL_READ, limit=1)
    if not noted:
        return not_measured(in_effect, Detail("nobody has asked yet"))
    return met(in_effect, Detail("noted since {at:%Y-%m-%d %H:%M} UTC", at=noted[0].entry.at))


def operation_log(situation: Situation) -> Measurement:
    in_effect = Detail("log.level {level}, on standard error", level=situation.settings.log.level)
    return not_measured(in_effect, Detail("how long it is kept is up to whatever collects it"))


def _newest(situation: Situation) -> list[tuple[int, bytes, datetime | None]]:
    size = situation.size
    return list(situation.ledger.views.leaves(max(0, size - LOOKED_AT), size))
