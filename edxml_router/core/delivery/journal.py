"""Journal entries as canonical bytes, and the Merkle tree over them (RFC 6962, section 2.1).

An entry's bytes are JSON with sorted keys and no spaces, so that every program computes the same leaf hash. The
sequencer does the numbering: the tree is over entries in commit order. With its place an entry gets its stamp, the time
at which the log took it: no two entries of a node have the same one, and each is later than that of the place before.
What is hashed into the tree is the entry with its stamp as one more field (:func:`leaf_bytes`).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from edxml_router.core.delivery.lifecycle import Event
from edxml_router.core.detail import Detail, as_json, from_json, said
from edxml_router.core.link.manifest import exact_instant, shortest_instant

# What the ledger writes by itself, one entry for each change of state. Other facts ("input.refused", …) are named
# where they are noted.
ENVELOPE_ACCEPTED: Final = "envelope.accepted"
DELIVERY_QUEUED: Final = "delivery.queued"
ANSWER_WITHHELD: Final = "answer.withheld"  # more answers wait for a neighbour than may: it will ask again
QUARANTINE_REMOVED: Final = "quarantine.removed"  # by an operator who has dealt with it
INPUT_COUNTED: Final = "input.counted"  # stands for the entries beyond one peer's share of an hour
DELIVERY_REROUTED: Final = "delivery.rerouted"  # it waits for another neighbour now: routes have changed
PEER_RENAMED: Final = "peer.renamed"
JOURNAL_RESTORED: Final = "journal.restored"
JOURNAL_READ: Final = "journal.read"  # by whom, and what was asked
BODY_DAMAGED: Final = "body.damaged"
BODY_MENDED: Final = "body.mended"
RECEIPT_LATE: Final = "receipt.late"  # it changes nothing
DELIVERY_FETCHED: Final = "delivery.fetched"
DELIVERY_PROCESSING: Final = "delivery.processing"  # the recipient's system is working on it
DELIVERY_DESCRIBED: Final = "delivery.described"  # the result that the recipient's system reports
CLERK_ACTED: Final = "clerk.acted"  # a person, in the name of an office; what became of it is an entry of its own
HANDLED: Final = (DELIVERY_FETCHED, DELIVERY_PROCESSING, DELIVERY_DESCRIBED)  # by the recipient's system, no new state
WORDS_REDACTED: Final = "words.redacted"  # what people wrote, erased on purpose
DOCUMENT_EXPORTED: Final = "document.exported"  # for an archive
RULES_APPLIED: Final = "rules.applied"  # from here on what comes is decided by another set of rules
CLOCK_STEPPED: Final = "clock.stepped"  # back; stamps rise all the same
OUTCOME_SIGNED: Final = "outcome.signed"  # by this node, which told it to a neighbour; once
OUTCOME_DOUBTED: Final = "outcome.doubted"  # what a neighbour shows as its proof does not hold
DELIVERY_EVENTS: Final[Mapping[Event, str]] = {
    Event.CLAIM: "delivery.claimed",
    Event.HAND_OVER: "delivery.forwarded",
    Event.ACCEPT: "delivery.accepted",  # by the next node
    Event.DEFER: "delivery.deferred",
    Event.OFFER: "delivery.offered",
    Event.HOLD: "delivery.held",
    Event.RELEASE: "delivery.released",
    Event.RETRY: "delivery.retried",
    Event.CONFIRM: "delivery.confirmed",
    Event.RETURN: "delivery.returned",
    Event.EXPIRE: "delivery.expired",
    Event.CANCEL: "delivery.cancelled",
    Event.RESEND: "delivery.resent",
}

OF_CONSOLE: Final = "person:"  # before the name of an account of the console


def operator_actor(name: str) -> str:
    """The actor of what is done to a node: an account of its machine, or a person of the console, who comes with
    :data:`OF_CONSOLE` before the name. These are two lists of names: whoever makes an account ``root`` of the console
    is not the machine's. No account of a machine has a colon in its name."""
    return name if name.startswith(OF_CONSOLE) else f"operator:{name}"


_ENCODE: Final = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode  # keys come sorted


@dataclass(frozen=True, slots=True)
class Entry:
    """One fact: what happened, to what, when, through whom.

    ``envelope`` is the SHA-256 of the document in hex. ``before`` and ``after`` are delivery states, empty
    where nothing changed. ``at`` is when it was done, by the node's clock, and need not be unique. ``actor`` is a peer,
    ``operator:NAME``, ``person:NAME`` or ``node``. ``detail`` holds ids and numbers only. ``facts`` are what else the
    rows follow from (:mod:`edxml_router.core.delivery.entries.facts`): values of JSON by name.
    """

    at: datetime
    event: str  # "envelope.accepted", "delivery.forwarded", "input.refused", …
    envelope: str = ""
    recipient: str = ""
    before: str = ""
    after: str = ""
    actor: str = ""
    code: str = ""
    detail: str = ""
    facts: Mapping[str, Any] = field(default_factory=dict)
    evidence: str = ""  # SHA-256 (hex) of the signed statement that proves it

    def canonical(self) -> bytes:
        """The bytes that are hashed and kept; empty fields are left out."""
        fields = {
            "actor": self.actor,
            "after": self.after,
            "at": shortest_instant(self.at),  # as those of earlier versions are, which had milliseconds
            "before": self.before,
            "code": self.code,
            "detail": as_json(self.detail),
            "envelope": self.envelope,
            "event": self.event,
            "evidence": self.evidence,
            "facts": dict(sorted(self.facts.items())) if self.facts else None,
            "recipient": self.recipient,
        }
        return _ENCODE({key: value for key, value in fields.items() if value}).encode()

    @classmethod
    def read(cls, canonical: bytes) -> Entry:
        """The entry that has these bytes. Raises ValueError for anything else."""
        try:
            fields = json.loads(canonical)
            told = {"detail": from_json(fields["detail"])} if "detail" in fields else {}
            entry = cls(**{**fields, **told, "at": datetime.fromisoformat(fields["at"])})
            same = entry.canonical() == canonical
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
            why = said(error)  # a library's own words are not in the catalogues
            raise ValueError(why if isinstance(why, Detail) else Detail("not an entry")) from error
        if not same:
            raise ValueError(Detail("not in canonical form"))
        return entry


def leaf_bytes(canonical: bytes, stamp: datetime | None) -> bytes:
    """The bytes of a leaf: the entry with its stamp. Entries numbered by versions without stamps are leaves as they
    are."""
    if stamp is None:
        return canonical
    # "stamp" sorts after all other fields, and there always are some.
    return b"".join((canonical[:-1], b',"stamp":"', exact_instant(stamp).encode(), b'"}'))


def leaf_hash(leaf: bytes) -> bytes:
    """RFC 6962: SHA-256 of 0x00 and the leaf."""
    return hashlib.sha256(b"\x00" + leaf).digest()


class MerkleTree:
    """An append-only Merkle tree hash, fed leaf by leaf; it holds one hash per level."""

    def __init__(self) -> None:
        self.size = 0
        self._peaks: list[tuple[int, bytes]] = []  # (height, hash) of complete subtrees, largest first

    @classmethod
    def resume(cls, size: int, peaks: bytes) -> MerkleTree:
        """The tree that had ``size`` leaves and these :meth:`peaks`; ValueError when the two do not fit."""
        heights = [height for height in reversed(range(size.bit_length())) if size >> height & 1]
        if len(peaks) != 32 * len(heights):
            raise ValueError(Detail("{count} bytes of peaks for {size} leaves", count=len(peaks), size=size))
        tree = cls()
        tree.size = size
        tree._peaks = [(height, peaks[32 * n : 32 * n + 32]) for n, height in enumerate(heights)]
        return tree

    def peaks(self) -> bytes:
        """What :meth:`resume` needs: the hashes of the complete subtrees, largest first."""
        return b"".join(peak for _, peak in self._peaks)

    def add(self, leaf: bytes) -> None:
        """Append a leaf hash."""
        height = 0
        while self._peaks and self._peaks[-1][0] == height:
            left = self._peaks.pop()[1]
            leaf = hashlib.sha256(b"\x01" + left + leaf).digest()
            height += 1
        self._peaks.append((height, leaf))
        self.size += 1

    def extend(self, leaves: Iterable[bytes]) -> None:
        for leaf in leaves:
            self.add(leaf)

    def root(self) -> bytes:
        """The tree hash; for the empty tree, SHA-256 of no bytes."""
        if not self._peaks:
            return hashlib.sha256(b"").digest()
        right = self._peaks[-1][1]
        for _, left in reversed(self._peaks[:-1]):
            right = hashlib.sha256(b"\x01" + left + right).digest()
        return right
