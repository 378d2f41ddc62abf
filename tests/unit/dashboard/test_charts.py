"""Charts: what is drawn as incomplete, what colour, and that event text stays text."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from dashboard import charts, theme
from dashboard.charts import Bar, Series
from dashboard.periods import BY_KEY, Period

HOSTILE = "<img src=x onerror=alert(1)>"
PERIOD = Period.last(BY_KEY["15m"], datetime(2026, 3, 1, 12, 0, 5, tzinfo=UTC))
FIRST = PERIOD.buckets()[-4]
SERIES = [Series("orders", {FIRST: 10.0}, theme.BLUE), Series("payments", {}, theme.GREEN)]


def test_only_the_running_window_is_hatched_and_pale() -> None:
    figure = charts.timeline(PERIOD, SERIES, unit="events/s", first=FIRST)
    running = [PERIOD.running(start) for start in PERIOD.buckets(FIRST)]
    assert any(running)
    for bars in figure.data:
        assert [shape == "/" for shape in bars.marker.pattern.shape] == running
        assert [opacity < 1 for opacity in bars.marker.opacity] == running
    assert [note.text for note in figure.layout.annotations] == ["running window ▾"]


def test_a_range_that_is_over_has_no_running_window() -> None:
    now = PERIOD.now + timedelta(hours=1)
    over = Period.between(PERIOD.since, PERIOD.until, now)
    figure = charts.timeline(over, SERIES, unit="events/s")
    assert not figure.layout.annotations
    assert "/" not in figure.data[0].marker.pattern.shape


def test_buckets_without_a_value_are_zero_or_a_gap() -> None:
    bars = charts.timeline(PERIOD, SERIES, unit="", first=FIRST).data[0]
    assert list(bars.y) == [10.0, 0.0, 0.0, 0.0]
    line = charts.timeline(PERIOD, SERIES, unit="", first=FIRST, kind="line", absent=None).data[0]
    assert list(line.y) == [10.0, None, None, None]


def test_times_are_of_the_readers_clock() -> None:
    here = charts.timeline(PERIOD, SERIES, unit="", clock=ZoneInfo("Asia/Tokyo")).data[0]
    utc = charts.timeline(PERIOD, SERIES, unit="").data[0]
    assert here.x[0] - utc.x[0] == timedelta(hours=9)


def test_a_stream_keeps_its_colour_whatever_is_beside_it() -> None:
    assert theme.stream_colour("orders") == theme.STREAM_COLOURS["orders"]
    assert theme.stream_colour("readings") == theme.stream_colour("readings")


def test_colours_differ_between_streams() -> None:
    assert len(set(theme.STREAM_COLOURS.values())) == len(theme.STREAM_COLOURS)


def test_event_text_is_escaped_and_bounded() -> None:
    figure = charts.bars([Bar(HOSTILE, 1, HOSTILE)])
    assert "<" not in figure.layout.yaxis.ticktext[0]
    assert "<" not in figure.data[0].text[0]
    assert "<" not in charts.timeline(PERIOD, [Series(HOSTILE, {}, theme.BLUE)], unit="").data[0].name
    assert charts.label("x" * 500).endswith("…")


def test_names_that_look_alike_when_cut_keep_their_own_bars() -> None:
    figure = charts.bars([Bar("x" * 40 + "a", 1, ""), Bar("x" * 40 + "b", 1, "")])
    assert list(figure.data[0].y) == [0, 1]
