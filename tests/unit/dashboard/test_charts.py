"""Charts: what is drawn as incomplete, what colour, and that event text stays text."""

from __future__ import annotations

from dashboard import charts, theme
from dashboard.results import Slice
from tests.unit.dashboard import overviews

HOSTILE = "<img src=x onerror=alert(1)>"


def test_only_the_running_window_is_hatched_and_pale() -> None:
    overview = overviews.busy()
    figure = charts.throughput(overview.period, overview.traffic.buckets, overview.traffic.first_window)
    running = [overview.period.running(start) for start in overview.period.buckets(overview.traffic.first_window)]
    assert any(running)
    for bars in figure.data:
        assert [shape == "/" for shape in bars.marker.pattern.shape] == running
        assert [opacity < 1 for opacity in bars.marker.opacity] == running
    assert [note.text for note in figure.layout.annotations] == ["running window ▾"]


def test_bars_are_events_a_second_and_empty_buckets_are_zero() -> None:
    overview = overviews.busy()
    only = [bucket for bucket in overview.traffic.buckets if bucket.stream == "orders"][:3]
    (bars,) = charts.throughput(overview.period, only, overview.traffic.first_window).data
    assert list(bars.y[:4]) == [10.0, 10.0, 10.0, 0.0]


def test_a_stream_keeps_its_colour_whatever_is_beside_it() -> None:
    assert theme.stream_colour("orders") == theme.STREAM_COLOURS["orders"]
    assert theme.stream_colour("readings") == theme.stream_colour("readings")


def test_colours_differ_between_streams() -> None:
    assert len(set(theme.STREAM_COLOURS.values())) == len(theme.STREAM_COLOURS)


def test_event_text_is_escaped_and_bounded() -> None:
    (tick,) = charts.ranking([Slice(HOSTILE, 1, 100)]).layout.yaxis.ticktext
    assert "<" not in tick
    assert tick.startswith("&lt;img")
    assert charts.label("x" * 500).endswith("…")


def test_names_that_look_alike_when_cut_keep_their_own_bars() -> None:
    figure = charts.ranking([Slice("x" * 40 + "a", 1, 100), Slice("x" * 40 + "b", 1, 50)])
    assert list(figure.data[0].y) == [0, 1]
