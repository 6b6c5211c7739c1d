"""The page of links and offices."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

TEXTS: Final[Mapping[str, str]] = {
    "links.title": "Links and offices",
    "links.scope": "As of {at}. Last heard of: by the newest {looked} entries of the journal.",
    "links.name": "Name",
    "links.role.parent": "parent",
    "links.role.child": "child",
    "links.role.office": "office",
    "links.heard": "Last heard of",
    "links.unheard": "not among these",
    "links.waiting": "Waits now",
    "links.certificate": "Certificate ends",
    "links.days": "in {days} days",
    "links.none": "none named",
    "links.standing": "How it stands",
    "links.level.calm": "in order",
    "links.level.some": "some waits 20 minutes or more",
    "links.level.much": "some waits 160 minutes or more",
    "links.level.silent": "no answer",
    "links.halted": "Halted by {actor} since {at}: {count} held",
    "links.release": "Let go on",
    "links.halt": "Let mail wait",
    "links.way": "Link or office",
    "links.reason": "Reason, for the journal",
    "links.preview": "See how much waits",
    "links.halt_hint": "Also what comes later waits then, until somebody lets it go on.",
    "links.halt_title": "Let mail for {way} wait",
    "links.halt_count": "{count} deliveries wait for it now and would be held; what comes later is held, too.",
    "links.halt_do": "Let it wait",
    "links.back": "Do not do it",
    "links.nobody": "There are no neighbours and no offices.",
    "note.halted": "Its mail waits from now on.",
    "note.released": "Its mail goes on.",
}
