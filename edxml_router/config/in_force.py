"""The settings in force in a running node: what a changed file changes, and what takes a restart.

    for change in changes(before, after): change.name, change.before, change.after, change.taken
    settings = pinned(load(path), like)         # in a node that runs: what only a restart changes stays

Most settings take effect at a reload, those of hubs and store through new workers that replace the old ones. Four stay
until a restart, and whether the node is one process: because other processes and machines know the node by them,
because a database is only examined when a node starts (two workers on two databases would each have half of the mail),
and because a process is told at its start whether to count for Prometheus.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Final

from edxml_router.config.settings import Settings
from edxml_router.config.text import duration
from edxml_router.config.values import INLINE

_WORKERS: Final = "node.workers"
AT_RESTART: Final = ("node.name", "node.data", "store.url", "metrics.listen")


@dataclass(frozen=True, slots=True)
class SettingChange:
    """A setting that has changed; those of a child or office go by its name. The values as text, empty for none."""

    name: str
    before: str
    after: str

    @property
    def taken(self) -> bool:
        """Whether a reload is enough; otherwise it needs a restart."""
        return self.name not in AT_RESTART and not (self.name == _WORKERS and INLINE in (self.before, self.after))


def pins(settings: Settings) -> Mapping[str, str]:
    """The settings that stay until a restart."""
    return {name: text for name, text in settings_texts(settings).items() if name in (*AT_RESTART, _WORKERS)}


def pinned(settings: Settings, like: Mapping[str, str]) -> Settings:
    """The settings with those that stay until a restart as in ``like``."""
    node = replace(settings.node, name=like["node.name"], data=Path(like["node.data"]))
    workers = like.get(_WORKERS, "")
    if workers and (workers == INLINE) != node.inline:
        node = replace(node, workers=INLINE if workers == INLINE else int(workers))
    metrics = replace(settings.metrics, listen=like.get("metrics.listen") or None)
    return replace(settings, node=node, store=replace(settings.store, url=like["store.url"] or None), metrics=metrics)


def of_worker(settings: Settings) -> object:
    """The settings that a running worker cannot change."""
    return settings.hub, settings.parent and settings.parent.hub, settings.store


def changes(before: Mapping[str, str], after: Mapping[str, str]) -> Iterator[SettingChange]:
    """The differences between two :func:`settings_texts`, in the order of the file."""
    for name in dict.fromkeys((*after, *before)):
        if before.get(name, "") != after.get(name, ""):
            yield SettingChange(name, before.get(name, ""), after.get(name, ""))


def settings_texts(settings: Settings) -> dict[str, str]:
    """Every setting by its name, as text; secrets are not among them, only their files."""
    lists = {
        "children": [each.name for each in settings.children],
        "offices": [each.name for each in settings.offices],
        "seals": [each.agency for each in settings.seals],
    }
    found: dict[str, str] = {}
    for name, value, _ in settings.as_table():
        section, *rest = name.split(".")
        if section in lists and rest:  # by name: one more in front must not look like a change of all
            found[".".join((section, lists[section][int(rest[0])], *rest[1:]))] = _text(value)
        else:
            found[name] = _text(value)
    return found


def _text(value: object) -> str:
    if isinstance(value, timedelta):
        return duration(value)
    if isinstance(value, tuple):
        return ", ".join(map(_text, value))
    return "" if value is None else str(value)
