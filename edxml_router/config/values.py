"""The types of settings: how durations, sizes, paths and names are written, and a setting's documentation."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any, Final, Literal

from pydantic import (
    BeforeValidator,
    ConfigDict,
    Field,
    GetPydanticSchema,
    StringConstraints,
    ValidationInfo,
    WrapValidator,
)

from edxml_router.core.detail import Detail
from edxml_router.core.proof.checkpoint import is_origin
from edxml_router.core.proof.note import ED25519, VerifierKey

MIB: Final = 1024 * 1024
INLINE: Final = "inline"  # node.workers: the whole node in one process

_DURATION = re.compile(r"(?:(\d+)d)?(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?(?:(\d+)ms)?")
_SIZE = re.compile(r"(\d+) ?(|KiB|MiB|GiB)")
_UNITS: Final = {"": 1, "KiB": 1024, "MiB": MIB, "GiB": 1024 * MIB}


@dataclass(frozen=True, slots=True)
class About:
    """What a setting is for, in one line, and how it may be written (TOML) where there is no default."""

    text: str
    example: str = ""


def read_duration(value: Any) -> timedelta:
    """``"30s"``, ``"5m"``, ``"12h"``, ``"10d"`` and their sums (``"1h30m"``), longest unit first."""
    match = _DURATION.fullmatch(value.strip()) if isinstance(value, str) and value.strip() else None
    if match is None:
        raise ValueError(Detail('a duration is written like "30s", "5m", "12h" or "10d"'))
    days, hours, minutes, seconds, milliseconds = (int(part or 0) for part in match.groups())
    try:
        return timedelta(days=days, hours=hours, minutes=minutes, seconds=seconds, milliseconds=milliseconds)
    except OverflowError:
        raise ValueError(Detail("this duration is too long")) from None


def read_size(value: Any) -> int:
    """A number of bytes, or ``"64 MiB"``."""
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    match = _SIZE.fullmatch(value.strip()) if isinstance(value, str) else None
    if match is None:
        raise ValueError(Detail('a size is a number of bytes, or written like "64 MiB"'))
    return int(match[1]) * _UNITS[match[2]]


def _read_path(value: Any, info: ValidationInfo) -> Path:
    if not isinstance(value, str | Path) or not str(value) or "\0" in str(value):
        raise ValueError(Detail("a path is a text that is not empty"))
    base: Path = (info.context or {}).get("base", Path())
    return base / Path(value).expanduser()


def _read_files(value: Any, info: ValidationInfo) -> tuple[Path, ...]:
    """One file, or a list of them."""
    return tuple(_read_path(each, info) for each in (value if isinstance(value, list | tuple) else [value]))


def _read_key(value: Any, info: ValidationInfo) -> Path | str:
    """The URI of a key in a token stays as it is."""
    return value if isinstance(value, str) and value.startswith("pkcs11:") else _read_path(value, info)


def _read_mail_address(value: Any) -> str:
    if not isinstance(value, str) or not _MAIL_ADDRESS.fullmatch(value):
        raise ValueError(Detail('an address is written like "van-thu@tayninh.gov.vn"'))
    return value


def _read_origin(value: Any) -> str:
    if not isinstance(value, str) or not is_origin(value):
        raise ValueError(Detail("a log's name has no spaces and no plus sign, and 200 characters at most"))
    return value


def _read_log_key(value: Any) -> str:
    """One verifier key, of a log and not of a witness: it is the same key, and the one is made of the other."""
    key = VerifierKey.read(value if isinstance(value, str) else "")
    if key.kind != ED25519 or not is_origin(key.name):
        raise ValueError(Detail("not the verifier key of a log"))
    return key.text


def _read_oid(value: Any) -> str:
    """An object identifier, in numbers and dots."""
    if not isinstance(value, str) or not _OID.fullmatch(value):
        raise ValueError(Detail("not an object identifier such as 1.3.6.1.4.1.99999.1"))
    return value


def _read_workers(value: Any, handler: Callable[[Any], int]) -> int | str:
    """A number, or the one word; whatever else it is, it should have been a number."""
    return value if value == INLINE else handler(value)


_MAIL_ADDRESS = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~.-]{1,64}@[A-Za-z0-9-]{1,63}(\.[A-Za-z0-9-]{1,63}){0,9}")
_OID = re.compile(r"[0-2](\.(0|[1-9][0-9]{0,9})){1,20}")
Name = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9_-]{0,62}$")]
Code = Annotated[str, Field(strict=True)]
File = Annotated[Path, BeforeValidator(_read_path)]
Files = Annotated[tuple[Path, ...], BeforeValidator(_read_files)]
Origin = Annotated[str, BeforeValidator(_read_origin)]
ObjectId = Annotated[str, BeforeValidator(_read_oid)]
LogKeys = Annotated[tuple[Annotated[str, BeforeValidator(_read_log_key)], ...], Field(max_length=4)]
Key = Annotated[Path | str, BeforeValidator(_read_key)]
MailAddress = Annotated[str, BeforeValidator(_read_mail_address)]
Duration = Annotated[timedelta, BeforeValidator(read_duration), Field(ge=timedelta(milliseconds=1))]
Size = Annotated[int, BeforeValidator(read_size), Field(ge=1)]
Count = Annotated[int, Field(strict=True, ge=1)]
Workers = Annotated[
    int | Literal["inline"],
    GetPydanticSchema(lambda _type, handler: handler(Annotated[int, Field(strict=True, ge=0, le=256)])),
    WrapValidator(_read_workers),
]


class SettingsTable:
    """Base of every section: a key that is not a field is a mistake."""

    __slots__ = ()
    __pydantic_config__ = ConfigDict(extra="forbid")
