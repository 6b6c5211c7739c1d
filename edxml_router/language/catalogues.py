"""Texts of ours in the language of whoever reads them: gettext catalogues, one for each language but English.

English stands where a text arises, and is the key. ``scripts/catalogues.py`` collects it into
``vi/LC_MESSAGES/edxml-router.po``, where the translation is written, and compiles what is read here. A catalogue that
lacks a text leaves it English; the tests allow no such gap.
"""

from __future__ import annotations

import gettext
import os
import re
from collections.abc import Mapping
from datetime import date, datetime, timedelta
from functools import cache
from inspect import cleandoc
from pathlib import Path
from typing import Final

from edxml_router.core.detail import Detail, Value, fill, shown

DOMAIN: Final = "edxml-router"
FOLDER: Final = Path(__file__).parent

METAVAR: Final = "metavar"  # the contexts of the catalogue
TYPE: Final = "type"

_METAVAR_WORD: Final = re.compile(r"\b[A-Z]{2,}\b")
_UNITS: Final = ((86400, "ngày"), (3600, "giờ"), (60, "phút"))  # seconds


def told(language: str, text: str) -> str:
    """A detail in this language; any other text as it is."""
    if language == "en" or not isinstance(text, Detail):
        return str(text)
    try:
        return fill(_catalogue(language).gettext(text.template), text.values, _vietnamese)
    except (KeyError, ValueError):  # kept by another version, whose template had other fields
        return str(text)


def text(language: str, key: str, english: str, values: Mapping[str, object]) -> str:
    """A text of the commands; ``key`` tells what it is for where English has one word and another language two."""
    known = {name: value if isinstance(value, Value) else str(value) for name, value in values.items()}
    if language == "en":
        return fill(english, known, shown)
    return fill(_catalogue(language).pgettext(key, english), known, _vietnamese)


def shown_value(language: str, value: Value) -> str:
    """A number, a day or a moment as this language writes it; a moment in this machine's time zone."""
    if isinstance(value, datetime):
        value = value.astimezone()
        return _vietnamese(value, "") if language == "vi" else value.strftime("%Y-%m-%d %H:%M:%S")
    return _vietnamese(value, "") if language == "vi" else shown(value, "")


def metavar(language: str, english: str) -> str:
    """What stands for a value in usage and help, such as ``FILE`` or ``[OPTIONS]``: each of its words by itself."""
    known = _catalogue(language)
    return _METAVAR_WORD.sub(lambda word: known.pgettext(METAVAR, word[0]), english)


def type_name(language: str, english: str) -> str:
    """What click calls a kind of value where it tells what was wrong with one, such as ``integer``."""
    return _catalogue(language).pgettext(TYPE, english)


def metavar_words(english: str) -> list[str]:
    """The words of a metavar that have a translation; a single letter or a mixed one (``EDXnnn``) has none."""
    return _METAVAR_WORD.findall(english)


def help_text(language: str, english: str | None) -> str:
    """The help of a command or an option, without the indentation that it has in the code."""
    return _catalogue(language).gettext(cleandoc(english)) if english else ""


def speak(language: str) -> None:
    """Let what a library says by itself (click: usage, options, mistakes in what was typed) be in this language."""
    gettext.bindtextdomain(DOMAIN, str(FOLDER))
    gettext.textdomain(DOMAIN)
    os.environ["LANGUAGE"] = language  # which is where gettext looks first


@cache
def _catalogue(language: str) -> gettext.NullTranslations:
    if language == "en":
        return gettext.NullTranslations()
    return gettext.translation(DOMAIN, FOLDER, [language])


def _vietnamese(value: Value, form: str) -> str:
    """A value as it is written in Vietnamese: ``1,5``, ``27/11/2026``, ``2 giờ 5 phút``."""
    if isinstance(value, str):
        return told("vi", value)
    if isinstance(value, timedelta):
        return _duration(value)
    if isinstance(value, datetime):
        return value.strftime(form or "%H:%M:%S %d/%m/%Y")
    if isinstance(value, date):
        return value.strftime(form or "%d/%m/%Y")
    return shown(value, form).replace(".", ",")


def _duration(value: timedelta) -> str:
    left = abs(value).total_seconds()
    parts = []
    for seconds, unit in _UNITS:
        count, left = divmod(left, seconds)
        parts += [f"{count:.0f} {unit}"] if count else []
    if left or not parts:
        parts.append(f"{left:g} giây".replace(".", ","))
    return ("-" if value < timedelta() else "") + " ".join(parts)
