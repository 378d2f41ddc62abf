"""Charts: what is drawn as incomplete, what colour, and that event text stays text."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import plotly.graph_objects as go
import pytest

from dashboard import theme
from dashboard.components import charts, zoom
from dashboard.components.charts import Bar, Series
from dashboard.data.periods import BY_KEY, Period
from dashboard.data.view_state import ViewState
from dashboard.pages.events import story_chart
from dashboard.pages.events.story_timing import Step
from tests.unit.dashboard.conftest import read, unpacked

HOSTILE = "<img src=x onerror=alert(1)>"
PERIOD = Period.last(BY_KEY["15m"], datetime(2026, 3, 1, 12, 0, 5, tzinfo=UTC))
FIRST = PERIOD.buckets()[-4]
SERIES = [Series("orders", {FIRST: 10.0}, theme.BLUE), Series("payments", {}, theme.GREEN)]


@pytest.mark.parametrize("kind", ["bar", "line"])
def test_what_is_sent_is_what_plotly_would_send(kind: charts.Kind) -> None:
    chart = charts.timeline(PERIOD, [*SERIES, Series("before", {}, theme.GREY, dashed=True)], unit="", kind=kind)
    said = chart.to_dict()
    own = {name: value for name, value in said["layout"].items() if name != "template"}
    plotlys = json.loads(go.Figure({"data": said["data"], "layout": own}).to_json())
    for trace in plotlys["data"]:
        trace["y"] = unpacked(trace["y"])
    assert json.loads(chart.to_json()) == plotlys


def test_only_the_running_window_is_hatched_and_pale() -> None:
    figure = read(charts.timeline(PERIOD, SERIES, unit="events/s", first=FIRST))
    running = [PERIOD.running(start) for start in PERIOD.buckets(FIRST)]
    assert any(running)
    for bars in figure.data:
        assert [shape == "/" for shape in bars.marker.pattern.shape] == running
        assert [opacity < 1 for opacity in bars.marker.opacity] == running
    assert [note.text for note in figure.layout.annotations] == ["running window ▾"]


def test_a_range_that_is_over_has_no_running_window() -> None:
    now = PERIOD.now + timedelta(hours=1)
    over = Period.between(PERIOD.since, PERIOD.until, now)
    figure = read(charts.timeline(over, SERIES, unit="events/s"))
    assert not figure.layout.annotations
    assert "/" not in figure.data[0].marker.pattern.shape


def test_buckets_without_a_value_are_zero_or_a_gap() -> None:
    bars = read(charts.timeline(PERIOD, SERIES, unit="", first=FIRST)).data[0]
    assert list(bars.y) == [10.0, 0.0, 0.0, 0.0]
    line = read(charts.timeline(PERIOD, SERIES, unit="", first=FIRST, kind="line", absent=None)).data[0]
    assert list(line.y) == [10.0, None, None, None]


def test_times_are_of_the_readers_clock() -> None:
    here = read(charts.timeline(PERIOD, SERIES, unit="", clock=ZoneInfo("Asia/Tokyo"))).data[0]
    utc = read(charts.timeline(PERIOD, SERIES, unit="")).data[0]
    assert here.x[0] - utc.x[0] == timedelta(hours=9)


BERLIN = ZoneInfo("Europe/Berlin")
# The clocks go back at 01:00 UTC on 25 October, and forward at 01:00 UTC on 29 March.
BACK, FORWARD = datetime(2026, 10, 25, 1, tzinfo=UTC), datetime(2026, 3, 29, 1, tzinfo=UTC)


@pytest.mark.parametrize("change", [BACK, FORWARD])
def test_over_a_change_of_the_clocks_each_bar_has_its_place(change: datetime) -> None:
    hour = timedelta(hours=1)
    period = Period.between(change - hour, change + hour, change + timedelta(days=1))
    figure = read(charts.timeline(period, [Series("orders", {}, theme.BLUE)], unit="", clock=BERLIN))
    places = list(figure.data[0].x)
    assert [after - before for before, after in pairwise(places)] == [timedelta(seconds=period.bucket_s)] * 119
    since, until = figure.layout.xaxis.range
    assert until - since == 2 * hour
    assert until == period.until.astimezone(BERLIN).replace(tzinfo=None)
    assert figure.layout.xaxis.title.text == f"all times UTC+0{1 if change is BACK else 2}:00"


@pytest.mark.parametrize("away", [timedelta(hours=-1), timedelta(hours=2)])
def test_an_axis_names_no_offset_where_the_clocks_do_not_change(away: timedelta) -> None:
    period = Period.between(BACK + away, BACK + away + timedelta(hours=1), BACK + timedelta(days=1))
    figure = read(charts.timeline(period, SERIES, unit="", clock=BERLIN))
    assert figure.layout.xaxis.title.text is None
    assert figure.layout.xaxis.range[0] == period.since.astimezone(BERLIN).replace(tzinfo=None)


def test_a_chart_says_how_far_its_times_are_from_utc() -> None:
    """As the axis shows them: that of its end, where the clocks change in between."""
    period = Period.between(BACK - timedelta(hours=1), BACK + timedelta(hours=1), BACK + timedelta(days=1))
    layout = read(charts.timeline(period, SERIES, unit="", clock=BERLIN)).layout
    assert layout.xaxis.range[0] - timedelta(seconds=layout.meta[zoom.OFFSET]) == period.since.replace(tzinfo=None)


def test_a_story_goes_on_while_the_clocks_go_back(monkeypatch: pytest.MonkeyPatch) -> None:
    drawn: list[go.Figure] = []
    monkeypatch.setattr(charts, "draw", lambda chart, *_: drawn.append(read(chart)))
    steps = [
        Step({"stream": "orders", "event": "order.placed", "happened_at": BACK + timedelta(minutes=minutes)}, None, 0)
        for minutes in (-20, 20)
    ]
    story_chart.lanes(steps, ViewState(zone="local", zone_name="Europe/Berlin"))
    before, after = drawn[0].data[0].x
    assert after - before == timedelta(minutes=40)
    assert drawn[0].layout.xaxis.title.text == "all times UTC+01:00"


def test_a_stream_keeps_its_colour_whatever_is_beside_it() -> None:
    assert theme.stream_colour("orders") == theme.STREAM_COLOURS["orders"]
    assert theme.stream_colour("readings") == theme.stream_colour("readings")


def test_colours_differ_between_streams() -> None:
    assert len(set(theme.STREAM_COLOURS.values())) == len(theme.STREAM_COLOURS)


def test_event_text_is_escaped_and_bounded() -> None:
    figure = read(charts.bars([Bar(HOSTILE, 1, HOSTILE)]))
    assert "<" not in figure.layout.yaxis.ticktext[0]
    assert "<" not in figure.data[0].text[0]
    assert "<" not in read(charts.timeline(PERIOD, [Series(HOSTILE, {}, theme.BLUE)], unit="")).data[0].name
    assert charts.label("x" * 500).endswith("…")


def test_names_that_look_alike_when_cut_keep_their_own_bars() -> None:
    figure = read(charts.bars([Bar("x" * 40 + "a", 1, ""), Bar("x" * 40 + "b", 1, "")]))
    assert list(figure.data[0].y) == [0, 1]
