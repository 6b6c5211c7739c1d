"""The pictures of the console: well-formed whatever names are in them, complete in words, right in their numbers."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from lxml import etree

from edxml_router.core.link.route import Route
from edxml_router.services.overview.flow import share_of, sum_up_flow
from edxml_router.services.pictures.hours import Hour, Latency, hour_bars, hour_lines, seconds_told
from edxml_router.services.pictures.neighbours import MOST_LINES, NeighbourLine, neighbour_picture, thickness
from edxml_router.store.recent import RecentDelivery, RecentFlow

SVG = "{http://www.w3.org/2000/svg}"
NOW = datetime(2026, 11, 28, 8, 30, tzinfo=UTC)
HOSTILE = '</text><script>alert("Sở Nội vụ")</script>&\x1b[31m'


def parsed(text: str) -> etree._Element:
    """Strictly: what is not escaped is no XML any more, or more elements than there were drawn."""
    return etree.fromstring(text.encode())


def words(drawn: etree._Element) -> str:
    return " ".join(drawn.itertext())


@pytest.mark.parametrize("language", ["en", "vi"])
def test_names_from_strangers_stay_text(language: str) -> None:
    lines = [NeighbourLine(HOSTILE, "child", 3, 2, "some")]
    drawn = parsed(neighbour_picture(HOSTILE, lines, language))
    assert {one.tag.removeprefix(SVG) for one in drawn.iter()} == {"svg", "title", "desc", "path", "rect", "text"}
    assert "<script>alert" in words(drawn)  # as text
    assert "\x1b" not in words(drawn)
    drawn = parsed(hour_bars("traffic", HOSTILE, [Hour(NOW, 1)], language))
    assert "<script>" in words(drawn)


def test_a_picture_says_in_words_what_it_shows_and_colour_never_says_it_alone() -> None:
    lines = [
        NeighbourLine("tw", "parent", 900, 3, "calm"),
        NeighbourLine("tay-ninh", "child", 40, 212, "silent"),
        NeighbourLine("so-yte", "office", 0, 0, "calm"),
    ]
    drawn = parsed(neighbour_picture("h53", lines, "en"))
    assert (drawn.get("role"), drawn.get("aria-labelledby")) == ("img", "neighbours-title neighbours-desc")
    described = drawn.findtext(f"{SVG}desc")
    assert described is not None
    assert "tay-ninh (child): 212 wait, 40 went there lately, no answer" in described
    assert "212 ✕" in words(drawn)
    ways = [one for one in drawn.iter(f"{SVG}path") if "pic-way" in one.get("class", "")]
    widths = [float(one.get("stroke-width", "0")) for one in ways]
    assert widths[0] > widths[1] > widths[2] == 1.0
    assert "không có trả lời" in words(parsed(neighbour_picture("h53", lines, "vi")))


def test_of_many_neighbours_those_that_need_somebody_are_drawn() -> None:
    lines = [NeighbourLine(f"xa-{number}", "child", 5, 0, "calm") for number in range(200)]
    lines[150] = NeighbourLine("xa-150", "child", 0, 7, "silent")
    lines[199] = NeighbourLine("xa-199", "child", 0, 1, "much")
    shown = words(parsed(neighbour_picture("h53", lines, "en")))
    assert "xa-150" in shown
    assert "xa-199" in shown
    assert f"and {200 - MOST_LINES} more, where 0 wait" in shown
    assert parsed(neighbour_picture("h53", [], "en")) is not None


def test_lines_grow_with_what_goes_over_them() -> None:
    assert thickness(0, 100) == thickness(0, 0) == 1.0
    assert 1.0 < thickness(1, 100) < thickness(99, 100) < thickness(100, 100) == 12.0


def test_bars_are_as_high_as_their_numbers() -> None:
    hours = [Hour(NOW - timedelta(hours=2 - place), count) for place, count in enumerate((10, 0, 5))]
    drawn = parsed(hour_bars("traffic", "Accepted", hours, "en"))
    heights = [float(one.get("height", "0")) for one in drawn.iter(f"{SVG}rect")]
    assert (len(heights), heights[0] / heights[1]) == (2, 2.0)
    assert "15 in 3 hours" in words(drawn)
    assert "nothing in 1 hours" in words(parsed(hour_bars("t", "A", [Hour(NOW, 0)], "en")))


def test_a_line_is_broken_where_nothing_ended() -> None:
    hours = [Latency(NOW, 1, 5), Latency(NOW, None, None), Latency(NOW, 2, 300)]
    drawn = parsed(hour_lines("latency", "Took", hours, "en"))
    [median, p95] = [one.get("d", "") for one in drawn.iter(f"{SVG}path") if "pic-line" in one.get("class", "")]
    assert (median.count("M"), p95.count("L")) == (2, 0)
    assert "within 2 s and 95 of 100 within 5 min" in words(drawn)
    assert parsed(hour_lines("latency", "Took", [Latency(NOW, None, None)], "vi")) is not None


def test_the_flow_counts_each_delivery_in_its_hour() -> None:
    route, ago = Route.link("tw"), timedelta(hours=1)
    found = [
        RecentDelivery(route, NOW, NOW),
        RecentDelivery(route, NOW - ago, NOW),
        RecentDelivery(Route.office("vp"), NOW - 23 * ago, None),
        RecentDelivery(route, NOW - 24 * ago, None),  # in the hour before the first that is drawn
    ]
    flow = sum_up_flow(RecentFlow(NOW - 24 * ago, True, found), NOW)
    assert [one.count for one in flow.hours if one.count] == [1, 1, 1]
    assert (flow.hours[-1].count, flow.hours[-2].count, flow.hours[0].count) == (1, 1, 1)
    assert (flow.latencies[-1].median, flow.latencies[-1].p95) == (0.0, 3600.0)
    assert (flow.total, flow.routes[route]) == (4, 3)


def test_a_share_of_a_hundred() -> None:
    assert share_of([], 0.5) is None
    assert share_of([float(one) for one in range(1, 101)], 0.95) == 95.0
    assert [share_of([1.0, 2.0, 3.0], share) for share in (0.5, 0.95)] == [2.0, 3.0]
    assert [seconds_told(seconds, "en") for seconds in (1, 300, 7200, 200_000)] == ["1 s", "5 min", "2 h", "2 days"]
