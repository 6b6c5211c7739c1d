"""structlog, without what it would load for developers.

    from edxml_router.observe.plain_structlog import structlog

Where rich is installed, structlog takes its tracebacks, and with them a highlighter of source code, at every start.
Our lines tell an exception by its type and places (:mod:`edxml_router.observe.logs`), so nothing of that is ever drawn.
"""

from __future__ import annotations

import sys
from typing import Any, Final

__all__ = ["structlog"]

_UNWANTED: Final = "rich.traceback"
_loaded: dict[str, Any] = sys.modules

if "structlog" in _loaded or _UNWANTED in _loaded:
    import structlog
else:
    _loaded[_UNWANTED] = None  # "there is none", as the documentation of import says
    try:
        import structlog
    finally:
        del _loaded[_UNWANTED]
