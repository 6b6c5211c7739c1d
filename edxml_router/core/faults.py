"""Tell a fault of this machine from one that a message provoked.

    with own_tools("signxml"):                          # nothing in here depends on any message
        schemas = load()
    except Exception as error:
        raise machine_fault(error) or Defect(…)

A file missing during an upgrade, no memory, no file handle left, a codec that this Python lacks: the sender can do
nothing about these, and the message is fine once the machine is. So each becomes :class:`Setback` EDX622, and the
message stays where it is and comes again. A refusal would be final.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import PurePath

from edxml_router.core.detail import joined
from edxml_router.core.problems import Defect, Setback, Trouble
from edxml_router.core.wording import in_words


def machine_fault(error: BaseException, where: str = "") -> Setback | None:
    """The machine fault behind an exception; None for anything else.

    No input of ours names a file, a module or a codec, so an OSError, ImportError or LookupError of a codec while a
    message is judged is never the message's doing.
    """
    codec = isinstance(error, LookupError) and not isinstance(error, KeyError | IndexError)
    if codec or isinstance(error, OSError | ImportError | MemoryError):
        return Setback("EDX622", where=where, detail=_words(error))
    return None


def mistake(error: BaseException, where: str) -> Defect:
    """An unexpected exception as a defect of ours. People are told the step and the kind; the log has the rest."""
    return Defect(joined(": ", (where, in_words(error))))


@contextmanager
def own_tools(where: str) -> Iterator[None]:
    """Treat any failure inside the block as the machine's fault: it uses only installed files."""
    try:
        yield
    except Trouble:
        raise
    except Exception as error:
        raise Setback("EDX622", where=where, detail=_words(error)) from error


def _words(error: BaseException) -> str:
    """The kind of fault and its subject: the name of a file or module of ours, never a path."""
    name = (error.name if isinstance(error, ImportError) else getattr(error, "filename", None)) or ""
    name = PurePath(name).name if isinstance(name, str) else ""
    return joined(": ", (name, in_words(error))) if name else in_words(error)
