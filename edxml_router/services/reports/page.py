"""A report as a page to print: one file of HTML for A4, without scripts and without anything that is fetched.

text = report_page(report, "vi", "UBND tỉnh Tây Ninh")
"""

from __future__ import annotations

from collections.abc import Iterator
from html import escape
from typing import Final

from edxml_router.core.detail import Detail
from edxml_router.language.catalogues import told
from edxml_router.observe.escape import printable
from edxml_router.services.reports.chart import chart
from edxml_router.services.reports.tables import ReportTable, label, scope, tables
from edxml_router.shapes.evidence.report import ReportShape

MOST_PRINTED: Final = 2000  # rows of a table; whoever wants more wants a spreadsheet
_STYLE: Final = """
@page { size: A4; margin: 16mm 14mm; }
body { font: 9.5pt/1.35 "Noto Sans", "DejaVu Sans", Arial, sans-serif; color: #111; max-width: 182mm; margin: 6mm auto;
  padding: 0 4mm; }
h1 { font-size: 15pt; text-align: center; margin: 0 0 2mm; } h2 { font-size: 10.5pt; margin: 5mm 0 1mm; }
p { margin: 0 0 1mm; overflow-wrap: anywhere; } p.who { text-align: center; margin-bottom: 4mm; }
table { border-collapse: collapse; width: 100%; } thead { display: table-header-group; } tr { break-inside: avoid; }
th, td { border-bottom: .3pt solid #999; padding: .8mm 1.5mm; text-align: right; vertical-align: bottom; }
th:first-child, td:first-child { text-align: left; min-width: 34mm; overflow-wrap: anywhere; }
th { border-bottom: .8pt solid #333; }
tbody tr.total { font-weight: bold; border-top: .8pt solid #333; }
h2 { break-after: avoid; } svg { display: block; width: 100%; height: auto; margin: 2mm 0; break-inside: avoid; }
footer { margin-top: 5mm; font-size: 8.5pt; color: #333; }
@media print { body { margin: 0; padding: 0; max-width: none; } }
"""


def report_page(report: ReportShape, language: str, node: str = "") -> str:
    """The whole file; ``node`` is the name for people of who made it."""
    return "\n".join(_lines(report, language, node)) + "\n"


def _lines(report: ReportShape, language: str, node: str) -> Iterator[str]:
    title = _text(label(language, "title"))
    yield f'<!doctype html>\n<html lang="{language}">\n<head>\n<meta charset="utf-8">'
    yield '<meta name="viewport" content="width=device-width, initial-scale=1">'
    yield "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">"
    yield f"<title>{title}</title>\n<style>{_STYLE}</style>\n</head>\n<body>\n<h1>{title}</h1>"
    if node:
        yield f'<p class="who">{_text(node)}</p>'
    for sentence in scope(report, language):
        yield f"<p>{_text(sentence)}</p>"
    yield chart(report, language)
    for table in tables(report, language, MOST_PRINTED):
        yield from _table(table, total=table.rows[-1][0] == label(language, "total"))
    if len(report["rows"]) > MOST_PRINTED:
        more = Detail("{count} more groups are in the JSON and CSV.", count=len(report["rows"]) - MOST_PRINTED)
        yield f"<p>{_text(told(language, more))}</p>"
    proof = Detail(
        "A page proves nothing. Whoever has the journal counts again with `edxml-router report verify` and the JSON of "
        "this report."
    )
    yield f"<footer><p>{_text(told(language, proof))}</p></footer>\n</body>\n</html>"


def _table(table: ReportTable, *, total: bool) -> Iterator[str]:
    yield f"<h2>{_text(table.title)}</h2>\n<table>"
    yield f"<thead><tr>{''.join(f'<th>{_text(name)}</th>' for name in table.names)}</tr></thead>\n<tbody>"
    for place, row in enumerate(table.rows, 1):
        marked = ' class="total"' if total and place == len(table.rows) else ""
        yield f"<tr{marked}>{''.join(f'<td>{_text(cell)}</td>' for cell in row)}</tr>"
    yield "</tbody>\n</table>"


def _text(text: str) -> str:
    """What strangers wrote, such as a code, is text, whatever it looks like."""
    return escape(printable(text, 10_000))
