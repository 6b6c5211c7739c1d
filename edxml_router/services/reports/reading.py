"""Read the journal from its first entry to a checkpoint, and gather what is counted.

What is read is each entry's canonical bytes, and nothing else of the database: neither the columns beside them nor any
other table. The same bytes are hashed into the tree, so the root that a report shows is that over exactly what was
counted. Raises Setback EDX605 where an entry is missing or is none, EDX601, and what the views raise.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, Final

from edxml_router.core.agencies.code import level_of
from edxml_router.core.delivery.figures.deadlines import month_of
from edxml_router.core.delivery.figures.values import LETTER_KINDS, STATUS, ReportQuestion, TurnedAway
from edxml_router.core.delivery.journal import (
    DELIVERY_EVENTS,
    DELIVERY_QUEUED,
    ENVELOPE_ACCEPTED,
    INPUT_COUNTED,
    MerkleTree,
    leaf_bytes,
    leaf_hash,
)
from edxml_router.core.delivery.lifecycle import ENDS
from edxml_router.core.detail import Detail
from edxml_router.core.message.document_id import comparable
from edxml_router.core.problems import Setback
from edxml_router.core.signature.verdict import Indication
from edxml_router.ports.views import Views
from edxml_router.services.reports.ground import CountingGround

PAGE: Final = 5000  # entries in one read
OPEN: Final = "open"
ENVELOPE_REFUSED: Final = "envelope.refused"
_MOVES: Final = frozenset(DELIVERY_EVENTS.values())
_ENDS: Final = frozenset(state.value for state in ENDS)
_RECALL: Final = 1
_FUTURE: Final = 2**62  # no lifetime is told


class JournalReading:
    """The tree so far, and what the entries say."""

    def __init__(self, question: ReportQuestion, ground: CountingGround) -> None:
        self.tree = MerkleTree()
        self.untold = 0
        self._question = question
        self._ground = ground
        self._turned_away: dict[tuple[str, str], int] = {}

    def read(self, views: Views, size: int, progress: Callable[[int], None]) -> None:
        """The first ``size`` entries. ``progress`` gets how many more were read."""
        while self.tree.size < size:
            begin = self.tree.size
            for position, entry, stamp in views.leaves(begin, min(size, begin + PAGE)):
                if position != self.tree.size:
                    raise _damaged(self.tree.size, Detail("an entry is missing"))
                self.tree.add(leaf_hash(leaf_bytes(entry, stamp)))
                self._take(position, entry)
            if self.tree.size == begin:
                raise _damaged(begin, Detail("an entry is missing"))
            progress(self.tree.size - begin)
        self.untold += self._ground.complete()

    def turned_away(self) -> tuple[TurnedAway, ...]:
        """Refused input in the months asked for."""
        asked, counts = self._question, sorted(self._turned_away.items())
        return tuple(TurnedAway(*key, count) for key, count in counts if asked.first <= key[0] <= asked.last and count)

    def _take(self, position: int, entry: bytes) -> None:
        try:
            told = json.loads(entry)
            happened = told["event"]
            if happened in _MOVES:
                self._moved(position, told)
            elif happened == DELIVERY_QUEUED:
                self._queued(position, told)
            elif happened == ENVELOPE_ACCEPTED:
                self._accepted(position, told)
            elif happened in (ENVELOPE_REFUSED, INPUT_COUNTED):
                self._refused(told)
        except (ValueError, TypeError, KeyError, AttributeError, IndexError, RecursionError) as error:
            raise _damaged(position, Detail("not an entry")) from error

    def _accepted(self, position: int, told: Mapping[str, Any]) -> None:
        facts = told.get("facts", {})
        if "sender" not in facts or "kind" not in facts:
            self.untold += 1
            return
        sender, name = facts["sender"], comparable(facts.get("document", ""))
        business = facts.get("business", 0)
        kind = STATUS if facts["kind"] == STATUS else LETTER_KINDS[business]
        urgency = "urgent" if facts.get("urgent") else "ordinary"
        signed = _text(told.get("detail", "")).partition(":")[0] == Indication.PASSED
        month = month_of(datetime.fromisoformat(told["at"]))
        values = (month, sender, level_of(sender), urgency, kind, int(signed), name, position)
        self._ground.document(told["envelope"], *values)
        if business == _RECALL and kind != STATUS:
            for target in facts.get("refers_to", ()):
                self._ground.recall(sender, target, position)

    def _queued(self, position: int, told: Mapping[str, Any]) -> None:
        facts = told.get("facts", {})
        begun = datetime.fromisoformat(told["at"])
        due = _milliseconds(self._question.deadlines.due(begun, urgent=bool(facts.get("urgent"))))
        lasts = facts.get("expires_at")
        due = min(due, _milliseconds(datetime.fromisoformat(lasts)) if lasts else _FUTURE)
        recipient = told["recipient"]
        self._ground.delivery(told["envelope"], recipient, level_of(recipient), _milliseconds(begun), due, position)

    def _moved(self, position: int, told: Mapping[str, Any]) -> None:
        """Only what ends a delivery, corrects its end, or opens it again."""
        after = told.get("after", "")
        if after in _ENDS:
            at = told.get("facts", {}).get("ended_at", told["at"])
            ended = _milliseconds(datetime.fromisoformat(at))
            self._ground.outcome(told["envelope"], told["recipient"], after, ended, told.get("code", ""), position)
        elif told.get("before", "") in _ENDS:
            self._ground.outcome(told["envelope"], told["recipient"], OPEN, None, "", position)

    def _refused(self, told: Mapping[str, Any]) -> None:
        """Beyond a peer's share of an hour only a number is noted, of whatever was odd."""
        detail = told.get("detail", "")
        count = 1
        if told["event"] == INPUT_COUNTED:
            count = detail[1].get("counted", 0) if isinstance(detail, list) else 0
        key = (month_of(datetime.fromisoformat(told["at"])), told.get("code", ""))
        self._turned_away[key] = self._turned_away.get(key, 0) + int(count)


def _text(detail: Any) -> str:
    """The verdict, which is a plain text."""
    return detail if isinstance(detail, str) else ""


def _milliseconds(at: datetime) -> int:
    return round(at.timestamp() * 1000)


def _damaged(place: int, detail: Detail) -> Setback:
    return Setback("EDX605", where=Detail("place {place}", place=place), detail=detail)
