"""The particulars of one problem: an English template and its values.

    Detail("more than {most} bytes", most=5)            # is the text "more than 5 bytes"

A :class:`Detail` *is* its English text, so logs, links and JSON treat it like any other; shown to a person, it is
translated into their language (:mod:`edxml_router.language.catalogues`), however long it was kept. Templates are
literals in our code, from where they get into the catalogues; text from others is only ever a value. Values are not
interpreted: braces in them are braces.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping
from datetime import date, datetime, timedelta
from typing import Any, Final, TypeAlias

Value: TypeAlias = str | int | float | date | timedelta  # a Detail is a str, a datetime a date

# A field with an optional format of numbers of two digits at most: a width could demand any amount of memory.
FIELD: Final = re.compile(r"\{([A-Za-z_]\w*)(?::((?:[^{}\d]|\d{1,2}(?!\d)){1,30}))?\}")
KEPT_LENGTH_MAX: Final = 16 * 1024  # characters; a longer detail is kept as its English text
_PLAIN: Final = "{text}"

_ENCODE: Final = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


class Detail(str):
    """A text of ours that can be translated.

    ``values`` keep their type where languages write it differently: numbers, days, moments, durations, other details.
    Anything else becomes text. Raises KeyError for a missing value.
    """

    __slots__ = ("template", "values")

    template: str
    values: Mapping[str, Value]

    def __new__(cls, template: str, /, **values: Any) -> Detail:
        kept = {name: _kept(value) for name, value in values.items()}
        # Most templates have no field, and one is built for each envelope whether or not it is shown.
        detail = super().__new__(cls, fill(template, kept, shown) if "{" in template else template)
        detail.template = template
        detail.values = kept
        return detail

    def __reduce__(self) -> tuple[Any, ...]:
        return _made, (self.template, dict(self.values))


def fill(template: str, values: Mapping[str, Value], show: Callable[[Value, str], str]) -> str:
    """The template with its fields filled; ``show`` writes a value in the form that the field asks for."""
    return FIELD.sub(lambda field: show(values[field[1]], field[2] or ""), template)


def joined(separator: str, parts: Iterable[str]) -> Detail:
    """Several details as one, e.g. with ``"; "`` between them."""
    values = {f"part{number}": part for number, part in enumerate(parts)}
    return Detail(separator.join(f"{{{name}}}" for name in values), **values)


def said(error: BaseException) -> str:
    """The detail an exception was raised with, or else its text."""
    return error.args[0] if error.args and isinstance(error.args[0], Detail) else str(error)


def shown(value: Value, form: str) -> str:
    """A value in English."""
    return format(value, form) if form else str(value)


# --- as it is kept: ["more than {most} bytes",{"most":5}], so that it can still be told in any language ---


def as_json(text: str) -> str | list[Any]:
    """Its form in JSON: a plain text as it is, a detail as template and values."""
    if not isinstance(text, Detail):
        return text
    return _parts(text) if _length(text.template, text.values) <= KEPT_LENGTH_MAX else str(text)


def from_json(value: Any) -> str:
    """The inverse of :func:`as_json`. Raises ValueError for anything that function never returns."""
    if isinstance(value, str):
        return value
    try:
        return _read(value)
    except (TypeError, KeyError, AttributeError, OverflowError, RecursionError) as error:
        raise ValueError(Detail("not the template and values of a detail")) from error


def as_text(text: str) -> str:
    """Its form in a text column; a plain text stays as it is there too, unless it looks like a detail."""
    kept = as_json(text)
    if isinstance(kept, list):
        return _ENCODE(kept)
    return _ENCODE([_PLAIN, {"text": kept}]) if kept.startswith("[") else kept


def from_text(text: str) -> str:
    """The inverse of :func:`as_text`. Anything else is taken as plain text."""
    if not text.startswith("["):
        return text
    try:
        return from_json(json.loads(text))
    except (ValueError, RecursionError):
        return text


def _parts(detail: Detail) -> list[Any]:
    return [detail.template, {name: _written(value) for name, value in detail.values.items()}]


def _written(value: Value) -> Any:
    if isinstance(value, Detail):
        return _parts(value)
    if isinstance(value, datetime):
        return {"moment": value.isoformat()}
    if isinstance(value, date):
        return {"day": value.isoformat()}
    return {"seconds": value.total_seconds()} if isinstance(value, timedelta) else value


def _read(parts: Any) -> Detail:
    template, values = parts
    if not isinstance(template, str):
        raise TypeError("a template is a text")
    read = {name: _value(value) for name, value in values.items()}
    # Somebody with write access to the database could nest a few hundred bytes into more text than fits into memory.
    if _length(template, read) > KEPT_LENGTH_MAX:
        raise ValueError(Detail("longer than a detail may be"))
    return Detail(template, **read)


def _length(template: str, values: Mapping[str, Value]) -> int:
    """The approximate length of the text before it is made; 0 for a plain text, which is as long as what is kept."""
    if template == _PLAIN and type(values.get("text")) is str:
        return 0
    return len(template) + sum(len(str(values[field[1]])) for field in FIELD.finditer(template))


def _value(written: Any) -> Any:
    if isinstance(written, list):
        return _read(written)
    if not isinstance(written, dict):
        return written
    [(kind, value)] = written.items()
    return _READ[kind](value)


_READ: Final[Mapping[str, Callable[[Any], Value]]] = {
    "moment": datetime.fromisoformat,
    "day": date.fromisoformat,
    "seconds": lambda seconds: timedelta(seconds=seconds),
}


def _kept(value: Any) -> Value:
    if isinstance(value, Detail | int | float | date | timedelta) and not isinstance(value, bool):
        return value
    return str(value)


def _made(template: str, values: Mapping[str, Value]) -> Detail:
    return Detail(template, **values)
