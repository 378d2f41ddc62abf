"""Charts: incomplete windows, time zones, colours, and escaped text of events."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import plotly.graph_objects as go
import pytest

from dashboard import theme
from dashboard.components import charts, tables, zoom
from dashboard.components.charts import Bar, Series
from dashboard.data.periods import BY_KEY, Period
from dashboard.data.view_state import ViewState
from dashboard.pages.events import story_chart
from dashboard.pages.events.story_timing import Step
from tests.unit.dashboard.conftest import as_plotly, unpack

HOSTILE = "<img src=x onerror=alert(1)>"
PERIOD = Period.last(BY_KEY["15m"], datetime(2026, 3, 1, 12, 0, 5, tzinfo=UTC))
FIRST = PERIOD.buckets()[-4]
SERIES = [Series("orders", {FIRST: 10.0}, theme.BLUE), Series("payments", {}, theme.GREEN)]


@pytest.mark.parametrize("kind", ["bar", "line"])
def test_the_json_is_that_of_plotly(kind: charts.Kind) -> None:
    chart = charts.timeline(PERIOD, [*SERIES, Series("before", {}, theme.GREY, dashed=True)], unit="", kind=kind)
    expected = json.loads(as_plotly(chart).to_json(remove_uids=False))
    for trace in expected["data"]:
        trace["y"] = unpack(trace["y"])
    # Plotly's own default template; ours is of Streamlit's theme, in the browser.
    del expected["layout"]["template"]
    assert json.loads(chart.to_json("alt")) == {**expected, "alt": "alt"}


def test_only_the_running_window_is_hatched_and_pale() -> None:
    figure = as_plotly(charts.timeline(PERIOD, SERIES, unit="events/s", first=FIRST))
    running = [PERIOD.running(start) for start in PERIOD.buckets(FIRST)]
    assert any(running)
    for bars in figure.data:
        assert [shape == "/" for shape in bars.marker.pattern.shape] == running
        assert [opacity < 1 for opacity in bars.marker.opacity] == running
    assert [note.text for note in figure.layout.annotations] == ["running window ▾"]


def test_a_past_range_has_no_running_window() -> None:
    now = PERIOD.now + timedelta(hours=1)
    over = Period.between(PERIOD.since, PERIOD.until, now)
    figure = as_plotly(charts.timeline(over, SERIES, unit="events/s"))
    assert not figure.layout.annotations
    assert "/" not in figure.data[0].marker.pattern.shape


def test_buckets_without_a_value_are_zero_or_a_gap() -> None:
    bars = as_plotly(charts.timeline(PERIOD, SERIES, unit="", first=FIRST)).data[0]
    assert list(bars.y) == [10.0, 0.0, 0.0, 0.0]
    line = as_plotly(charts.timeline(PERIOD, SERIES, unit="", first=FIRST, kind="line", absent=None)).data[0]
    assert list(line.y) == [10.0, None, None, None]


def test_times_are_in_the_readers_time_zone() -> None:
    here = as_plotly(charts.timeline(PERIOD, SERIES, unit="", clock=ZoneInfo("Asia/Tokyo"))).data[0]
    utc = as_plotly(charts.timeline(PERIOD, SERIES, unit="")).data[0]
    assert here.x[0] - utc.x[0] == timedelta(hours=9)


BERLIN = ZoneInfo("Europe/Berlin")
# The clocks go back at 01:00 UTC on 25 October, and forward at 01:00 UTC on 29 March.
BACK, FORWARD = datetime(2026, 10, 25, 1, tzinfo=UTC), datetime(2026, 3, 29, 1, tzinfo=UTC)


@pytest.mark.parametrize("change", [BACK, FORWARD])
def test_bars_are_equally_spaced_over_a_clock_change(change: datetime) -> None:
    hour = timedelta(hours=1)
    period = Period.between(change - hour, change + hour, change + timedelta(days=1))
    figure = as_plotly(charts.timeline(period, [Series("orders", {}, theme.BLUE)], unit="", clock=BERLIN))
    positions = list(figure.data[0].x)
    assert [after - before for before, after in pairwise(positions)] == [timedelta(seconds=period.bucket_s)] * 119
    since, until = figure.layout.xaxis.range
    assert until - since == 2 * hour
    assert until == period.until.astimezone(BERLIN).replace(tzinfo=None)
    assert figure.layout.xaxis.title.text == f"all times UTC+0{1 if change is BACK else 2}:00"


@pytest.mark.parametrize("away", [timedelta(hours=-1), timedelta(hours=2)])
def test_without_a_clock_change_the_axis_names_no_offset(away: timedelta) -> None:
    period = Period.between(BACK + away, BACK + away + timedelta(hours=1), BACK + timedelta(days=1))
    figure = as_plotly(charts.timeline(period, SERIES, unit="", clock=BERLIN))
    assert figure.layout.xaxis.title.text is None
    assert figure.layout.xaxis.range[0] == period.since.astimezone(BERLIN).replace(tzinfo=None)


def test_the_layout_has_the_utc_offset() -> None:
    """That of the end of the axis, if the clocks change within it."""
    period = Period.between(BACK - timedelta(hours=1), BACK + timedelta(hours=1), BACK + timedelta(days=1))
    layout = as_plotly(charts.timeline(period, SERIES, unit="", clock=BERLIN)).layout
    assert layout.xaxis.range[0] - timedelta(seconds=layout.meta[zoom.OFFSET]) == period.since.replace(tzinfo=None)


def test_a_story_is_continuous_over_a_clock_change(monkeypatch: pytest.MonkeyPatch) -> None:
    drawn: list[go.Figure] = []
    monkeypatch.setattr(charts, "draw", lambda chart, *_: drawn.append(as_plotly(chart)))
    steps = [
        Step({"stream": "orders", "event": "order.placed", "happened_at": BACK + timedelta(minutes=minutes)}, None, 0)
        for minutes in (-20, 20)
    ]
    story_chart.lanes(steps, ViewState(zone="local", zone_name="Europe/Berlin"))
    before, after = drawn[0].data[0].x
    assert after - before == timedelta(minutes=40)
    assert drawn[0].layout.xaxis.title.text == "all times UTC+01:00"


def test_the_colour_of_a_stream_is_fixed() -> None:
    assert theme.stream_colour("orders") == theme.STREAM_COLOURS["orders"]
    assert theme.stream_colour("readings") == theme.stream_colour("readings")


def test_colours_differ_between_streams() -> None:
    assert len(set(theme.STREAM_COLOURS.values())) == len(theme.STREAM_COLOURS)


def test_event_text_is_escaped_and_bounded() -> None:
    figure = as_plotly(charts.bars([Bar(HOSTILE, 1, HOSTILE)]))
    assert "<" not in figure.layout.yaxis.ticktext[0]
    assert "<" not in figure.data[0].text[0]
    assert "<" not in as_plotly(charts.timeline(PERIOD, [Series(HOSTILE, {}, theme.BLUE)], unit="")).data[0].name
    assert charts.label("x" * 500).endswith("…")


def test_names_equal_after_cutting_have_separate_bars() -> None:
    figure = as_plotly(charts.bars([Bar("x" * 40 + "a", 1, ""), Bar("x" * 40 + "b", 1, "")]))
    assert list(figure.data[0].y) == [0, 1]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("say \"x\" & 'y'", "say \"x\" &amp; 'y'"),
        ("<b>x</b> &lt;", "&lt;b&gt;x&lt;/b&gt; &amp;lt;"),
        ("%{y} 5 %", "&#37;{y} 5 %"),
        ("\x1b[2J\u202ea\nb", "\\x1b[2J\\u202ea\\nb"),
        ("x" * 30, "x" * 23 + "…"),
    ],
)
def test_a_label_is_text_for_plotly(text: str, expected: str) -> None:
    """Plotly decodes numbers, `&amp;`, `&lt;` and `&gt;`, leaves `&quot;` as it is, and fills in `%{…}` on hover."""
    assert charts.label(text) == expected


def test_control_characters_are_visible_in_tables() -> None:
    cells = tables._cells(tables.Column("Name"))
    assert cells("\x1b[2J\u202ea\nb [x](y) é") == "\\x1b[2J\\u202ea\\nb [x](y) é"
