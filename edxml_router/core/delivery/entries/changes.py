"""What changed rows of many envelopes at once, with one entry: parties that were renamed, and restored back-ups, after
which open deliveries have at least until a day.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from edxml_router.core.delivery.journal import JOURNAL_RESTORED, PEER_RENAMED, Entry

TOLD_BY: Final = (JOURNAL_RESTORED, PEER_RENAMED)


@dataclass(slots=True)
class Changes:
    """Those that the journal tells of. ``renamed``: routes, each with what it is called now; ``graces``: until when
    open deliveries were given time."""

    renamed: dict[str, str] = field(default_factory=dict)
    graces: set[datetime] = field(default_factory=set)

    def add(self, entry: Entry) -> None:
        """The next entry of one of these events. Raises ValueError, TypeError for facts that no version has written."""
        if entry.event == PEER_RENAMED:
            values = entry.facts or getattr(entry.detail, "values", {})  # of earlier versions: those of the words
            self.renamed[str(values.get("old", ""))] = str(values.get("new", ""))
        elif entry.event == JOURNAL_RESTORED and "expires_at" in entry.facts:
            self.graces.add(datetime.fromisoformat(entry.facts["expires_at"]))

    def party(self, name: str) -> str:
        """What a party is called now."""
        seen = {name}
        while name in self.renamed and self.renamed[name] not in seen:
            name = self.renamed[name]
            seen.add(name)
        return name

    def peer(self, name: str) -> str:
        """The same for who brought an envelope, whose row has no kind of party."""
        for kind in ("link", "office"):
            following = self.party(f"{kind}:{name}")
            if following != f"{kind}:{name}":
                return following.partition(":")[2]
        return name
