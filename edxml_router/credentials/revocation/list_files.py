"""Revocation lists in files. A file is read again only when it has changed.

    lists = load(path, "trust.crls")
    keep_only(paths)

A large list takes a second to read, and the trust of a node is put together anew whenever any of its files changes: an
answer of a responder, a block. What was read stays until it is said that it is not needed. Fails with
:class:`Refusal` EDX902.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from threading import Lock
from typing import Final

from edxml_router.core.detail import Detail
from edxml_router.core.problems import Refusal
from edxml_router.core.trust.revocation_list import MAX_BYTES, RevocationList, read_lists
from edxml_router.core.wording import in_words
from edxml_router.credentials.trust_files import Fingerprint, fingerprint

_lock: Final = Lock()
_held: dict[Path, tuple[Fingerprint, tuple[RevocationList, ...]]] = {}


def load_lists(path: Path, where: str = "") -> tuple[RevocationList, ...]:
    """The lists of a file, which the setting ``where`` names."""
    with _lock:
        seen = fingerprint([path])  # before it is read: a change meanwhile is a change
        held = _held.get(path)
        if held is None or held[0] != seen:
            _held.pop(path, None)  # not two of them at once
            held = _held[path] = (seen, read(path, where))
        return held[1]


def keep_only(paths: Iterable[Path]) -> None:
    """Forget what was read of other files."""
    with _lock:
        for path in _held.keys() - set(paths):
            del _held[path]


def read(path: Path, where: str = "") -> tuple[RevocationList, ...]:
    """The lists of one file."""
    try:
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise Refusal(
            "EDX902", where=where or str(path), detail=Detail("{path}: {reason}", path=path, reason=in_words(error))
        ) from error
    return read_lists([data], where or str(path))
