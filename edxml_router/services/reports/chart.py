"""The small chart of a report: a bar for each group with its deliveries on time, late and refused, as SVG.

Drawn here: a page that is printed in an office may fetch nothing. Colours differ in lightness too, so that they can be
told apart on a printer without colours; each part has a title that a reader of the screen speaks.
"""

from __future__ import annotations

from collections.abc import Iterator
from html import escape
from typing import Final

from edxml_router.core.detail import Detail
from edxml_router.language.catalogues import told
from edxml_router.services.reports.tables import group_name, grouped_number, label
from edxml_router.shapes.evidence.report import ReportRowShape, ReportShape

MOST_BARS: Final = 24
_WIDTH: Final = 720
_NAMES: Final = 170  # for the names at the left, …
_COUNTS: Final = 70  # … and the numbers at the right
_ROW: Final = 20
_LEGEND: Final = 24
_PARTS: Final = (("on_time", "#1f5f8b"), ("late", "#e0a030"), ("refused", "#111111"), ("cancelled", "#8a8a8a"),
                ("waiting", "#d9d9d9"))  # fmt: skip
_LETTERS: Final = 28  # of a name


def chart(report: ReportShape, language: str) -> str:
    """The picture; nothing where nothing was delivered."""
    rows = [row for row in report["rows"] or [report["total"]] if row["sent"]["deliveries"]][:MOST_BARS]
    return "\n".join(_lines(rows, language)) if rows else ""


def _lines(rows: list[ReportRowShape], language: str) -> Iterator[str]:
    height = _LEGEND + _ROW * len(rows)
    title = escape(told(language, Detail("Deliveries of what was sent, by outcome")))
    yield f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" role="img" font-size="11">'
    yield f"<title>{title}</title>"
    x = _NAMES
    for part, colour in _PARTS:
        yield f'<rect x="{x}" y="4" width="11" height="11" fill="{colour}"/>'
        yield f'<text x="{x + 15}" y="14">{escape(label(language, part))}</text>'
        x += 100
    most = max(row["sent"]["deliveries"] for row in rows)
    for place, row in enumerate(rows):
        yield from _bar(row, language, _LEGEND + _ROW * place, most)
    yield "</svg>"


def _bar(row: ReportRowShape, language: str, y: int, most: int) -> Iterator[str]:
    name = group_name(row, language)
    shown = name if len(name) <= _LETTERS else f"{name[: _LETTERS - 1]}…"
    yield f'<text x="{_NAMES - 6}" y="{y + 13}" text-anchor="end">{escape(shown)}</text>'
    x, scale = float(_NAMES), (_WIDTH - _NAMES - _COUNTS) / most
    sent = row["sent"]
    counts = {"on_time": sent["on_time"], "late": sent["late"], "refused": sent["refused"],
              "cancelled": sent["cancelled"], "waiting": sent["waiting"]}  # fmt: skip
    for part, colour in _PARTS:
        width = counts[part] * scale
        if width:
            told_part = escape(f"{name}: {label(language, part)} {grouped_number(language, counts[part])}")
            box = f'x="{x:.1f}" y="{y + 2}" width="{width:.1f}" height="{_ROW - 5}"'
            yield f'<rect {box} fill="{colour}"><title>{told_part}</title></rect>'
            x += width
    yield f'<text x="{x + 5:.1f}" y="{y + 13}">{grouped_number(language, row["sent"]["deliveries"])}</text>'
