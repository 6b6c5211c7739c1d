"""The base64 content of an attachment: decoded whole, or measured as a stream.

:func:`decode_base64` gives the bytes of a text; :class:`Meter` takes a text in pieces and keeps only what the reader
asks of a content (:class:`Content`). Both accept exactly the same texts: RFC 4648 section 4, padded, with XML white
space anywhere. Python's own strict mode also accepts extra ``=`` at the end; these do not.
"""

from __future__ import annotations

import binascii
import hashlib
import string
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from edxml_router.core.detail import Detail

WHITE_SPACE: Final = b" \t\r\n"
ALPHABET: Final = string.ascii_letters.encode() + string.digits.encode() + b"+/="
HEAD: Final = 16  # first bytes, by which a type is recognised


@dataclass(frozen=True, slots=True)
class Content:
    """What is known of a decoded content: bytes, SHA-256 in hex, and its first bytes."""

    size: int
    sha256: str
    head: bytes

    @classmethod
    def of(cls, data: bytes) -> Content:
        return cls(len(data), hashlib.sha256(data).hexdigest(), data[:HEAD])


# Contents measured before parsing, by the marks that stand for them; None for what is not base64. Here: none.
UNMEASURED: Final[Mapping[str, Content | None]] = MappingProxyType({})


def decode_base64(text: bytes) -> bytes:
    """The bytes that ``text`` stands for. Raises ValueError."""
    plain = _plain(text)
    if len(plain) % 4 or plain.endswith(b"==="):
        raise ValueError(Detail("the padding is not that of base64"))
    return binascii.a2b_base64(plain, strict_mode=True)


def decoded(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """The bytes that a base64 text in pieces stands for, in pieces. Raises ValueError."""
    rest = b""
    for piece in pieces:
        text = rest + _plain(piece)
        whole = len(text) - len(text) % 4
        rest = text[whole:]
        if whole:
            yield decode_base64(text[:whole])
    if rest:
        yield decode_base64(rest)


class Meter:
    """Takes a base64 text in pieces. ``content`` is None when the text was no base64 after all."""

    def __init__(self) -> None:
        self._rest = b""  # fewer than four characters
        self._digest = hashlib.sha256()
        self._size = 0
        self._head = b""
        self._sound = True
        self._ended = False  # padding was seen

    def feed(self, piece: bytes) -> bool:
        """Whether the piece consists of base64 characters and white space only, in whatever order."""
        plain = _plain(piece)
        if self._sound:
            text = self._rest + plain if self._rest else plain
            whole = len(text) - len(text) % 4
            self._rest = text[whole:]
            if not whole:
                return _in_alphabet(plain)
            self._sound = not self._ended and self._take(text[:whole] if self._rest else text)
            if self._sound:
                return _in_alphabet(self._rest)
        return _in_alphabet(plain)

    def _take(self, text: bytes) -> bool:
        try:
            decoded = decode_base64(text)
        except ValueError:
            return False
        self._ended = text.endswith(b"=")
        self._digest.update(decoded)
        self._size += len(decoded)
        if len(self._head) < HEAD:
            self._head = (self._head + decoded)[:HEAD]
        return True

    def content(self) -> Content | None:
        if not self._sound or self._rest:
            return None
        return Content(self._size, self._digest.hexdigest(), self._head)


def _plain(text: bytes) -> bytes:
    # Most texts have no white space but line feeds, and many not even those: a test is cheaper than a copy.
    return text.translate(None, WHITE_SPACE) if any(space in text for space in _SPACES) else text


_SPACES: Final = (b"\n", b"\r", b" ", b"\t")


def _in_alphabet(plain: bytes) -> bool:
    return not plain.translate(None, ALPHABET)
