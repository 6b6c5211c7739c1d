"""What belongs to an installation: the data files that ship with the program, and the program itself.

``schemas/``, ``agency_codes/`` and ``config/`` lie under ``edxml_router/_data`` in a wheel, in a checkout at its root;
callers need not know which. :func:`folder` raises FileNotFoundError when an installation lacks them.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Final

PROGRAM: Final = "edxml-router"
_PACKAGE = Path(__file__).resolve().parent


def folder(name: str) -> Path:
    """The folder ``schemas``, ``agency_codes`` or ``config``."""
    for place in (_PACKAGE / "_data", _PACKAGE.parent):
        if (found := place / name).is_dir():
            return found
    raise FileNotFoundError(f"the installation of edxml-router lacks its folder {name}")


def schema_file(name: str) -> Path:
    """A schema of the message format, e.g. ``edxml.receive.xsd``."""
    return folder("schemas") / "qcvn102-2016" / name


def program() -> list[str]:
    """How this very installation is called: by the console script that runs now, by the one beside the interpreter, or
    by the interpreter. A script found on the PATH may be of another version."""
    for script in (Path(sys.argv[0]), Path(sys.executable).with_name(PROGRAM)):
        if script.name == PROGRAM and script.is_file():
            return [str(script.absolute())]
    return [sys.executable, "-P", "-m", "edxml_router.cli.main"]  # -P: not what lies in the current folder
