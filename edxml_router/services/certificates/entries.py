"""The journal's entries in a certificate: which are taken, their proofs, and what they say when they are read again.

    files = entry_files(views, places, size, checkpoint)             # entries/1.json, …, entries.tlog-proofs
    read = read_entries(files, own, keys)                            # each is in the tree; Refusal EDX656 otherwise

The proofs are one file: neighbours in the log have most of their paths in common, which a packed file holds once; and
one checkpoint behind them all. Of a delivery with a long story the last entry of each kind is taken, and in a circular
to many only the last of each recipient: the journal has the others.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from edxml_router.core.delivery.journal import DELIVERY_EVENTS, DELIVERY_QUEUED, ENVELOPE_ACCEPTED, leaf_hash
from edxml_router.core.delivery.lifecycle import Event
from edxml_router.core.delivery.views import JournalLine
from edxml_router.core.detail import Detail, said
from edxml_router.core.problems import Refusal
from edxml_router.core.proof.checkpoint import TreeHead, cosigned_at, read_head
from edxml_router.core.proof.note import COSIGNATURE, SignedNote, VerifierKey, read_note, verified
from edxml_router.core.proof.paths import root_by_inclusion
from edxml_router.core.proof.texts import entry_proof, read_entry_proof
from edxml_router.ports.views import Views
from edxml_router.shapes.evidence.certificate import CertifiedEntryShape, certified_entry_shape

_BEHIND: Final = b"\n\n"  # the end of a proof's last line, and the empty line behind it
FEW: Final = 20  # recipients of whom each kind of entry is taken
_ENTRY: Final = re.compile(r"entries/([1-9][0-9]{0,5})\.json")
PROOFS: Final = "entries.tlog-proofs"
# What a worker does again and again on the way says nothing to a judge.
_PASSED_OVER: Final = (DELIVERY_EVENTS[Event.CLAIM], DELIVERY_EVENTS[Event.DEFER])


@dataclass(frozen=True, slots=True)
class ProvedEntries:
    """Entries that are proved to be in one tree. ``signed`` and ``witnesses``: the keys, among those given, that signed
    and cosigned its head; ``others``: whose names stand under it besides; ``checkpoint``: the bytes of all that."""

    entries: Sequence[CertifiedEntryShape]
    said: Sequence[Mapping[str, Any]]
    head: TreeHead
    signed: bool
    witnesses: Sequence[str]
    others: Sequence[str]
    checkpoint: bytes


def telling_entries(lines: Iterable[JournalLine], recipients: int) -> list[JournalLine]:
    """The entries that a certificate takes, in the order of the log: of each recipient the last that changed its state,
    and where they are few the last of each kind, and the first by which the letter was queued."""
    taken: dict[tuple[str, str], JournalLine] = {}
    for line in lines:
        entry = line.entry
        if entry.event == ENVELOPE_ACCEPTED:
            taken.setdefault(("", ""), line)
        if not entry.recipient:
            continue
        if entry.after:
            taken[entry.recipient, ""] = line
        if recipients <= FEW and entry.event not in _PASSED_OVER:
            key = entry.recipient, entry.event
            taken[key] = taken.get(key, line) if entry.event == DELIVERY_QUEUED else line
    different = {line.number: line for line in taken.values()}
    return sorted(different.values(), key=lambda line: (line.position is None, line.position, line.number))


def entry_files(views: Views, places: Sequence[int], size: int, checkpoint: bytes) -> dict[str, bytes]:
    """The files of the entries at these places: their bytes, and the proofs of all under the checkpoint over ``size``
    entries."""
    files, proofs = {}, []
    for number, place in enumerate(places, start=1):
        files[f"entries/{number}.json"], path = views.inclusion(place, size)
        proofs.append(entry_proof(place, path, b""))
    return {**files, PROOFS: b"".join((*proofs, checkpoint))}


def read_entries(files: Mapping[str, bytes], own: VerifierKey | None, known: Sequence[VerifierKey]) -> ProvedEntries:
    """The entries in a certificate's files, each proved under one checkpoint. ``own`` is the journal's key as the
    certificate shows it, ``known`` those that the reader has. Raises Refusal EDX656."""
    names = [name for name in files if _ENTRY.fullmatch(name)]
    *proofs, checkpoint = files.get(PROOFS, b"").split(_BEHIND, len(names))
    if (
        names != [f"entries/{number}.json" for number in range(1, len(names) + 1)]
        or len(proofs) < len(names)
        or not names
    ):
        raise _refused("entries", Detail("an entry without its proof, or none at all"))
    try:
        head = _head(checkpoint)
    except ValueError as error:
        raise _refused(PROOFS, said(error)) from error
    told, said_ = [], []
    for name, proof in zip(names, proofs, strict=True):
        try:
            place, path, _ = read_entry_proof(proof + _BEHIND)
            if root_by_inclusion(leaf_hash(files[name]), place, head.size, path) != head.root:
                raise ValueError(Detail("it is not in the tree of {size}", size=head.size))
            fields = _fields(files[name])
            told.append(certified_entry_shape(name, place, fields))
        except (ValueError, KeyError, TypeError) as error:
            raise _refused(name, said(error)) from error
        said_.append(fields)
    return ProvedEntries(told, said_, head, *_signers(checkpoint, head, own, known), checkpoint)


def accepted_in(said_: Iterable[Mapping[str, Any]]) -> Mapping[str, Any]:
    """The entry of the acceptance. Raises Refusal EDX657 where there is not one."""
    accepted = [one for one in said_ if one.get("event") == ENVELOPE_ACCEPTED]
    if len(accepted) != 1:
        raise Refusal("EDX657", where="entries", detail=Detail("there is not one entry of the acceptance"))
    return accepted[0]


def unsigned_checkpoint(head: TreeHead) -> bytes:
    """A checkpoint that nobody has signed but who signs the certificate."""
    return f"{head.text}\n".encode()


def _head(checkpoint: bytes) -> TreeHead:
    text, _, _ = checkpoint.decode().partition("\n\n")
    return read_head(f"{text}\n")


def _signers(
    checkpoint: bytes, head: TreeHead, own: VerifierKey | None, known: Sequence[VerifierKey]
) -> tuple[bool, list[str], list[str]]:
    """Whether the journal's own key has signed, the witnesses that have, of those that are known, and whose names stand
    there besides."""
    if own is not None and own.name != head.origin:
        raise _refused("trust/log.vkey", Detail("it is the key of another journal"))
    if own is not None and any(key.name == own.name and key.kind == own.kind and key != own for key in known):
        raise _refused("trust/log.vkey", Detail("it is not the journal's key that is known"))
    if own is None and checkpoint == unsigned_checkpoint(head):
        return False, [], []
    try:
        note = read_note(checkpoint)
        signed = bool(verified(note, [own])) if own is not None else False
        witnesses = [key.name for key in known if key.kind == COSIGNATURE and has_cosigned(note, key)]
    except ValueError as error:
        raise _refused("checkpoint", said(error)) from error
    if own is not None and not signed:
        raise _refused("checkpoint", Detail("the journal's key has not signed it"))
    others = dict.fromkeys(one.name for one in note.signatures if one.name not in (head.origin, *witnesses))
    return signed, witnesses, list(others)


def has_cosigned(note: SignedNote, key: VerifierKey) -> bool:
    """Whether a witness's key has signed it. Raises ValueError for a false signature in its name."""
    for signature in note.signatures:
        if signature.by(key):
            cosigned_at(signature, note.text, key)  # ValueError for a false one
            return True
    return False


def _fields(leaf: bytes) -> dict[str, Any]:
    """What an entry's bytes say: texts by name. Each name but once, or two programs may read two entries."""

    def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        fields = dict(pairs)
        if len(fields) != len(pairs):
            raise ValueError(Detail("not an entry"))
        return fields

    try:
        fields = json.loads(leaf, object_pairs_hook=once)
    except (ValueError, RecursionError) as error:
        raise ValueError(Detail("not an entry")) from error
    names = ("at", "event", "stamp", "recipient", "before", "after", "actor", "code", "envelope")
    if not isinstance(fields, dict) or not all(isinstance(fields.get(name, ""), str) for name in names):
        raise ValueError(Detail("not an entry"))
    return fields


def _refused(where: str, detail: str) -> Refusal:
    return Refusal("EDX656", where=where, detail=detail)
