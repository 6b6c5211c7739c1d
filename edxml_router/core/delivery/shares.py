"""Who may take how much of a space that all share, so that nobody fills it for the others.

    allowed = share({"xa": 700, "huyen": 20}, "xa", total=1000, members=3)

One half of the space is cut into equal parts, one for each member and one for all strangers together: that much is
certain. The other half is for whoever needs more, and each may have half of what the others leave of it, so that
there is always room for one more (dynamic thresholds: Choudhury and Hahne, IEEE/ACM Transactions on Networking 6,
1998). A fixed part alone would be small where there are many neighbours, and unused where most are quiet.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Final

_ORDINARY: Final = 10  # one place in ten of a batch is for ordinary mail, however much is called urgent; at least one

STRANGERS: Final = ""  # the name that all who are no members have together: names cost nothing


def share(used: Mapping[str, int], name: str, total: int, members: int) -> int:
    """How much ``name`` may have in all, of ``total``, while the others have what ``used`` says."""
    certain = total // (2 * (members + 1))
    common = total - certain * (members + 1)
    taken = sum(max(0, each - certain) for other, each in used.items() if other != name)
    return certain + max(0, common - taken) // 2


def for_ordinary(places: int) -> int:
    """How many places of a batch urgent mail leaves to ordinary mail that waits.

    Who sends says what is urgent. With a strict order one sender that calls all its mail so would stop everybody's
    ordinary mail; with a share it is only slower, and urgent mail has the greater part still.
    """
    return max(1, places // _ORDINARY) if places > 1 else 0


def holder(name: str, members: Collection[str]) -> str:
    """Under which name it counts."""
    return name if name in members else STRANGERS
