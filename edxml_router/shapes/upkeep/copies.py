"""Copies of a node, and a node that was made anew from one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Protocol, TypedDict

from edxml_router.core.delivery.lifecycle import State
from edxml_router.core.delivery.views import Damage
from edxml_router.core.link.manifest import exact_instant, instant
from edxml_router.core.link.resync import Recovery
from edxml_router.core.problems import Finding
from edxml_router.shapes.form import Digest, Instant
from edxml_router.shapes.node import DamageShape, RecoveryShape, recovery_shape
from edxml_router.shapes.problem import ProblemShape, problem_shape


class Copied(Protocol):
    """What a manifest says, as far as it is shown."""

    @property
    def node(self) -> str: ...
    @property
    def made_at(self) -> datetime: ...
    @property
    def version(self) -> str: ...
    @property
    def schema(self) -> str: ...
    @property
    def entries(self) -> int: ...
    @property
    def size(self) -> int: ...
    @property
    def root(self) -> str: ...
    @property
    def bodies(self) -> int: ...
    @property
    def bytes(self) -> int: ...
    @property
    def missing(self) -> Sequence[str]: ...
    @property
    def configuration(self) -> bool: ...


class BackupShape(TypedDict):
    """What a back-up holds. ``manifest`` is the digest of its manifest.json, ``size`` counts all bytes, and
    ``journal_size`` the entries that ``root`` is over."""

    folder: str
    sound: bool
    made_at: Instant
    node: str
    version: str
    schema: str
    entry_count: int
    journal_size: int
    root: Digest
    manifest: Digest
    body_count: int
    size: int
    configuration: bool
    missing: list[Digest]
    damages: list[DamageShape]


class RestoreShape(TypedDict):
    """What a node was made from, and what is still to come: everything after ``since`` is missing. ``ended_log`` is the
    name under which nothing is signed any more."""

    folder: str
    made_at: Instant
    since: Instant
    entry_count: int
    body_count: int
    open: dict[str, int]
    ended_log: str
    recoveries: list[RecoveryShape]


class DrillShape(TypedDict):
    """What came of trying a copy out; without ``node_size`` there was no journal of the node to compare it with."""

    folder: str
    sound: bool
    made_at: Instant
    journal_size: int
    letter_count: int
    delivery_count: int
    body_count: int
    node_size: int | None
    seconds: int
    problems: list[ProblemShape]


class Tried(Protocol):
    """What a drill found, as far as it is shown."""

    folder: Path
    letters: int
    bodies: int
    deliveries: int
    node_size: int | None
    seconds: float
    findings: list[Finding]

    @property
    def manifest(self) -> Copied: ...
    @property
    def sound(self) -> bool: ...


def backup_shape(folder: str, held: Copied, digest: str, damages: Sequence[Damage]) -> BackupShape:
    return {
        "folder": folder,
        "sound": not held.missing and not damages,
        "made_at": exact_instant(held.made_at),
        "node": held.node,
        "version": held.version,
        "schema": held.schema,
        "entry_count": held.entries,
        "journal_size": held.size,
        "root": held.root,
        "manifest": digest,
        "body_count": held.bodies,
        "size": held.bytes,
        "configuration": held.configuration,
        "missing": list(held.missing),
        "damages": [{"where": one.where, "detail": one.detail} for one in damages],
    }


def restore_shape(
    folder: str, held: Copied, since: datetime, opened: Mapping[State, int], log: str, parties: Sequence[Recovery]
) -> RestoreShape:
    return {
        "folder": folder,
        "made_at": exact_instant(held.made_at),
        "since": instant(since),
        "entry_count": held.entries,
        "body_count": held.bodies,
        "open": {state.value: count for state, count in opened.items()},
        "ended_log": log,
        "recoveries": [recovery_shape(one) for one in parties],
    }


def drill_shape(found: Tried) -> DrillShape:
    return {
        "folder": str(found.folder),
        "sound": found.sound,
        "made_at": exact_instant(found.manifest.made_at),
        "journal_size": found.manifest.size,
        "letter_count": found.letters,
        "delivery_count": found.deliveries,
        "body_count": found.bodies,
        "node_size": found.node_size,
        "seconds": round(found.seconds),
        "problems": [problem_shape(one) for one in found.findings],
    }
