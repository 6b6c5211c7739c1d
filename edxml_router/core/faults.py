"""Faults of this machine, told from what a message provokes.

    with own_tools("signxml"):                          # nothing in here depends on any message
        schemas = load()
    except Exception as error:
        raise machine_fault(error) or Defect(…)

A file that is missing for the minute of an upgrade, no memory, no file handle left, a codec that this Python lacks: who
sent the message can do nothing about it, and will be right when the machine is. So each becomes :class:`Setback`
EDX622: the message stays where it is and comes again. A refusal would stand for good.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import PurePath

from edxml_router.core.detail import joined
from edxml_router.core.problems import Defect, Setback, Trouble
from edxml_router.core.wording import in_words


def machine_fault(error: BaseException, where: str = "") -> Setback | None:
    """What an exception says about this machine; None where it says nothing of the kind.

    No input of ours names a file, a module or a codec, so an OSError, ImportError or LookupError of a codec while a
    message is judged is never the message's doing.
    """
    codec = isinstance(error, LookupError) and not isinstance(error, KeyError | IndexError)
    if codec or isinstance(error, OSError | ImportError | MemoryError):
        return Setback("EDX622", where=where, detail=_words(error))
    return None


def mistake(error: BaseException, where: str) -> Defect:
    """What an exception that nobody expected is: a mistake of ours. A person is told the step and the kind; the log has
    the rest."""
    return Defect(joined(": ", (where, in_words(error))))


@contextmanager
def own_tools(where: str) -> Iterator[None]:
    """Whatever fails inside is the machine's fault: it works with files of the installation alone."""
    try:
        yield
    except Trouble:
        raise
    except Exception as error:
        raise Setback("EDX622", where=where, detail=_words(error)) from error


def _words(error: BaseException) -> str:
    """Which kind of fault, and of what: the name of a file or module of ours, never a path."""
    name = (error.name if isinstance(error, ImportError) else getattr(error, "filename", None)) or ""
    name = PurePath(name).name if isinstance(name, str) else ""
    return joined(": ", (name, in_words(error))) if name else in_words(error)
