"""The configuration: a TOML file becomes immutable settings, or all of its mistakes at once.

``load(path)`` answers a :class:`Settings` or raises :class:`ConfigErrors` with one finding per mistake, each
with file and line: EDX901 (wrong), EDX902 (a file cannot be read), EDX903 (others can read a key).
Paths in the file are relative to the file's own folder.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Sequence
from dataclasses import fields
from datetime import UTC, date, datetime
from difflib import get_close_matches
from pathlib import Path
from typing import Any, get_args, get_type_hints

from pydantic import TypeAdapter, ValidationError

from edxml_router.config.checks import REMARK, check
from edxml_router.config.peers import (
    ChildSettings,
    HubSettings,
    OfficeSettings,
    ParentSettings,
    QuotaSettings,
    UnsignedException,
)
from edxml_router.config.positions import dotted, line_of, positions
from edxml_router.config.settings import (
    AgenciesSettings,
    DeliverySettings,
    LimitsSettings,
    LogSettings,
    NodeSettings,
    OcspSettings,
    PolicySettings,
    Sections,
    Settings,
    StoreSettings,
    TrustSettings,
)
from edxml_router.config.values import Table
from edxml_router.core.problems import Finding

__all__ = [
    "AgenciesSettings",
    "ChildSettings",
    "ConfigErrors",
    "DeliverySettings",
    "HubSettings",
    "LimitsSettings",
    "LogSettings",
    "NodeSettings",
    "OcspSettings",
    "OfficeSettings",
    "ParentSettings",
    "PolicySettings",
    "QuotaSettings",
    "Settings",
    "StoreSettings",
    "TrustSettings",
    "UnsignedException",
    "load",
]

_ADAPTER = TypeAdapter(Sections)
_AT_LINE = re.compile(r"\s*\(at line (\d+), column \d+\)")
_MAX_BYTES = 4 * 1024 * 1024  # a configuration of ten thousand children has 1 MB


class ConfigErrors(Exception):  # noqa: N818  # it is about all of them at once
    """The file is wrong; ``findings`` has every mistake, in the order of the lines."""

    def __init__(self, findings: Sequence[Finding]) -> None:
        self.findings = tuple(findings)
        super().__init__("; ".join(str(finding) for finding in self.findings))


def load(path: Path, *, today: date | None = None) -> Settings:
    """Read and check the configuration at ``path``.

    ``today`` (default: the present day) decides whether dated exceptions have run out. Raises ConfigErrors.
    """
    text = _read(path)
    table = _parse(path, text)
    lines = positions(text)

    def finding(code: str, place: tuple[str | int, ...], detail: str) -> Finding:
        return Finding(code, f"{path}, line {line_of(lines, place)}", detail)

    try:
        sections = _ADAPTER.validate_python(table, context={"base": path.absolute().parent})
    except ValidationError as error:
        mistakes = sorted(error.errors(include_url=False), key=lambda item: line_of(lines, item["loc"]))
        raise ConfigErrors([finding("EDX901", item["loc"], _explain(item)) for item in mistakes]) from None
    wrong: list[Finding] = []
    remarks: list[Finding] = []
    found = check(sections, today or datetime.now(UTC).date())
    for item in sorted(found, key=lambda item: line_of(lines, item.place)):
        (remarks if item.code == REMARK else wrong).append(finding(item.code, item.place, item.detail))
    if wrong:
        raise ConfigErrors(wrong)
    return Settings(
        path=path,
        **{field.name: getattr(sections, field.name) for field in fields(Sections)},
        given=frozenset(".".join(map(str, place)) for place in lines),
        remarks=tuple(remarks),
    )


def _read(path: Path) -> str:
    try:
        with path.open("rb") as file:
            data = file.read(_MAX_BYTES + 1)
    except OSError as error:
        raise ConfigErrors([Finding("EDX902", str(path), error.strerror or "")]) from error
    if len(data) > _MAX_BYTES:
        raise ConfigErrors([Finding("EDX901", str(path), f"the file has more than {_MAX_BYTES} bytes")])
    try:
        return data.decode("utf-8-sig").replace("\r\n", "\n")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise ConfigErrors([Finding("EDX901", f"{path}, line {line}", "not UTF-8")]) from error


def _parse(path: Path, text: str) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError, ValueError) as error:
        # Python before 3.14 tells the place only in the message: "… (at line 3, column 7)".
        match = _AT_LINE.search(str(error))
        line = int(match[1]) if match else text.count("\n") + 1
        detail = _AT_LINE.sub("", str(error)).strip()
        raise ConfigErrors([Finding("EDX901", f"{path}, line {line}", f"not TOML: {detail}")]) from error


def _explain(item: Any) -> str:
    """One mistake in our words: the setting's name, what is wrong, and what was perhaps meant."""
    place: tuple[str | int, ...] = item["loc"]
    name = dotted(place)
    if item["type"] == "unexpected_keyword_argument":
        near = get_close_matches(str(place[-1]), _keys_at(place[:-1]), n=1)
        return f"{name} is not a setting" + (f"; did you mean {near[0]}?" if near else "")
    if item["type"] == "missing":
        return f"{name} is missing"
    if item["type"] in ("dataclass_type", "dataclass_exact_type"):
        return f"{name} is a section with settings of its own"
    if item["type"] == "tuple_type":
        return f"{name} is a list: [ … ]"
    if item["type"] == "string_pattern_mismatch":
        return f"{name}: a name has a-z, 0-9, hyphen and underscore, at most 63 characters"
    message = str(item["msg"]).removeprefix("Value error, ").removeprefix("Input ")
    return f"{name}: {message}"


def _keys_at(place: tuple[str | int, ...]) -> list[str]:
    """The settings that the section at ``place`` knows."""
    section: Any = Sections
    for step in place:
        if isinstance(step, str):
            section = get_type_hints(section).get(step)
        kinds = [kind for kind in (section, *get_args(section)) if isinstance(kind, type)]
        section = next((kind for kind in kinds if issubclass(kind, Table)), None)
        if section is None:
            return []
    return [field.name for field in fields(section)]
