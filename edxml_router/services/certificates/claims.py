"""What a certificate proves and what it does not, in sentences for a judge.

    proved, not_proved = claims(Ground(...))

The same sentences stand in the certificate, on its page, and in the answer of its verification; there for what was
verified, here for what the node has.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from edxml_router.core.detail import Detail, joined
from edxml_router.core.proof.time_stamp import TimeStamp
from edxml_router.core.retention.values import RemovedBody
from edxml_router.services.certificates.decisions import KnownStanding
from edxml_router.services.certificates.statements import SignedEnd


@dataclass(frozen=True, slots=True)
class Ground:
    """What a certificate rests on. ``signer`` is the subject of the node's certificate; ``stamped`` and
    ``journal_stamped`` are time stamps that were verified, over the certificate and over the checkpoint with the
    signatures under it; ``others_signed``: names under the checkpoint whose keys are not known here."""

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
    ends: Sequence[SignedEnd] = ()  # signed by the nodes where they came, and enclosed
    gone: RemovedBody | None = None  # the letter's bytes were removed on purpose
    stamped: TimeStamp | None = None
    journal_stamped: TimeStamp | None = None
    others_signed: Sequence[str] = ()
    stamp_enclosed: bool = False  # one that nobody has verified here
    revocation_known: bool = False
    standings: Sequence[KnownStanding] = ()  # of the certificates by which the letter's signature was judged
    letter_signed: bool = False


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
    found += [_ended(one) for one in ground.ends]
    if ground.journal_stamped is not None:
        found.append(
            Detail(
                "The entries that are shown, that root and the signatures under it existed on {at:%Y-%m-%d %H:%M:%S} "
                "UTC, by the word of the time stamp authority {authority}: none of it was made up later.",
                at=ground.journal_stamped.at,
                authority=ground.journal_stamped.signer,
            )
        )
    if ground.stamped is not None:
        found.append(
            Detail(
                "The certificate and its signature existed on {at:%Y-%m-%d %H:%M:%S} UTC, by the word of the time "
                "stamp authority {authority}.",
                at=ground.stamped.at,
                authority=ground.stamped.signer,
            )
        )
    found += [_told(one) for one in ground.standings if one.told]
    if any(one.told and one.used for one in ground.standings):
        found.append(
            Detail(
                "These lists are those that the node went by when it accepted the letter: the entry of the acceptance "
                "has the SHA-256 of them all."
            )
        )
    if ground.with_letter:
        found.append(Detail("The letter that is enclosed is the one that the entries are about, byte for byte."))
    return found


def _ended(end: SignedEnd) -> Detail:
    """What the node where a delivery ended has signed."""
    values = {"node": end.said.node, "recipient": end.said.recipient, "at": end.said.at}
    return {
        "confirmed": Detail(
            "The recipient's node itself, {node}, has signed that {recipient} confirmed the letter on "
            "{at:%Y-%m-%d %H:%M:%S} UTC, by its clock; its certificate names that agency.",
            **values,
        ),
        "returned": Detail(
            "The node {node}, where the delivery ended, has itself signed that the letter to {recipient} was returned "
            "on {at:%Y-%m-%d %H:%M:%S} UTC, by its clock.",
            **values,
        ),
        "expired": Detail(
            "The node {node}, where the delivery ended, has itself signed that the time for the letter to {recipient} "
            "was over on {at:%Y-%m-%d %H:%M:%S} UTC, by its clock.",
            **values,
        ),
        "cancelled": Detail(
            "The node {node}, where the delivery ended, has itself signed that the delivery to {recipient} was "
            "cancelled on {at:%Y-%m-%d %H:%M:%S} UTC, by its clock.",
            **values,
        ),
    }[end.said.outcome]


def _told(one: KnownStanding) -> Detail:
    """What an authority has signed of a certificate that counted for the letter's signature."""
    if one.revoked is None:
        return Detail(
            "The authority {issuer} says, as of {at:%Y-%m-%d %H:%M:%S} UTC, that the certificate of {subject}, by "
            "which the letter's signature was judged, is not revoked.",
            issuer=one.issuer,
            at=one.at,
            subject=one.about,
        )
    return Detail(
        "The authority {issuer} says, as of {at:%Y-%m-%d %H:%M:%S} UTC, that the certificate of {subject}, by which "
        "the letter's signature was judged, is revoked since {revoked:%Y-%m-%d %H:%M:%S} UTC.",
        issuer=one.issuer,
        at=one.at,
        subject=one.about,
        revoked=one.revoked,
    )


def _untold(one: KnownStanding) -> Detail:
    if one.enclosed:
        return Detail(
            "What is enclosed of whether the certificate of {subject} was revoked, unless it is verified by that of "
            "the authority {issuer}.",
            subject=one.about,
            issuer=one.issuer,
        )
    return Detail(
        "Whether the certificate of {subject} was revoked: what {issuer} said as of {at:%Y-%m-%d %H:%M:%S} UTC has "
        "{size} bytes and is named by its SHA-256, {digest}. Ask for it.",
        subject=one.about,
        issuer=one.issuer,
        at=one.at,
        size=one.size,
        digest=one.sha256,
    )


def _without_statement(ground: Ground) -> list[str]:
    """Recipients of whom this node says that the delivery ended, and nobody else does."""
    stated = {code for end in ground.ends for code in (end.said.recipient, end.said.resolved)}
    return [code for code, state in ground.outcomes if state in _ENDS and code not in stated]


_ENDS: Final = ("confirmed", "returned", "expired")


def _not_proved(ground: Ground) -> list[Detail]:
    found = []
    if ground.stamped is not None or ground.journal_stamped is not None:
        found.append(
            Detail("The times in the entries, but that they are not later than the time stamps: they are nodes' words.")
        )
    elif ground.stamp_enclosed:
        found.append(Detail("When, unless the time stamp that is enclosed is verified: all times are the node's word."))
    else:
        found.append(Detail("When: there is no time stamp; all times are the node's word."))
    if not ground.log_signed:
        found.append(Detail("That the root is the journal's: its own key has not signed it, only the node as a whole."))
    if not ground.witnesses:
        found.append(Detail("That nobody was shown another journal: no witness known here has signed the same root."))
    if ground.others_signed:
        names = joined(", ", ground.others_signed)
        found.append(
            Detail(
                "What else is signed under that root, unless it is verified by the keys of these: {names}.", names=names
            )
        )
    if (bare := _without_statement(ground)) and ground.ends:
        found.append(
            Detail(
                "What other nodes did about {recipients}, but by this node's word: there the statement of the node "
                "where the delivery ended is not enclosed.",
                recipients=joined(", ", bare),
            )
        )
    elif bare:
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
    found += [_untold(one) for one in ground.standings if not one.told]
    if ground.letter_signed and not ground.standings:
        found.append(
            Detail("That the certificate that signed the letter held then: no list or answer about it is enclosed.")
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
