"""The checkpoint under which a certificate proves its entries: the one by which most is known of when and by whom.

    found = best_checkpoint(views, least, key, witnesses, lambda stamp: …)

In this order: stamped, with a witness; with a witness; stamped; signed. Of stamped ones the first, whose time is
nearest to the entries; of the others the newest. What does not hold is passed over: whoever owns the database can put
false stamps and cosignatures before true ones.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

from edxml_router.config import Settings
from edxml_router.core.problems import Refusal
from edxml_router.core.proof.note import SignedNote, VerifierKey, read_note, verified
from edxml_router.core.proof.witness import KeptTimeStamp
from edxml_router.credentials.identities import log_keys, neighbour_sections
from edxml_router.credentials.time_stamping import read_stamp_of
from edxml_router.ports.views import Views
from edxml_router.services.certificates.entries import has_cosigned
from edxml_router.stages.witness.stamping import signed_note

TRIED: Final = 50  # stamps, and cosigned checkpoints, that are looked at; whoever puts in more can delete them as well
_MOST: Final = 4  # the weight of what is stamped, and has a witness


@dataclass(frozen=True, slots=True)
class CertifiedCheckpoint:
    """The bytes of a checkpoint over ``size`` entries, and the time stamp over them, empty where there is none."""

    size: int
    note: bytes
    token: bytes = b""


def witness_keys(settings: Settings) -> list[VerifierKey]:
    """The keys by which neighbours' cosignatures are verified here."""
    return [key.cosigner for section in neighbour_sections(settings) for key in log_keys(section)]


def stamp_holds(settings: Settings, stamp: KeptTimeStamp) -> bool:
    """Whether a kept stamp is one of an authority of journal.stamps. One of an authority that is not named any more
    is not told from one that somebody made up."""
    for authority in settings.journal.stamps:
        with suppress(ValueError, Refusal):
            read_stamp_of(authority, stamp.token, stamp.note)
            return True
    return False


def best_checkpoint(
    views: Views,
    least: int,
    key: VerifierKey,
    witnesses: Sequence[VerifierKey],
    holds: Callable[[KeptTimeStamp], bool],
) -> CertifiedCheckpoint | None:
    """The checkpoint over ``least`` entries or more that says most; None where this key has signed none: another may
    have, before the key was changed. ``holds``: whether a stamp is one."""
    best, most = None, 0
    for one in _candidates(views, least, witnesses, holds):
        if (weight := _weight(one, key, witnesses)) > most:
            best, most = one, weight
        if most == _MOST:
            break
    return best


def _candidates(
    views: Views, least: int, witnesses: Sequence[VerifierKey], holds: Callable[[KeptTimeStamp], bool]
) -> Iterator[CertifiedCheckpoint]:
    for stamp in views.first_time_stamps(least, TRIED):
        if holds(stamp):
            yield CertifiedCheckpoint(stamp.size, stamp.note, stamp.token)
    newest = views.signed_checkpoint(least)
    found = (*map(views.checkpoint, views.cosigned_sizes(least, TRIED)), newest)
    for one in found:
        if one is not None and one.note is not None:
            with suppress(ValueError):
                yield CertifiedCheckpoint(one.size, _without_false(signed_note(views, one), witnesses))
    if newest is not None and newest.note is not None:  # whatever lines are kept under it
        yield CertifiedCheckpoint(newest.size, newest.note)


def _without_false(note: bytes, witnesses: Sequence[VerifierKey]) -> bytes:
    """A checkpoint without the lines that name a witness and are not its own: its reader would refuse the whole."""
    read = read_note(note)
    kept = [
        one
        for one in read.signatures
        if not any(one.by(key) and not _holds(SignedNote(read.text, (one,)), key) for key in witnesses)
    ]
    return SignedNote(read.text, tuple(kept)).data


def _holds(note: SignedNote, key: VerifierKey) -> bool:
    try:
        return has_cosigned(note, key)
    except ValueError:
        return False


def _weight(one: CertifiedCheckpoint, key: VerifierKey, witnesses: Sequence[VerifierKey]) -> int:
    """How much it says; 0 where it is not signed by the key, or has a false cosignature (somebody changed the rows)."""
    try:
        note = read_note(one.note)
        if not verified(note, [key]):
            return 0
        seen = [has_cosigned(note, witness) for witness in witnesses]
    except ValueError:
        return 0
    return 1 + bool(one.token) + 2 * any(seen)
