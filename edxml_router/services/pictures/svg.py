"""What pictures are made of: every text is escaped here, and every colour is a class of the style sheet.

A picture is one image to a reader of the screen (``role="img"``), with a title and, in words, all that it shows. Dark,
light and print have their own colours, so none is written here; what a colour says is said by a number or a line too.
"""

from __future__ import annotations

from collections.abc import Iterable
from html import escape
from typing import Final

from edxml_router.observe.escape import printable

LONGEST: Final = 2000  # characters of one text


def picture(name: str, size: tuple[int, int], title: str, told: str, parts: Iterable[str]) -> str:
    """A whole picture. ``name`` makes the ids within a page its own; ``told`` says in words what it shows."""
    width, height = size
    labels = f'aria-labelledby="{escape(name)}-title {escape(name)}-desc"'
    head = (
        f'<svg class="pic" xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" role="img" {labels}>',
        f'<title id="{escape(name)}-title">{shown_text(title)}</title>',
        f'<desc id="{escape(name)}-desc">{shown_text(told)}</desc>',
    )
    return "\n".join((*head, *parts, "</svg>"))


def shown_text(words: str) -> str:
    """Text for an element or an attribute, whatever stands in it."""
    return escape(printable(words, LONGEST))


def drawn_text(x: float, y: float, words: str, style: str = "pic-text", anchor: str = "start") -> str:
    """A line of text; ``anchor``: which of its ends is at x."""
    return f'<text x="{x:.1f}" y="{y:.1f}" class="{style}" text-anchor="{anchor}">{shown_text(words)}</text>'


def box(x: float, y: float, width: float, height: float, style: str) -> str:
    return f'<rect x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{height:.1f}" rx="3" class="{style}"/>'


def curve(start: tuple[float, float], end: tuple[float, float], width: float, style: str) -> str:
    """A line that leaves and arrives level."""
    (x1, y1), (x2, y2) = start, end
    middle = (x1 + x2) / 2
    way = f"M{x1:.1f},{y1:.1f} C{middle:.1f},{y1:.1f} {middle:.1f},{y2:.1f} {x2:.1f},{y2:.1f}"
    return f'<path d="{way}" fill="none" stroke-width="{width:.1f}" class="{style}"/>'


def shortened(words: str, most: int) -> str:
    return words if len(words) <= most else f"{words[: most - 1]}…"
