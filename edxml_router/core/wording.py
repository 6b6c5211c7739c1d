"""Why something failed, in words for a person: of what the system or a library raised.

    in_words(error)      # "No space left on device", "self-signed certificate", "the line was cut"

The name of a Python class tells its reader nothing, and the text of an exception may quote what a stranger sent, or a
``repr`` of another exception. So a text is taken over only where its author is the system (``strerror``) or OpenSSL's
verifier; of everything else it is said of which kind it is. The texts of our own ``ValueError`` are for whoever raises
them to show.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from typing import Final

UNNAMED: Final = "no reason was given"
# Python's own kinds, of which the words in the name say nothing or the wrong thing; the first that fits counts.
_KINDS: Final[tuple[tuple[type[BaseException], str], ...]] = (
    (TimeoutError, "no answer in time"),
    (ConnectionRefusedError, "nobody listens there"),
    (ConnectionError, "the line was cut"),
    (MemoryError, "no memory is left"),
    (RecursionError, "nested too deeply"),
    (UnicodeError, "not in the encoding that it should have"),
    (ImportError, "a part of the installation is missing"),
    (OSError, UNNAMED),
    (EOFError, "it ended too early"),
    (KeyError, "a part is missing"),
    (IndexError, "a part is missing"),
    (LookupError, "an encoding is missing in this Python"),
    (OverflowError, "a number is too large"),
    (ArithmeticError, "a number is out of its range"),
    (AttributeError, "a value of another kind"),
    (TypeError, "a value of another kind"),
    (NotImplementedError, "it is not supported"),
)
_ENDS: Final = re.compile(r"(Error|Exception|Warning|Failure)$")
_WORD: Final = re.compile(r"[A-Z]+(?![a-z])|[A-Z][a-z0-9]*|[a-z0-9]+")
_DER: Final = re.compile(r"ParseError \{ kind: ([A-Za-z]+)")  # how cryptography tells what its parser met


def in_words(error: BaseException, known: Mapping[str, str] | None = None) -> str:
    """Why, in words: ``known`` has those for kinds of a library, by the names of their classes.

    Never empty. Of a file only the last part of its name is told.
    """
    name = type(error).__name__
    if known and name in known:
        return known[name]
    if name.startswith("SSL"):  # told by name: what needs no network does not load ssl
        return _of_tls(error, name)
    if isinstance(error, OSError) and error.errno is not None:
        return error.strerror or os.strerror(error.errno)
    if isinstance(error, ValueError) and (found := _DER.search(str(error)[:500])):
        return f"not well-formed DER ({name_in_words(found[1])})"
    if said := next((said for kind, said in _KINDS if isinstance(error, kind)), ""):
        return said
    if type(error).__module__ == "builtins":
        return "a value of another form" if isinstance(error, ValueError) else UNNAMED
    return name_in_words(name)


def text_in_words(error: BaseException) -> str:
    """The text of a parser that quotes nothing of what it parsed, or of our own error; in words where it is code."""
    text = str(error)
    return in_words(error) if not text or _DER.search(text[:500]) else text


def _of_tls(error: BaseException, name: str) -> str:
    verdict, alert = getattr(error, "verify_message", ""), getattr(error, "reason", "")
    if verdict:
        return str(verdict).rstrip(".")
    if name in ("SSLEOFError", "SSLZeroReturnError"):
        return "the other side hung up in the middle of TLS"
    return f"TLS: {str(alert).replace('_', ' ').lower()}" if alert else "TLS failed"


def name_in_words(name: str) -> str:
    """What a library has put into the name of a class: ``PinLenRange`` is "pin len range"."""
    parts = _WORD.findall(_ENDS.sub("", name))
    return " ".join(part if part.isupper() and len(part) > 1 else part.lower() for part in parts) or UNNAMED
