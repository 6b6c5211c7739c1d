"""Signed notes (https://c2sp.org/signed-note): a text, an empty line, and a line for each signature.

    signer = NoteSigner("edxml-router/h53", private_key)
    note = read_note(data)                                  # ValueError for what is none
    signers = verified(note, [VerifierKey.read(text)])      # those of the keys that signed it

A verifier key is one line of text, ``NAME+ID+BASE64``: the name, four bytes that make accidental confusion unlikely,
and the kind of key with the key itself. A signature counts by name, id and key together, never by its name.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from edxml_router.core.detail import Detail

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

ED25519: Final = 0x01  # a signature over the text
COSIGNATURE: Final = 0x04  # … over the text and a time, see edxml_router.core.proof.checkpoint
NOTE_BYTES: Final = 16 * 1024  # longest: sixteen signatures of Ed25519 take a fifth of it
SIGNATURES: Final = 16  # most in one note: as many as everybody must take
NAME_LENGTH: Final = 200  # characters of a key's name
_DASH: Final = "\u2014 "
_KEY_BYTES: Final = 32


@dataclass(frozen=True, slots=True)
class VerifierKey:
    """An Ed25519 public key with its name, for one kind of signature."""

    name: str
    kind: int
    public: bytes

    @property
    def id(self) -> bytes:
        """The four bytes that stand before each of its signatures."""
        return hashlib.sha256(f"{self.name}\n".encode() + bytes([self.kind]) + self.public).digest()[:4]

    @property
    def text(self) -> str:
        return f"{self.name}+{self.id.hex()}+{base64.b64encode(bytes([self.kind]) + self.public).decode()}"

    @property
    def cosigner(self) -> VerifierKey:
        """The same key where it signs as a witness."""
        return VerifierKey(self.name, COSIGNATURE, self.public)

    @classmethod
    def read(cls, text: str) -> VerifierKey:
        """Raises ValueError for what is no key of Ed25519, or has another id than its own."""
        name, _, rest = text.partition("+")
        given, _, encoded = rest.partition("+")
        data = _decoded(encoded)
        if not _is_name(name) or data is None or len(data) != _KEY_BYTES + 1 or data[0] not in (ED25519, COSIGNATURE):
            raise ValueError(Detail("not a verifier key of Ed25519, NAME+ID+KEY"))
        key = cls(name, data[0], data[1:])
        if key.id.hex() != given:
            raise ValueError(Detail("the id of the verifier key is not that of its name and key"))
        return key

    def accepts(self, message: bytes, signature: bytes) -> bool:
        """Whether this key made the signature over the message."""
        # Keys are named in every configuration; who only reads names need not wait for what verifies.
        from cryptography.exceptions import InvalidSignature  # noqa: PLC0415
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey  # noqa: PLC0415

        try:
            Ed25519PublicKey.from_public_bytes(self.public).verify(signature, message)
        except (InvalidSignature, ValueError):
            return False
        return True


@dataclass(frozen=True, slots=True)
class NoteSignature:
    """One signature: who made it, and its bytes behind the id."""

    name: str
    id: bytes
    value: bytes

    @property
    def line(self) -> str:
        """As it stands in a note, with its line feed."""
        return f"{_DASH}{self.name} {base64.b64encode(self.id + self.value).decode()}\n"

    def by(self, key: VerifierKey) -> bool:
        """Whether it names this key; whether it *is* of it has to be verified."""
        return (self.name, self.id) == (key.name, key.id)


@dataclass(frozen=True, slots=True)
class SignedNote:
    """A text, which ends with a line feed, and what signs it."""

    text: str
    signatures: tuple[NoteSignature, ...]

    @property
    def data(self) -> bytes:
        return f"{self.text}\n{''.join(each.line for each in self.signatures)}".encode()


class NoteSigner:
    """A key that signs notes in one name."""

    def __init__(self, name: str, key: Ed25519PrivateKey) -> None:
        self._key = key
        self.verifier = VerifierKey(name, ED25519, key.public_key().public_bytes_raw())

    @property
    def name(self) -> str:
        return self.verifier.name

    def sign(self, text: str) -> SignedNote:
        """The text as a note with this one signature."""
        verifier = self.verifier
        return SignedNote(text, (NoteSignature(verifier.name, verifier.id, self._key.sign(text.encode())),))

    def raw(self, message: bytes) -> bytes:
        """64 bytes over any message; who calls this keeps kinds of messages apart."""
        return self._key.sign(message)


def read_note(data: bytes, most: int = NOTE_BYTES) -> SignedNote:
    """The note in these bytes, ``most`` at most, its signatures unverified. Raises ValueError."""
    if len(data) > most:
        raise ValueError(Detail("more than {most} bytes", most=most))
    try:
        whole = data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise ValueError(Detail("not UTF-8")) from error
    if any(each < " " and each != "\n" for each in whole):
        raise ValueError(Detail("there are control characters in the note"))
    text, blank, signed = whole.rpartition("\n\n")
    if not blank or not signed.endswith("\n"):
        raise ValueError(Detail("not a note: no empty line, and signatures behind it"))
    return SignedNote(text + "\n", read_signatures(signed))


def read_signatures(lines: str) -> tuple[NoteSignature, ...]:
    """The signatures in such lines, at least one. Raises ValueError."""
    split = lines.split("\n")
    if split.pop() or not 0 < len(split) <= SIGNATURES:
        raise ValueError(Detail("not 1 to {most} lines of signatures", most=SIGNATURES))
    return tuple(map(_read_signature, split))


def _read_signature(line: str) -> NoteSignature:
    name, _, encoded = line.removeprefix(_DASH).partition(" ")
    data = _decoded(encoded)
    if not line.startswith(_DASH) or not _is_name(name) or data is None or len(data) < 5:
        raise ValueError(Detail("not a line of a signature"))
    return NoteSignature(name, data[:4], data[4:])


def verified(note: SignedNote, keys: Iterable[VerifierKey]) -> list[VerifierKey]:
    """Those of the keys whose signature over the text the note has; an empty list means that nothing proves it. One
    signature that names a key and is false makes the whole note worthless: ValueError. Signatures of other keys, and
    cosignatures, are passed over."""
    message = note.text.encode()
    found = []
    for key in keys:
        for signature in note.signatures:
            if key.kind == ED25519 and signature.by(key):
                if not key.accepts(message, signature.value):
                    raise ValueError(Detail("the signature of {name} is false", name=key.name))
                found.append(key)
                break
    return found


def is_key_name(text: str) -> bool:
    """Whether a key, and so a log, can have this name."""
    return _is_name(text)


def _is_name(text: str) -> bool:
    """Neither empty nor too long, without spaces of any script, plus signs or controls."""
    return 0 < len(text) <= NAME_LENGTH and not any(each.isspace() or each == "+" or each < " " for each in text)


def _decoded(text: str) -> bytes | None:
    try:
        data = base64.b64decode(text, validate=True)
    except ValueError:
        return None
    return data if base64.b64encode(data).decode() == text else None  # one text for one value
