"""The configuration: from a TOML file to immutable settings, or to all of its mistakes at once.

``load(path)`` returns a :class:`Settings` or raises :class:`ConfigErrors` with one finding per mistake, each with file
and line: EDX901 (wrong), EDX902 (a file cannot be read), EDX903 (others can read a key). ``load_for_reading(path)``
only finds out where the database is. Paths in the file are relative to the file's own folder.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import fields
from datetime import UTC, date, datetime
from functools import cache
from pathlib import Path
from typing import Any, Final

from pydantic import TypeAdapter, ValidationError

from edxml_router.config.checks import find_mistakes
from edxml_router.config.faces.gateway import GatewaySettings
from edxml_router.config.faces.seals import SealSettings
from edxml_router.config.hubs import ClientCertificate, Hub, HubTls, LocalHub, RabbitHub
from edxml_router.config.mending import is_certain, mended, nearest
from edxml_router.config.mistake import REMARKS, WRONG, Mistake
from edxml_router.config.peers import (
    ChildSettings,
    HubSettings,
    OfficeSettings,
    ParentSettings,
    QuotaSettings,
    UnsignedSettings,
)
from edxml_router.config.positions import Place, dotted, line_of, positions
from edxml_router.config.sections.keeping import StampSettings, StoreSettings
from edxml_router.config.sections.trust import OcspSettings, TrustSettings
from edxml_router.config.settings import (
    AgenciesSettings,
    DeliverySettings,
    LimitsSettings,
    LogSettings,
    NodeSettings,
    PolicySettings,
    Sections,
    Settings,
)
from edxml_router.core.detail import Detail, said
from edxml_router.core.problems import ConfigErrors, Finding
from edxml_router.core.wording import in_words

__all__ = [
    "AgenciesSettings",
    "ChildSettings",
    "ClientCertificate",
    "ConfigErrors",
    "DeliverySettings",
    "GatewaySettings",
    "Hub",
    "HubSettings",
    "HubTls",
    "LimitsSettings",
    "LocalHub",
    "LogSettings",
    "NodeSettings",
    "OcspSettings",
    "OfficeSettings",
    "ParentSettings",
    "PolicySettings",
    "QuotaSettings",
    "RabbitHub",
    "SealSettings",
    "Settings",
    "StampSettings",
    "StoreSettings",
    "TrustSettings",
    "UnsignedSettings",
    "load",
    "load_for_reading",
]

_AT_LINE = re.compile(r"\s*\(at line (\d+), column \d+\)")
_AGENCIES = ("catalogue", "extra")
_MAX_BYTES = 4 * 1024 * 1024  # a configuration of ten thousand children has 1 MB


def load(path: Path, *, today: date | None = None) -> Settings:
    """Read and check the configuration at ``path``.

    ``today`` (default: the present day) decides whether dated exceptions have run out. Raises ConfigErrors.
    """
    text = _read(path)
    table = _parse(path, text)
    lines = positions(text)

    def validate(values: Mapping[str, Any]) -> Sections:
        return _adapter().validate_python(values, context={"base": path.absolute().parent})

    mistakes: list[Mistake] = []
    sections: Sections | None
    touched: frozenset[Place] = frozenset()
    try:
        sections = validate(table)
    except ValidationError as error:
        mistakes = [Mistake(WRONG, item["loc"], _explain(item)) for item in error.errors(include_url=False)]
        sections, touched = mended(table, error, validate)
    if sections is not None:
        found = find_mistakes(sections, today or datetime.now(UTC).date())
        mistakes += [mistake for mistake in found if is_certain(mistake, touched)]
    wrong: list[Finding] = []
    remarks: list[Finding] = []
    for item in sorted(mistakes, key=lambda item: line_of(lines, item.place)):
        finding = Finding(
            item.code, Detail("{path}, line {line}", path=path, line=line_of(lines, item.place)), item.detail
        )
        (remarks if item.code in REMARKS else wrong).append(finding)
    if sections is None or wrong:
        raise ConfigErrors(wrong, remarks)
    return Settings(
        path=path,
        **{field.name: getattr(sections, field.name) for field in fields(Sections)},
        given=frozenset(".".join(map(str, place)) for place in lines),
        remarks=tuple(remarks),
    )


def load_for_reading(path: Path, *, agencies: bool = False) -> Settings:
    """Only the address of the journal's database and, with ``agencies``, the catalogue; everything else is at its
    default, even the node's name. So a mistake elsewhere never keeps an auditor from asking. Raises ConfigErrors.
    """
    text = _read(path)
    table = _parse(path, text)
    wanted = {"node": ("data",), "store": ("url", "password_file")} | ({"agencies": _AGENCIES} if agencies else {})
    values: dict[str, Any] = {"node": {}}
    for section, names in wanted.items():
        given = table.get(section, {})
        values[section] = {key: given[key] for key in names if key in given} if isinstance(given, dict) else given
    if isinstance(values["node"], dict):
        values["node"]["name"] = "unread"
    try:
        sections = _adapter().validate_python(values, context={"base": path.absolute().parent})
    except ValidationError as error:
        lines = positions(text)
        raise ConfigErrors([
            Finding("EDX901", Detail("{path}, line {line}", path=path, line=line_of(lines, item["loc"])),
                    _explain(item))
            for item in error.errors(include_url=False)
        ]) from error  # fmt: skip
    return Settings(path=path, **{field.name: getattr(sections, field.name) for field in fields(Sections)})


@cache
def _adapter() -> TypeAdapter[Sections]:
    """Made when the first file is read: commands that read none need not wait for it."""
    return TypeAdapter(Sections)


def _read(path: Path) -> str:
    try:
        with path.open("rb") as file:
            data = file.read(_MAX_BYTES + 1)
    except OSError as error:
        raise ConfigErrors([Finding("EDX902", str(path), in_words(error))]) from error
    if len(data) > _MAX_BYTES:
        raise ConfigErrors(
            [Finding("EDX901", str(path), Detail("the file has more than {most} bytes", most=_MAX_BYTES))]
        )
    try:
        return data.decode("utf-8-sig").replace("\r\n", "\n")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise ConfigErrors(
            [Finding("EDX901", Detail("{path}, line {line}", path=path, line=line), Detail("not UTF-8"))]
        ) from error


def _parse(path: Path, text: str) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError, ValueError) as error:
        # Python before 3.14 tells the place only in the message: "… (at line 3, column 7)".
        match = _AT_LINE.search(str(error))
        line = int(match[1]) if match else text.count("\n") + 1
        detail = _AT_LINE.sub("", str(error)).strip()
        raise ConfigErrors(
            [
                Finding(
                    "EDX901",
                    Detail("{path}, line {line}", path=path, line=line),
                    Detail("not TOML: {detail}", detail=detail),
                )
            ]
        ) from error


_TYPES: Final = {
    "string": Detail("should be a valid string"),
    "int": Detail("should be a valid integer"),
    "bool": Detail("should be a valid boolean"),
    "date": Detail("should be a valid date"),
}


def _explain(item: Any) -> str:
    """One mistake in our words: the setting's name, what is wrong, and what was probably meant."""
    place: tuple[str | int, ...] = item["loc"]
    name = dotted(place)
    if item["type"] == "unexpected_keyword_argument":
        near = nearest(place)
        if near:
            return Detail("{name} is not a setting; did you mean {near}?", name=name, near=near)
        return Detail("{name} is not a setting", name=name)
    if item["type"] == "missing":
        return Detail("{name} is missing", name=name)
    if item["type"] in ("dataclass_type", "dataclass_exact_type"):
        return Detail("{name} is a section with settings of its own", name=name)
    if item["type"] == "tuple_type":
        return Detail("{name} is a list: [ … ]", name=name)
    if item["type"] == "string_pattern_mismatch":
        return Detail("{name}: a name has a-z, 0-9, hyphen and underscore, at most 63 characters", name=name)
    return Detail("{name}: {mistake}", name=name, mistake=_mistake(item))


def _mistake(item: Any) -> str:
    """What is wrong with a value: in our words, or in the library's where we have none."""
    kind, context = item["type"], item.get("ctx", {})
    if kind == "value_error":
        return said(context["error"])
    if kind == "greater_than_equal":
        return Detail("should be greater than or equal to {least}", least=context["ge"])
    if kind == "less_than_equal":
        return Detail("should be less than or equal to {most}", most=context["le"])
    if kind == "literal_error":
        return Detail("should be {expected}", expected=context["expected"])
    known = next((detail for beginning, detail in _TYPES.items() if kind.startswith(beginning)), None)
    return known or str(item["msg"]).removeprefix("Input ")
