"""Mail under way to an agency that is now served at another node.

A node that receives mail for an agency it used to serve, or still has such mail in an inbox, *hands it back* (EDX508)
to the neighbour that brought it. That is not an end: the neighbour still has the envelope, and sends it to the agency's
new node. While no node knows that one yet, the letter waits and is tried again periodically, so the nodes may be told
of the move in any order.
"""

from __future__ import annotations

from typing import Final

HANDED_BACK: Final = "EDX508"
# Answers of a neighbour that does not have the agency. They are no reason to return a letter when our routes by now
# lead to the agency another way.
NOT_THERE: Final = frozenset({"EDX505", "EDX506", HANDED_BACK})
