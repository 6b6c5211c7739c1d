"""Words of people that an entry commits to, and does not hold: they may name somebody, and an entry stays for ever.

    reason = reason_of(move, os.urandom)          # None for most
    facts["reason_sha256"] = reason.commitment

The salt lies beside the words and goes with them. It is not in the entry, where whoever suspects what was written could
try it out for ever; without it, a digest of a short text tells nothing.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from edxml_router.core.delivery.values import Move
from edxml_router.core.detail import Detail
from edxml_router.core.link.statement import BY_RECIPIENT

SALT_BYTES: Final = 16
FACT: Final = "reason_sha256"
_KIND: Final = b"edxml-reason/1\n"


@dataclass(frozen=True, slots=True)
class CommittedReason:
    """Words that an entry about ``digest`` and ``recipient`` commits to."""

    commitment: str
    digest: str
    recipient: str
    salt: bytes
    words: str

    @property
    def holds(self) -> bool:
        """Whether these are the words that were committed."""
        return commitment(self.salt, self.words) == self.commitment


def commitment(salt: bytes, words: str) -> str:
    """SHA-256, hex, of ``edxml-reason/1``, a line feed, the salt, and the words in UTF-8."""
    return hashlib.sha256(_KIND + salt + words.encode("utf-8", "surrogatepass")).hexdigest()


def reason_of(move: Move, random: Callable[[int], bytes]) -> CommittedReason | None:
    """What an entry is to commit to: what the recipient's office wrote when it sent the letter back. Our own words,
    which stay translatable, are no person's."""
    if move.code != BY_RECIPIENT or not move.detail or isinstance(move.detail, Detail):
        return None
    one, salt = move.delivery, random(SALT_BYTES)
    return CommittedReason(commitment(salt, move.detail), one.digest, one.recipient, salt, move.detail)
