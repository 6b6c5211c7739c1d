"""The report as a page of its own: one file of HTML, without scripts, that can be read and printed anywhere.

text = html_page(shape, "vi")
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from html import escape
from typing import Any, Final

from edxml_router.conformance.reporting.words import counts, told_moment, word
from edxml_router.language.texts import say
from edxml_router.observe.escape import printable
from edxml_router.shapes.office.conformance import ConformanceCaseShape, ConformanceShape

_STYLE: Final = """
body { font: 11pt/1.45 "Noto Sans", "Segoe UI", Arial, sans-serif; color: #1a1a1a; max-width: 60rem; margin: 2rem auto;
  padding: 0 1rem; }
h1 { font-size: 1.6rem; margin-bottom: .3rem; } h2 { font-size: 1.2rem; margin: 2rem 0 .5rem; }
table { border-collapse: collapse; width: 100%; } th, td { text-align: left; vertical-align: top; padding: .3rem .6rem;
  border-bottom: 1px solid #ddd; } th { font-weight: 600; }
section { border: 1px solid #ccc; border-left-width: .4rem; border-radius: .2rem; padding: .5rem 1rem; margin: .8rem 0;
  break-inside: avoid; }
section h3 { font-size: 1rem; margin: .2rem 0 .4rem; display: flex; justify-content: space-between; gap: 1rem; }
section table { font-size: .92em; } section th { width: 9rem; }
code { font-family: "Noto Sans Mono", Consolas, monospace; font-size: .88em; overflow-wrap: anywhere; }
.held { border-left-color: #1b7f3b; } .not-held { border-left-color: #b3261e; }
.not-tried { border-left-color: #8a6d00; }
b.held { color: #1b7f3b; } b.not-held { color: #b3261e; } b.not-tried { color: #6f5700; }
ul { margin: 0; padding-left: 1.1rem; }
@page { size: A4; margin: 18mm 15mm; }
@media print { body { margin: 0; max-width: none; font-size: 9.5pt; } a { color: inherit; } }
"""


def html_page(shape: ConformanceShape, language: str) -> str:
    """The whole file."""
    return "\n".join(_lines(shape, language)) + "\n"


def _lines(shape: ConformanceShape, language: str) -> Iterator[str]:
    title = _said(language, "title")
    yield f'<!doctype html>\n<html lang="{language}">\n<head>\n<meta charset="utf-8">'
    yield '<meta name="viewport" content="width=device-width, initial-scale=1">'
    yield "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">"
    yield f"<title>{title}: {_text(shape['agency'])}</title>\n<style>{_STYLE}</style>\n</head>\n<body>"
    yield f"<h1>{title}</h1>"
    yield f"<p><b>{_text(counts(language, shape))}</b></p>"
    yield "<table>"
    for name in ("agency", "counterpart", "node"):
        yield f"<tr><th>{_said(language, name)}</th><td>{_text(str(shape[name]))}</td></tr>"
    for name, at in (("started_at", shape["started_at"]), ("ended_at", shape["ended_at"])):
        yield f"<tr><th>{_said(language, name)}</th><td>{_text(told_moment(language, at))}</td></tr>"
    yield "</table>"
    yield from _overview(shape, language)
    for side in ("receives", "sends"):
        yield f"<h2>{_said(language, side)}</h2>"
        for one in shape["cases"]:
            if one["side"] == side:
                yield from _case(one, language)
    yield "</body>\n</html>"


def _overview(shape: ConformanceShape, language: str) -> Iterator[str]:
    """What was not held first, then what was not tried: what a reader has to do something about."""
    yield "<table>"
    for verdict in ("not-held", "not-tried", "held"):
        for one in shape["cases"]:
            if one["verdict"] == verdict:
                name = _text(one["case"])
                yield f'<tr><td><b class="{verdict}">{_said(language, verdict)}</b></td>'
                yield f'<td><a href="#{name}">{name}</a></td><td>{_in(one, "title", language)}</td></tr>'
    yield "</table>"


def _case(one: ConformanceCaseShape, language: str) -> Iterator[str]:
    verdict = one["verdict"]
    yield f'<section class="{verdict}" id="{_text(one["case"])}">'
    said = _said(language, verdict)
    title = f"{_in(one, 'title', language)} <code>{_text(one['case'])}</code>"
    yield f'<h3><span>{title}</span><b class="{verdict}">{said}</b></h3>'
    yield "<table>"
    for name in ("rule", "expectation", "instruction"):
        if told := _in(one, name, language):
            yield f"<tr><th>{_said(language, name)}</th><td>{told}</td></tr>"
    if one["messages"]:
        sent = "".join(
            f"<li>{_text(told_moment(language, each['at']))} {_text(each['document_id'])}"
            f"<br><code>{each['digest']}</code></li>"
            for each in one["messages"]
        )
        yield f"<tr><th>{_said(language, 'messages')}</th><td><ul>{sent}</ul></td></tr>"
    seen = "".join(
        f"<li>{_text(told_moment(language, each['at']))} {_in(each, 'text', language)}</li>" for each in one["seen"]
    )
    yield f"<tr><th>{_said(language, 'seen')}</th><td><ul>{seen}</ul></td></tr>"
    if one["actor"] is not None:
        actor = say(language, f"actor.{one['actor']}")
        told = f"{_text(actor)}: {_in(one, 'remedy', language)}"
        yield f"<tr><th>{_said(language, 'remedy')}</th><td>{told}</td></tr>"
    yield "</table>\n</section>"


def _in(shape: Mapping[str, Any], name: str, language: str) -> str:
    return _text(shape[f"{name}_vi" if language == "vi" else name] or "")


def _said(language: str, key: str) -> str:
    return _text(word(language, key))


def _text(text: str) -> str:
    """What strangers wrote is text, whatever it looks like, and nothing in it moves the reader's screen."""
    return escape(printable(text, 10_000))
