"""The journal's signed checkpoints, and proofs under them, as others can verify them.

    text = make_log_key(path, settings)             # the verifier key, to be given to neighbours
    found = latest_checkpoint(views)                # the newest signed checkpoint
    proof = prove(views, 73894)                     # of one entry
    text = prove_growth(views, 100, 200)            # that the journal only grew

Texts are in the formats of c2sp.org; docs/evidence.md says how to verify them without this program. Raises Refusal
EDX606 for what is not there (yet), EDX639 where there is no key or nothing is signed; what the views raise.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from edxml_router.config import ConfigErrors, Settings, load
from edxml_router.core.delivery.views import Checkpoint, Damage, Verification
from edxml_router.core.detail import Detail, said
from edxml_router.core.problems import Refusal, Setback
from edxml_router.core.proof.checkpoint import read_checkpoint
from edxml_router.core.proof.note import NoteSigner, VerifierKey, read_note
from edxml_router.core.proof.texts import entry_proof, witness_request
from edxml_router.core.wording import in_words
from edxml_router.credentials.ed25519_keys import make_ed25519_key
from edxml_router.credentials.identities import log_keys, log_signer, neighbour_sections
from edxml_router.credentials.keys import write_new
from edxml_router.ports.views import Views
from edxml_router.services.proof.time_stamps import stamp_damages
from edxml_router.services.proof.witnesses import cosignature_damages
from edxml_router.stages.witness.stamping import signed_note


@dataclass(frozen=True, slots=True)
class EntryProof:
    """An entry's bytes, and the proof that they are at their place in the log."""

    entry: bytes
    proof: bytes


def log_key(settings: Settings) -> VerifierKey:
    """The verifier key of this node's log."""
    signer = log_signer(settings)
    if signer is None:
        raise Refusal("EDX639", where=str(settings.path), detail=Detail("journal.key is not set"))
    return signer.verifier


def make_log_key(path: Path, settings: Settings) -> VerifierKey:
    """Make a key in a new file. Returns its verifier key, in the name of this node's log."""
    return NoteSigner(settings.origin, make_ed25519_key(path)).verifier


def own_keys(file: Path) -> tuple[VerifierKey, ...]:
    """The key that this node's checkpoints are verified by; none where its configuration cannot be read, which keeps
    nobody from verifying the rest."""
    try:
        signer = log_signer(load(file))
    except (ConfigErrors, Refusal):
        return ()
    return (signer.verifier,) if signer else ()


def read_keys(texts: Sequence[str]) -> tuple[VerifierKey, ...]:
    """Verifier keys as they were typed. Raises Refusal EDX901."""
    try:
        return tuple(map(VerifierKey.read, texts))
    except ValueError as error:
        raise Refusal("EDX901", where="--key", detail=said(error)) from error


def read_kept(files: Sequence[Path], keys: Sequence[VerifierKey]) -> Mapping[int, str]:
    """The roots, by size, of checkpoints that were kept elsewhere. Raises Refusal EDX902 for a file that cannot be
    read, EDX640 for one that none of these keys has signed."""
    roots: dict[int, str] = {}
    for path in files:
        try:
            head, _ = read_checkpoint(path.read_bytes(), tuple(keys))
        except OSError as error:
            raise Refusal("EDX902", where=str(path), detail=in_words(error)) from error
        except ValueError as error:
            raise Refusal("EDX640", where=str(path), detail=said(error)) from error
        roots[head.size] = head.root.hex()
    return roots


def with_cosignatures(found: Verification, views: Views, file: Path) -> Verification:
    """What was found, and what is wrong with the cosignatures of neighbours and with time stamps, by the keys and
    anchors of the configuration; as it was where that cannot be read."""
    try:
        settings = load(file)
    except ConfigErrors:
        return found
    keys = {section.name: log_keys(section) for section in neighbour_sections(settings)}
    wrong: list[Damage] = []
    for looking in (cosignature_damages(views, settings.origin, keys), stamp_damages(views, settings)):
        try:
            wrong += looking
        except Setback as setback:
            if setback.code != "EDX610":
                raise
            if not found.damages:  # else it is told already
                wrong.append(Damage(Detail("the tables"), setback.finding.detail))
    return replace(found, damages=(*found.damages, *wrong), damage_count=found.damage_count + len(wrong))


def latest_checkpoint(views: Views, size: int | None = None, *, cosigned: bool = False) -> Checkpoint:
    """The newest signed checkpoint, or that of this size; with ``cosigned`` the newest that a neighbour cosigned."""
    if cosigned and size is None:
        size = views.cosigned_size()
        if size is None:
            raise Refusal("EDX606", where="journal", detail=Detail("no neighbour has cosigned a checkpoint"))
    found = views.signed_checkpoint() if size is None else views.checkpoint(size)
    if found is None and size is not None:
        raise Refusal("EDX606", where=Detail("checkpoint {size}", size=size))
    if found is None or found.note is None:
        raise Refusal("EDX639", where="journal", detail=Detail("no checkpoint is signed"))
    return found


def log_name(checkpoint: Checkpoint) -> str:
    """The name of the log that a signed checkpoint is of."""
    return read_note(checkpoint.note or b"").text.partition("\n")[0]


def prove(views: Views, place: int, size: int | None = None, *, cosigned: bool = False) -> EntryProof:
    """The proof of the entry at this place, under the newest signed checkpoint, the newest that is ``cosigned``, or
    that of ``size``."""
    under = latest_checkpoint(views, size, cosigned=cosigned)
    try:
        entry, path = views.inclusion(place, under.size)
    except ValueError as error:
        raise _absent(place, under.size) from error
    return EntryProof(entry, entry_proof(place, path, checkpoint_text(views, under).encode()))


def prove_growth(views: Views, old: int, new: int | None = None) -> bytes:
    """The proof that the journal at the newest signed checkpoint, or at that of ``new`` entries, begins with what it
    was at ``old`` entries: the text by which a witness is asked."""
    under = latest_checkpoint(views, new)
    try:
        path = views.consistency(old, under.size)
    except ValueError as error:
        raise _absent(old, under.size) from error
    return witness_request(old, path, under.note or b"")


def _absent(place: int, size: int) -> Refusal:
    detail = Detail("the newest signed checkpoint has {size} entries", size=size)
    return Refusal("EDX606", where=Detail("place {place}", place=place), detail=detail)


def checkpoint_text(views: Views, checkpoint: Checkpoint) -> str:
    """A signed checkpoint as text, with the cosignatures of neighbours that are kept under it."""
    return signed_note(views, checkpoint).decode()


def write_entry(path: Path, proved: EntryProof) -> None:
    """The entry's bytes in a new file. Raises Refusal EDX908."""
    write_new(path, proved.entry)
