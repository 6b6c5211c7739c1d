"""The log: structlog on standard error, JSON in production and pretty on a terminal.

``configure("auto", "info")`` is called once per process, before the first line. Lines hold ids, digests,
codes and numbers, never content; every text is escaped and capped (:mod:`edxml_router.observe.escape`).
Exceptions are logged as their type and places in our code, without their message, which may quote a document.

What is worth a line has a function in :mod:`edxml_router.observe.events`; nothing else logs. The libraries'
own loggers are let through from WARNING up, in the same form (pika's from CRITICAL).
"""

from __future__ import annotations

import logging
import sys
import traceback
from collections.abc import MutableMapping
from functools import cache
from pathlib import Path
from typing import Any, Final, TextIO

from edxml_router.observe.escape import printable
from edxml_router.observe.plain_structlog import structlog
from edxml_router.observe.repetition import Repetition
from edxml_router.observe.sink import Sink

_LEVELS: Final = {
    "debug": logging.DEBUG,
    "info": logging.INFO,
    "warning": logging.WARNING,
    "error": logging.ERROR,
}
_FRAMES: Final = 12  # of an exception's frames: the innermost are enough to find the mistake
_ITEMS: Final = 50  # of a list in one line


def configure(form: str, level: str, *, node: str = "", stream: TextIO | None = None, data: Path | None = None) -> None:
    """Set up the log of this process. ``form``: "json", "pretty" or "auto" (pretty if ``stream`` is a terminal).

    ``level``: "debug", "info", "warning" or "error". ``node`` stands in every line.
    ``data``: the folder where it is noted that lines are lost (:mod:`edxml_router.observe.sink`).
    """
    terminal = (stream if stream is not None else sys.stderr).isatty()
    out: Any = stream if stream is not None else _sink()
    if isinstance(out, Sink) and data is not None:
        out.note_in(data)
    pretty = form == "pretty" or (form == "auto" and terminal)
    shared: list[structlog.types.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        Repetition(),
        structlog.processors.TimeStamper(fmt="iso", utc=True, key="at"),
        _exception_places,
        _escape,
        _in_order,
    ]
    last: structlog.types.Processor = (
        structlog.dev.ConsoleRenderer(colors=terminal, timestamp_key="at", sort_keys=False)
        if pretty
        else structlog.processors.JSONRenderer(ensure_ascii=False)
    )
    structlog.configure(
        processors=[*shared, last],
        wrapper_class=structlog.make_filtering_bound_logger(_LEVELS[level]),
        logger_factory=structlog.WriteLoggerFactory(file=out),
        cache_logger_on_first_use=False,  # a reload may change the level
    )
    structlog.contextvars.clear_contextvars()
    if node:
        structlog.contextvars.bind_contextvars(node=node)
    handler = logging.StreamHandler(out)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[structlog.stdlib.add_logger_name, *shared],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, last],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.WARNING)
    # pika tells every failed attempt five times over; a transport says it once, when it changes.
    logging.getLogger("pika").setLevel(logging.CRITICAL)


def finish_log() -> None:
    """Give the lines that wait a moment to be written: this process ends in a way that asks nobody."""
    _sink().finish()


@cache
def _sink() -> Sink:
    """One for the process: it has a thread."""
    return Sink(2)


def _escape(_logger: Any, _name: str, fields: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    for key, value in fields.items():
        if isinstance(value, str):
            fields[key] = printable(value)
        elif isinstance(value, list | tuple):
            shown = [printable(item) if isinstance(item, str) else item for item in value[:_ITEMS]]
            fields[key] = [*shown, f"… {len(value)} in all"] if len(value) > _ITEMS else shown
    return fields


def _in_order(_logger: Any, _name: str, fields: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """When, how bad, what, where first: a person reads the line from the left."""
    first = {key: fields.pop(key) for key in ("at", "level", "event", "node") if key in fields}
    return {**first, **fields}


def _exception_places(_logger: Any, _name: str, fields: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """``exc_info`` becomes the exception's type and the lines it passed; its message stays out."""
    given = fields.pop("exc_info", None)
    if given is True:
        given = sys.exc_info()
    error = given[1] if isinstance(given, tuple) else given
    if isinstance(error, BaseException):
        frames = traceback.extract_tb(error.__traceback__)[-_FRAMES:]
        fields["error"] = type(error).__qualname__
        fields["places"] = [f"{_module(frame.filename)}:{frame.lineno} {frame.name}" for frame in frames]
    return fields


def _module(path: str) -> str:
    """The file without the folders that say only where the program was installed."""
    parts = path.replace("\\", "/").split("/")
    start = parts.index("site-packages") + 1 if "site-packages" in parts else max(0, len(parts) - 3)
    return "/".join(parts[start:])
