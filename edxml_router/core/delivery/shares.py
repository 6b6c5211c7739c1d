"""How much of a shared space each may take, so that nobody fills it for the others.

    allowed = share({"xa": 700, "huyen": 20}, "xa", total=1000, members=3)

Half of the space is divided into equal guaranteed parts, one for each member and one for all strangers together. The
other half goes to whoever needs more: each may have half of what the others leave of it, so there is always room for
one more (dynamic thresholds: Choudhury and Hahne, IEEE/ACM Transactions on Networking 6, 1998). Fixed parts alone would
be small with many neighbours, and unused while most are quiet.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Final

_ORDINARY: Final = 10  # one place in ten of a batch, at least one, is for ordinary mail, however much is urgent

STRANGERS: Final = ""  # the common name of all non-members, since a name costs nothing


def allowance(used: Mapping[str, int], name: str, total: int, members: int) -> int:
    """How much of ``total`` ``name`` may have altogether, given what the others have in ``used``."""
    certain = total // (2 * (members + 1))
    common = total - certain * (members + 1)
    taken = sum(max(0, each - certain) for other, each in used.items() if other != name)
    return certain + max(0, common - taken) // 2


def for_ordinary(places: int) -> int:
    """How many places of a batch urgent mail leaves to waiting ordinary mail.

    The sender decides what is urgent. With strict priority a sender that marks all its mail urgent would stop
    everybody's ordinary mail; with a share that mail is only slower, and urgent mail still has the greater part.
    """
    return max(1, places // _ORDINARY) if places > 1 else 0


def counted_as(name: str, members: Collection[str]) -> str:
    """The name under which it counts."""
    return name if name in members else STRANGERS
