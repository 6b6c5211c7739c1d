"""The checkpoint under which a certificate proves its entries: the one by which most is known of when and by whom.

    found = best_checkpoint(views, least, key, witnesses)

In this order: stamped, with a witness; with a witness; stamped; signed. Of stamped ones the first, whose time is
nearest to the entries; of the others the newest.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from edxml_router.config import Settings
from edxml_router.core.delivery.views import Checkpoint
from edxml_router.core.proof.note import VerifierKey, read_note, verified
from edxml_router.credentials.identities import log_keys, neighbour_sections
from edxml_router.ports.views import Views
from edxml_router.services.certificates.entries import has_cosigned
from edxml_router.stages.witness.stamping import signed_note


@dataclass(frozen=True, slots=True)
class CertifiedCheckpoint:
    """The bytes of a checkpoint over ``size`` entries, and the time stamp over them, empty where there is none."""

    size: int
    note: bytes
    token: bytes = b""


def witness_keys(settings: Settings) -> list[VerifierKey]:
    """The keys by which neighbours' cosignatures are verified here."""
    return [key.cosigner for section in neighbour_sections(settings) for key in log_keys(section)]


def best_checkpoint(
    views: Views, least: int, key: VerifierKey, witnesses: Sequence[VerifierKey]
) -> CertifiedCheckpoint | None:
    """The checkpoint over ``least`` entries or more that says most; None where this key has signed none: another may
    have, before the key was changed."""
    judged = [(one, _weight(one, key, witnesses)) for one in _candidates(views, least)]
    usable = [(one, weight) for one, weight in judged if weight]
    return max(usable, key=lambda each: each[1])[0] if usable else None


def _candidates(views: Views, least: int) -> Iterator[CertifiedCheckpoint]:
    if stamp := views.first_time_stamp(least):
        yield CertifiedCheckpoint(stamp.size, stamp.note, stamp.token)
    cosigned = views.cosigned_size(least)
    found: Sequence[Checkpoint | None] = (
        views.checkpoint(cosigned) if cosigned is not None else None,
        views.signed_checkpoint(least),
    )
    for one in found:
        if one is not None and one.note is not None:
            yield CertifiedCheckpoint(one.size, signed_note(views, one))


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
