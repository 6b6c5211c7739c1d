"""What the pages say, by key: a module with ``TEXTS`` for each page. In English; the catalogues have the rest.

in_language("vi", "nav.now")
"""

from __future__ import annotations

import pkgutil
from collections.abc import Mapping
from importlib import import_module
from typing import Final

from edxml_router.language import catalogues


def _all() -> Mapping[str, str]:
    found: dict[str, str] = {}
    for module in pkgutil.iter_modules(__path__, f"{__name__}."):
        texts = import_module(module.name).TEXTS
        assert found.keys().isdisjoint(texts), module.name  # noqa: S101  # a key of two pages
        found.update(texts)
    return found


TEXTS: Final[Mapping[str, str]] = _all()


def in_language(language: str, key: str, /, **values: object) -> str:
    """The text in a language; KeyError for an unknown key."""
    return catalogues.text(language, f"console.{key}", TEXTS[key], values)
