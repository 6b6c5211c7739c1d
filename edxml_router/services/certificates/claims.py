"""What a certificate proves and what it does not, in sentences for a judge.

    proved, not_proved = claims(Ground(...))

The same sentences stand in the certificate, on its page, and in the answer of its verification; there for what was
verified, here for what the node has.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from edxml_router.core.detail import Detail, joined
from edxml_router.core.retention.values import RemovedBody


@dataclass(frozen=True, slots=True)
class Ground:
    """What a certificate rests on. ``signer`` is the subject of the node's certificate; ``stamped_at`` is by a
    time stamp that was verified."""

    node: str
    signer: str
    origin: str
    size: int
    entries: int
    log_signed: bool
    witnesses: Sequence[str]
    outcomes: Sequence[tuple[str, str]]  # recipient, state
    digest: str
    with_letter: bool
    stamped_at: datetime | None = None
    gone: RemovedBody | None = None  # the letter's bytes were removed on purpose
    stamp_enclosed: bool = False  # one that nobody has verified here
    revocation_known: bool = False


def claims(ground: Ground) -> tuple[list[Detail], list[Detail]]:
    """The sentences: what is proved, and what is not."""
    return _proved(ground), _not_proved(ground)


def _proved(ground: Ground) -> list[Detail]:
    found = [
        Detail(
            "The node {node} states all that stands in this certificate: it has signed every file of it, as {signer}.",
            node=ground.node,
            signer=ground.signer,
        ),
        Detail(
            "The {count} entries of its journal that are shown are among the first {size} entries of that journal "
            "({origin}): none of them can have been changed, put in or taken out since without another root.",
            count=ground.entries,
            size=ground.size,
            origin=ground.origin,
        ),
    ]
    if ground.log_signed:
        found.append(Detail("The journal's own key has signed that root."))
    if ground.witnesses:
        names = joined(", ", ground.witnesses)
        found.append(Detail("These nodes have signed the same root as witnesses: {names}.", names=names))
    if ground.stamped_at is not None:
        found.append(
            Detail(
                "The certificate and its signature existed on {at:%Y-%m-%d %H:%M:%S} UTC, by the word of a time stamp "
                "authority.",
                at=ground.stamped_at,
            )
        )
    if ground.with_letter:
        found.append(Detail("The letter that is enclosed is the one that the entries are about, byte for byte."))
    return found


def _not_proved(ground: Ground) -> list[Detail]:
    found = []
    if ground.stamp_enclosed and ground.stamped_at is None:
        found.append(Detail("When, unless the time stamp that is enclosed is verified: all times are the node's word."))
    elif ground.stamped_at is None:
        found.append(Detail("When: there is no time stamp; all times are the node's word."))
    if not ground.log_signed:
        found.append(Detail("That the root is the journal's: its own key has not signed it, only the node as a whole."))
    if not ground.witnesses:
        found.append(Detail("That nobody was shown another journal: no witness known here has signed the same root."))
    if any(state in ("confirmed", "returned", "expired") for _, state in ground.outcomes):
        found.append(
            Detail(
                "What other nodes did, but by this node's word: the statement of the node where a delivery ended is "
                "not enclosed."
            )
        )
    if not ground.revocation_known:
        found.append(
            Detail("That the node's certificate was not revoked when it signed: that is to be asked of its authority.")
        )
    if not ground.with_letter:
        found.append(
            Detail("What the letter says: it is named by its SHA-256, {digest}. Compare it.", digest=ground.digest)
        )
    if ground.gone is not None:
        removal = ground.gone.removal
        found.append(
            Detail(
                "What the letter says can be compared with a copy elsewhere only: its bytes were removed here on "
                "purpose on {at:%Y-%m-%d}, by rule {rule}, at position {position} of the journal.",
                at=removal.at,
                rule=removal.rule,
                position="-" if ground.gone.position is None else ground.gone.position,
            )
        )
    found.append(Detail("That any person has read the letter: confirmed means that the recipient's system took it."))
    return found
