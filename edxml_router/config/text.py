"""The settings as text: the commented file that ``edxml-router init`` writes, and docs/settings.md.

Both are made from the ``About`` texts of :mod:`edxml_router.config.settings`, so that they cannot disagree with the
program. A setting that is commented out stands at its default (``#workers = 0``), or shows an example where there is
none; removing the ``#`` is all it takes.
"""

from __future__ import annotations

import inspect
import json
from collections.abc import Iterator
from dataclasses import MISSING, fields
from datetime import timedelta
from pathlib import Path
from typing import Any, Final, get_args, get_type_hints
from urllib.parse import urlsplit

from edxml_router.config.settings import Sections
from edxml_router.config.values import MIB, About, SettingsTable

_UNITS: Final = ((86400, "d"), (3600, "h"), (60, "m"), (1, "s"))

_HEAD: Final = """\
# Configuration of an edxml-router node. Lines that begin with "#" and no blank are settings at their default, or
# examples: remove the "#" to set them. Paths are relative to this file. Durations: "30s", "5m", "12h", "10d";
# sizes: a number of bytes, or "64 MiB". Secrets are never written here, only the files that hold them (mode 0600).
# Check it with `edxml-router config check`.
"""


def bare_address(url: str) -> str:
    """An address for whoever is told of it, without what may let its reader in: calls to chats have their secret in
    the path or the query, and others a password before the host."""
    parts = urlsplit(url)
    host = parts.netloc.rpartition("@")[2]
    return f"{parts.scheme}://{host}" + ("/…" if parts.path.strip("/") or parts.query else "")


def example(name: str = "h53", title: str = "", log_key: str = "", data: str = "") -> str:
    """A complete configuration with ``name`` set, where they are given a title, the file of the log's key and the
    folder of the data, and everything else commented out."""
    given = {"node.name": name, "node.title": title, "node.data": data, "journal.key": log_key}
    return _HEAD + "".join(_section(path, kind, given) for path, kind in _sections())


def reference() -> str:
    """docs/settings.md: every setting, what it is for, and its default."""
    lines = ["# Settings", "", "Made from `edxml_router/config/settings.py` by `scripts/docs`; do not edit.", ""]
    for path, kind in _sections():
        lines += [f"## {path}", "", inspect.getdoc(kind) or "", "", "| setting | for what | default |", "|---|---|---|"]
        for name, hint, default in _settings(kind):
            shown = "required" if default is MISSING else "–" if default in (None, ()) else f"`{_toml(default, hint)}`"
            lines.append(f"| `{name}` | {_about(hint).text} | {shown} |")
        lines.append("")
    return "\n".join(lines)


def duration(value: timedelta) -> str:
    """``"1h30m"``: the way durations are written in the file."""
    seconds, rest = divmod(value, timedelta(seconds=1))
    text = ""
    for unit, letter in _UNITS:
        count, seconds = divmod(seconds, unit)
        text += f"{count}{letter}" if count else ""
    milliseconds = rest // timedelta(milliseconds=1)
    return text + (f"{milliseconds}ms" if milliseconds else "") or "0s"


def _sections() -> Iterator[tuple[str, type]]:
    """Each table with its header as TOML writes it, in the order of the file."""
    yield from _tables("", Sections)


def _tables(prefix: str, kind: type) -> Iterator[tuple[str, type]]:
    hints = get_type_hints(kind)
    for field in fields(kind):
        inner = _inner(hints[field.name])
        if inner is None:
            continue
        many = "tuple[" in str(hints[field.name])
        path = f"{prefix}{field.name}"
        yield f"[[{path}]]" if many else f"[{path}]", inner
        yield from _tables(f"{path}.", inner)


def _inner(hint: Any) -> type | None:
    """The section that a field holds, if it holds one."""
    for kind in (hint, *get_args(hint)):
        if isinstance(kind, type) and issubclass(kind, SettingsTable):
            return kind
    return None


def _settings(kind: type) -> Iterator[tuple[str, Any, Any]]:
    plain, full = get_type_hints(kind), get_type_hints(kind, include_extras=True)
    for field in fields(kind):
        if _inner(plain[field.name]) is None:
            yield field.name, full[field.name], field.default


def _section(path: str, kind: type, given: dict[str, str]) -> str:
    always = path in ("[node]", "[store]", "[journal]", "[trust]", "[agencies]", "[limits]", "[delivery]", "[log]")
    lines = ["", f"# {' '.join((inspect.getdoc(kind) or '').split())}", path if always else f"#{path}"]
    for name, hint, default in _settings(kind):
        about = _about(hint)
        value = about.example if default is MISSING or default in (None, ()) else _toml(default, hint)
        mark = "#"
        if written := given.get(f"{path.strip('[]')}.{name}"):
            value, mark = json.dumps(written, ensure_ascii=False), ""
        lines += [f"# {about.text}", f"{mark}{name} = {value or '[]'}"]
    return "\n".join(lines) + "\n"


def _about(hint: Any) -> About:
    return next(item for item in hint.__metadata__ if isinstance(item, About))


def _toml(value: Any, hint: Any) -> str:
    if isinstance(value, timedelta):
        return json.dumps(duration(value))
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int):
        sized = any("read_size" in str(item) for item in hint.__metadata__)
        return f'"{value // MIB} MiB"' if sized and value % MIB == 0 else str(value)
    if isinstance(value, str | Path):
        return json.dumps(str(value), ensure_ascii=False)
    return json.dumps(list(value), ensure_ascii=False)
