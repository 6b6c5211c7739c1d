"""Explain, in words for a person, an error that the system or a library raised.

    in_words(error)      # "No space left on device", "self-signed certificate", "the line was cut"

The name of a Python class tells its reader nothing, and the text of an exception may quote what a stranger sent, or a
``repr`` of another exception. So the text is used only where its author is the system (``strerror``) or OpenSSL's
verifier; anything else is described by its kind. The text of our own ``ValueError`` is shown by whoever raises it.
"""

from __future__ import annotations

import errno
import os
import re
from collections.abc import Mapping
from typing import Final

from edxml_router.core.detail import Detail, said

UNNAMED: Final = Detail("no reason was given")
# Python's exceptions whose class names say nothing, or the wrong thing; the first match counts.
_KINDS: Final[tuple[tuple[type[BaseException], Detail], ...]] = (
    (TimeoutError, Detail("no answer in time")),
    (ConnectionRefusedError, Detail("nobody listens there")),
    (ConnectionError, Detail("the line was cut")),
    (MemoryError, Detail("no memory is left")),
    (RecursionError, Detail("nested too deeply")),
    (UnicodeError, Detail("not in the encoding that it should have")),
    (ImportError, Detail("a part of the installation is missing")),
    (OSError, UNNAMED),
    (EOFError, Detail("it ended too early")),
    (KeyError, Detail("a part is missing")),
    (IndexError, Detail("a part is missing")),
    (LookupError, Detail("an encoding is missing in this Python")),
    (OverflowError, Detail("a number is too large")),
    (ArithmeticError, Detail("a number is out of its range")),
    (AttributeError, Detail("a value of another kind")),
    (TypeError, Detail("a value of another kind")),
    (NotImplementedError, Detail("it is not supported")),
)
# The most common texts of the system and of OpenSSL's verifier, word for word.
_SYSTEM: Final[Mapping[int, Detail]] = {
    errno.ENOENT: Detail("No such file or directory"),
    errno.EACCES: Detail("Permission denied"),
    errno.EPERM: Detail("Operation not permitted"),
    errno.EEXIST: Detail("File exists"),
    errno.EISDIR: Detail("Is a directory"),
    errno.ENOTDIR: Detail("Not a directory"),
    errno.ELOOP: Detail("Too many levels of symbolic links"),
    errno.ENOSPC: Detail("No space left on device"),
    errno.EDQUOT: Detail("Disk quota exceeded"),
    errno.EFBIG: Detail("File too large"),
    errno.EIO: Detail("Input/output error"),
    errno.EROFS: Detail("Read-only file system"),
    errno.EMFILE: Detail("Too many open files"),
    errno.ENFILE: Detail("Too many open files in system"),
    errno.ENOMEM: Detail("Cannot allocate memory"),
    errno.EPIPE: Detail("Broken pipe"),
    errno.ECONNREFUSED: Detail("Connection refused"),
    errno.ECONNRESET: Detail("Connection reset by peer"),
    errno.ETIMEDOUT: Detail("Connection timed out"),
    errno.EHOSTUNREACH: Detail("No route to host"),
    errno.ENETUNREACH: Detail("Network is unreachable"),
    errno.EINVAL: Detail("Invalid argument"),
    errno.ENOTEMPTY: Detail("Directory not empty"),
    errno.EBUSY: Detail("Device or resource busy"),
}
_VERIFIER: Final = {
    str(detail): detail
    for detail in (
        Detail("Name or service not known"),
        Detail("self-signed certificate"),
        Detail("unable to get local issuer certificate"),
        Detail("certificate has expired"),
    )
}
_ENDS: Final = re.compile(r"(Error|Exception|Warning|Failure)$")
_WORD: Final = re.compile(r"[A-Z]+(?![a-z])|[A-Z][a-z0-9]*|[a-z0-9]+")
_DER: Final = re.compile(r"ParseError \{ kind: ([A-Za-z]+)")  # how cryptography reports what its parser met


def in_words(error: BaseException, known: Mapping[str, str] | None = None) -> str:
    """Why, in words: ``known`` has those for kinds of a library, by the names of their classes.

    Never empty. Of a file only the last part of its name is told.
    """
    name = type(error).__name__
    if known and name in known:
        return known[name]
    if name.startswith("SSL"):  # by name, so that code without a network need not load ssl
        return _of_tls(error, name)
    if isinstance(error, OSError) and error.errno is not None:
        return _by_number(error)
    if isinstance(error, ValueError) and (found := _DER.search(str(error)[:500])):
        return Detail("not well-formed DER ({kind})", kind=name_in_words(found[1]))
    if words := next((words for kind, words in _KINDS if isinstance(error, kind)), ""):
        return words
    if type(error).__module__ == "builtins":
        return Detail("a value of another form") if isinstance(error, ValueError) else UNNAMED
    return name_in_words(name)


def text_in_words(error: BaseException) -> str:
    """The text of a parser that quotes nothing of what it parsed, or of our own error; in words where it is code."""
    text = said(error)
    return in_words(error) if not text or _DER.search(text[:500]) else text


def _by_number(error: OSError) -> str:
    if isinstance(error.strerror, Detail):  # raised by us
        return error.strerror
    text = error.strerror or os.strerror(error.errno or 0)
    known = _SYSTEM.get(error.errno or 0)
    return known if known == text else _VERIFIER.get(text, text)


def _of_tls(error: BaseException, name: str) -> str:
    verdict, alert = getattr(error, "verify_message", ""), getattr(error, "reason", "")
    if verdict:
        text = str(verdict).rstrip(".")
        return _VERIFIER.get(text, text)
    if name in ("SSLEOFError", "SSLZeroReturnError"):
        return Detail("the other side hung up in the middle of TLS")
    return Detail("TLS: {alert}", alert=str(alert).replace("_", " ").lower()) if alert else Detail("TLS failed")


def name_in_words(name: str) -> str:
    """What a library has put into the name of a class: ``PinLenRange`` is "pin len range"."""
    parts = _WORD.findall(_ENDS.sub("", name))
    return " ".join(part if part.isupper() and len(part) > 1 else part.lower() for part in parts) or UNNAMED
