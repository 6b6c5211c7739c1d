"""A document's way as a picture: SVG text, drawn here, which prints, is read aloud, and needs no script.

    text = way_picture(steps, "vi")

Colours come from the page by class (``way``, ``node``, ``end``, ``waiting``, ``failed``, ``done``, ``slow``), and
nothing is told by colour alone: each end has a sign and a word, the slowest part is drawn thick. What others wrote is
escaped.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import timedelta
from html import escape
from typing import Final

from edxml_router.core.delivery.lifecycle import State
from edxml_router.core.detail import Detail
from edxml_router.language.catalogues import shown_value, told
from edxml_router.language.texts import say
from edxml_router.observe.escape import printable
from edxml_router.services.following.way import WayStep, whole_time

MOST_STEPS: Final = 12
_ROW: Final = 56
_WIDTH: Final = 440
_AXIS: Final = 24
_LETTERS: Final = 44
_FAILED: Final = frozenset({State.RETURNED, State.EXPIRED, State.CANCELLED})


def way_picture(steps: Sequence[WayStep], language: str) -> str:
    """The whole drawing, from top to bottom: a mark for each node, between two the time that it took."""
    shown = [*steps[: MOST_STEPS - 1], steps[-1]] if len(steps) > MOST_STEPS else steps
    return "\n".join(_lines(shown, language))


def delay_text(language: str, delay: timedelta) -> str:
    """A time as people say it, to the second; below a minute to the tenth."""
    seconds = delay.total_seconds()
    if abs(seconds) < 60:
        rounded = f"{seconds:.1f}"
        return f"{rounded.replace('.', ',')} giây" if language == "vi" else f"{rounded} s"
    left, parts = int(abs(seconds)), list[str]()
    for unit, english, vietnamese in ((86400, "d", "ngày"), (3600, "h", "giờ"), (60, "min", "phút"), (1, "s", "giây")):
        count, left = divmod(left, unit)
        if count:
            parts.append(f"{count} {vietnamese if language == 'vi' else english}")
    return ("-" if seconds < 0 else "") + " ".join(parts[:2])


def way_in_words(steps: Sequence[WayStep], language: str) -> str:
    """The picture in one sentence, for whoever does not see it."""
    end = steps[-1]
    word = say(language, f"state.{end.state}") if end.state else ""
    nodes = len(steps) - 1
    took = whole_time(steps)
    if took is None:
        return told(language, Detail("{count} nodes have taken it; at {recipient}: {state}",
                                     count=nodes, recipient=end.place, state=word))  # fmt: skip
    return told(language, Detail("{count} nodes have taken it within {time}; at {recipient}: {state}", count=nodes,
                                 time=delay_text(language, took), recipient=end.place, state=word))  # fmt: skip


def _lines(steps: Sequence[WayStep], language: str) -> Iterator[str]:
    height = _ROW * len(steps)
    title = told(language, Detail("The way to {recipient}", recipient=steps[-1].place))
    yield f'<svg xmlns="http://www.w3.org/2000/svg" class="way" viewBox="0 0 {_WIDTH} {height}" role="img">'
    yield f"<title>{_text(title)}</title>\n<desc>{_text(way_in_words(steps, language))}</desc>"
    slowest = max((step.delay for step in steps if step.delay is not None), default=None)
    for place, step in enumerate(steps):
        y = _ROW * place + 16
        if place:
            slow = step.delay is not None and step.delay == slowest and len(steps) > 2
            waiting = step.at is None
            kind = "waiting" if waiting else "slow" if slow else "part"
            dashes = ' stroke-dasharray="4 4"' if waiting else ""
            thick = 5 if slow else 2
            yield (
                f'<line class="{kind}" x1="{_AXIS}" y1="{y - _ROW + 10}" x2="{_AXIS}" y2="{y - 10}"'
                f' stroke-width="{thick}"{dashes}/>'
            )
            if step.delay is not None:
                took = _text(delay_text(language, step.delay))
                yield f'<text class="delay" x="{_AXIS + 18}" y="{y - 22}">{took}</text>'
        yield from _mark(step, y, language)
    yield "</svg>"


def _mark(step: WayStep, y: int, language: str) -> Iterator[str]:
    kind, sign = "node", ""
    if step.state is State.CONFIRMED:
        kind, sign = "end done", "✓"
    elif step.state in _FAILED:
        kind, sign = "end failed", "✕"
    elif step.state is not None:
        kind, sign = "end waiting", "…"
    yield f'<circle class="{kind}" cx="{_AXIS}" cy="{y}" r="10"/>'
    if sign:
        yield f'<text class="sign" x="{_AXIS}" y="{y + 4}" text-anchor="middle">{sign}</text>'
    name = step.place if len(step.place) <= _LETTERS else f"{step.place[: _LETTERS - 1]}…"
    yield f'<text class="name" x="{_AXIS + 18}" y="{y + 4}">{_text(name)}</text>'
    about = [shown_value(language, step.at)] if step.at is not None else []
    if step.state is not None:
        about.append(say(language, f"state.{step.state}"))
    if step.next_hop:
        about.append(f"→ {step.next_hop}")
    yield f'<text class="about" x="{_AXIS + 18}" y="{y + 20}">{_text(", ".join(about))}</text>'


def _text(value: str) -> str:
    return escape(printable(value, 400))
