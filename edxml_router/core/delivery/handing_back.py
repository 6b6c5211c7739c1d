"""Mail for an agency that is served at another node now, while it is under way.

A node that is brought mail for an agency which it has served, and does not serve any more, or that has such mail in an
inbox, *hands it back* (EDX508) to the neighbour that brought it. That is no end: the neighbour has the envelope still,
and sends it where the agency is now. Where no node knows that yet, the letter waits, and is tried again now and then,
whichever of the nodes is told of the move first.
"""

from __future__ import annotations

from typing import Final

HANDED_BACK: Final = "EDX508"
# What a neighbour answers that does not have the agency. It is no reason to return a letter here when the routes say
# by now that the agency lives behind somebody else.
NOT_THERE: Final = frozenset({"EDX505", "EDX506", HANDED_BACK})
