"""Journal entries as comma-separated values (RFC 4180), for a face that hands out a file.

Of a problem only the code is there; a cell that a spreadsheet would take for a formula begins with an apostrophe.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable
from typing import Any

from edxml_router.core.delivery.views import JournalLine
from edxml_router.observe.escape import printable, spreadsheet_text
from edxml_router.shapes.history import EntryShape, entry_shape


def entries_csv(lines: Iterable[JournalLine]) -> str:
    """A line of heads, then one for each entry."""
    heads = list(EntryShape.__annotations__)
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(heads)
    for line in lines:
        shape: dict[str, Any] = {**entry_shape(line)}
        writer.writerow([_written(shape[head]) for head in heads])
    return out.getvalue()


def _written(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, dict):
        return str(value["code"])
    text = printable(str(value), 10_000)
    return text if isinstance(value, int) else spreadsheet_text(text)
