"""Pictures of the last hours: a bar for each with how many there were, and lines for how long it took.

hour_bars("traffic", title, [Hour(at, 12), …], "vi")
hour_lines("latency", title, [Latency(at, 40, 300), …], "vi")      # seconds
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from edxml_router.core.detail import Detail
from edxml_router.language.catalogues import told
from edxml_router.services.pictures.svg import box, drawn_text, picture

WIDTH: Final = 480
HEIGHT: Final = 120
_LEFT: Final = 46
_BASE: Final = 98
_TOP: Final = 12
_LABEL: Final = 18  # half of a label's width
_EACH: Final = 6  # hours between two labels


@dataclass(frozen=True, slots=True)
class Hour:
    """How many there were in the hour that began at ``at``."""

    at: datetime
    count: int


@dataclass(frozen=True, slots=True)
class Latency:
    """Of those that ended in the hour that began at ``at``: seconds within which half, and 95 of 100, had ended. None
    where nothing ended."""

    at: datetime
    median: float | None
    p95: float | None


def hour_bars(name: str, title: str, hours: Sequence[Hour], language: str) -> str:
    """A bar for each hour. Bars begin at zero."""
    most = max((one.count for one in hours), default=0)
    width = (WIDTH - _LEFT) / max(len(hours), 1)
    parts = [*_frame(str(most), [one.at for one in hours], width)]
    for place, one in enumerate(hours):
        height = (_BASE - _TOP) * one.count / most if most else 0
        if height:
            parts.append(box(_LEFT + place * width + 1, _BASE - height, max(width - 2, 1), height, "pic-bar"))
    busiest = max(hours, key=lambda one: one.count, default=None)
    words = Detail("nothing in {hours} hours", hours=len(hours))
    if busiest is not None and busiest.count:
        words = Detail(
            "{total} in {hours} hours; most in the hour from {at:%H:%M}: {count}",
            total=sum(one.count for one in hours),
            hours=len(hours),
            at=busiest.at.astimezone(),
            count=busiest.count,
        )
    return picture(name, (WIDTH, HEIGHT), title, told(language, words), parts)


def hour_lines(name: str, title: str, hours: Sequence[Latency], language: str) -> str:
    """A line for the median and a dashed one for the 95th of a hundred; it is broken where nothing ended."""
    most = max((one.p95 for one in hours if one.p95 is not None), default=0.0)
    width = (WIDTH - _LEFT) / max(len(hours), 1)
    parts = [*_frame(seconds_told(most, language) if most else "0", [one.at for one in hours], width)]
    parts += _line(hours, lambda one: one.median, most, width, "pic-line")
    parts += _line(hours, lambda one: one.p95, most, width, "pic-line pic-dashed")
    known = [one for one in hours if one.p95 is not None and one.median is not None]
    words = Detail("nothing ended in {hours} hours", hours=len(hours))
    if known:
        last, worst = known[-1], max(known, key=lambda one: one.p95 or 0)
        words = Detail(
            "in the last hour in which any ended, half within {median} and 95 of 100 within {p95}; the longest in the"
            " hour from {at:%H:%M}: {worst}",
            median=seconds_told(last.median or 0, language),
            p95=seconds_told(last.p95 or 0, language),
            at=worst.at.astimezone(),
            worst=seconds_told(worst.p95 or 0, language),
        )
    return picture(name, (WIDTH, HEIGHT), title, told(language, words), parts)


def seconds_told(seconds: float, language: str) -> str:
    """A span in one unit."""
    if seconds >= 2 * 86400:
        return told(language, Detail("{days} days", days=round(seconds / 86400)))
    if seconds >= 2 * 3600:
        return told(language, Detail("{hours} h", hours=round(seconds / 3600)))
    if seconds >= 120:
        return told(language, Detail("{minutes} min", minutes=round(seconds / 60)))
    return told(language, Detail("{seconds} s", seconds=round(seconds)))


def _frame(most: str, hours: Sequence[datetime], width: float) -> Iterator[str]:
    yield f'<path d="M{_LEFT},{_TOP} V{_BASE} H{WIDTH}" fill="none" class="pic-axis"/>'
    yield drawn_text(_LEFT - 5, _TOP + 8, most, "pic-small", "end")
    yield drawn_text(_LEFT - 5, _BASE, "0", "pic-small", "end")
    for place, at in enumerate(hours):
        if at.astimezone().hour % _EACH == 0:
            middle = min(_LEFT + (place + 0.5) * width, WIDTH - _LABEL)
            yield drawn_text(middle, HEIGHT - 6, f"{at.astimezone():%H:%M}", "pic-small", "middle")


def _line(
    hours: Sequence[Latency], value: Callable[[Latency], float | None], most: float, width: float, style: str
) -> Iterator[str]:
    way, pen = "", "M"
    for place, one in enumerate(hours):
        seconds = value(one)
        if seconds is None:
            pen = "M"
            continue
        x, y = _LEFT + (place + 0.5) * width, _BASE - (_BASE - _TOP) * (seconds / most if most else 0)
        # An hour alone between two without any is a point, which a line of no length with round ends is.
        way += f"{pen}{x:.1f},{y:.1f}" + ("h0.1" if pen == "M" else "")
        pen = "L"
    if way:
        yield f'<path d="{way}" fill="none" class="{style}"/>'
