"""Where the data files are that ship with the program: ``schemas/`` and ``agency_codes/``.

In a wheel they lie under ``edxml_router/_data``, in a checkout at its root; callers need not know which.
:func:`folder` raises FileNotFoundError when an installation lacks them.
"""

from __future__ import annotations

from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent


def folder(name: str) -> Path:
    """The folder ``schemas`` or ``agency_codes``."""
    for place in (_PACKAGE / "_data", _PACKAGE.parent):
        if (found := place / name).is_dir():
            return found
    raise FileNotFoundError(f"the installation of edxml-router lacks its folder {name}")


def schema_file(name: str) -> Path:
    """A schema of the message format, e.g. ``edxml.receive.xsd``."""
    return folder("schemas") / "qcvn102-2016" / name
