"""The files that settings name, as bytes or as one secret. They stand apart from what is made of them: to open a
database, only its password is wanted. Fails with :class:`Refusal` EDX902.
"""

from __future__ import annotations

from pathlib import Path

from edxml_router.core.detail import Detail
from edxml_router.core.problems import Refusal
from edxml_router.core.wording import in_words


def secret(path: Path | None, where: str) -> str | None:
    """The password in the file that the setting ``where`` names; None where none is named."""
    try:
        return read_setting(path, where).decode().strip() if path else None
    except UnicodeDecodeError as error:
        raise Refusal("EDX902", where=where, detail=Detail("{path}: not UTF-8", path=path)) from error


def read_setting(path: Path, where: str) -> bytes:
    """The file that the setting ``where`` names."""
    try:
        return path.read_bytes()
    except OSError as error:
        raise Refusal(
            "EDX902", where=where, detail=Detail("{path}: {reason}", path=path, reason=in_words(error))
        ) from error
