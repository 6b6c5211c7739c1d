"""Templates: one environment with autoescape, and the words that templates have.

``t(key, …)`` is a text of :mod:`edxml_router.console.texts`, ``say(key, …)`` one of the commands'; the filters
``shown`` (numbers, days, moments) and ``told`` (details of problems) write as the reader's language does. What is
undefined is a mistake, never an empty place.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Final

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from edxml_router import __version__
from edxml_router.console import routing
from edxml_router.console.texts import TEXTS, in_language
from edxml_router.console.visit import BASE, Visit
from edxml_router.language import catalogues, texts

_FOLDER: Final = Path(__file__).parent
_STATIC: Final = {"css": "text/css", "js": "text/javascript", "svg": "image/svg+xml", "txt": "text/plain"}


@cache
def static_files() -> Mapping[str, tuple[bytes, str]]:
    """Content and media type of each file that pages load, by its name."""
    files = [path for path in sorted((_FOLDER / "static").iterdir()) if path.suffix[1:] in _STATIC]
    return {path.name: (path.read_bytes(), _STATIC[path.suffix[1:]]) for path in files}


@cache
def environment() -> Environment:
    return Environment(
        loader=FileSystemLoader(_FOLDER / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )


def show(visit: Visit, template: str, values: Mapping[str, object]) -> str:
    """The page as HTML."""
    language = visit.language
    note = visit.query.get("note", "")
    known = {
        "visit": visit,
        "person": visit.person,
        "language": language,
        "base": BASE,
        "place": visit.place,
        "token": visit.token,
        "note": note if note in TEXTS and note.split(".")[0] == "note" else "",
        "navigation": routing.navigation(visit.person),
        "node": visit.settings.node,
        "version": __version__,
        "static": _static,
        "t": lambda key, /, **told: in_language(language, key, **told),
        "say": lambda key, /, **told: texts.say(language, key, **told),
        "shown": lambda value: "-" if value is None else catalogues.shown_value(language, value),
        "told": lambda text: catalogues.told(language, text),
    }
    return environment().get_template(template).render({**known, **values})


def _static(name: str) -> str:
    """The address of a file that may be kept by the browser until it is another one."""
    return f"{BASE}/static/{name}?{sha256(static_files()[name][0]).hexdigest()[:12]}"
