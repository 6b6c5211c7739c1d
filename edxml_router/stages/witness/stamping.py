"""Have an authority stamp the newest checkpoint, with the cosignatures under it.

    note = unstamped(views, authority)                   # what is new since its last stamp
    keep_stamp(ledger, stamp)                            # durable when it returns

The stamp is over the checkpoint with its signatures: it proves when they were there as well. A crash before the commit
loses a stamp, and the next one covers what it covered; nothing else rests on it.
"""

from __future__ import annotations

from edxml_router.core.delivery.views import Checkpoint
from edxml_router.core.proof.note import SIGNATURES
from edxml_router.core.proof.witness import KeptTimeStamp
from edxml_router.ports.ledger import Ledger
from edxml_router.ports.views import Views


def unstamped(views: Views, authority: str) -> Checkpoint | None:
    """The checkpoint that this authority has to stamp: the newest that a neighbour has cosigned, if it is larger than
    the last one stamped, else the newest that is signed; None where there is nothing new."""
    last = views.last_time_stamp(authority)
    least = last.size + 1 if last else 1
    cosigned = views.cosigned_size(least)
    found = views.checkpoint(cosigned) if cosigned is not None else None
    if found is None or found.note is None:
        found = views.signed_checkpoint(least)
    return found if found is not None and found.note is not None else None


def signed_note(views: Views, checkpoint: Checkpoint) -> bytes:
    """A signed checkpoint with the cosignatures that are kept under it."""
    lines = "".join(one.line for one in views.cosignatures(checkpoint.size)[: SIGNATURES - 1])
    return (checkpoint.note or b"") + lines.encode()


def keep_stamp(ledger: Ledger, stamp: KeptTimeStamp) -> None:
    with ledger.book() as book:
        book.witnesses.keep_time_stamp(stamp)
