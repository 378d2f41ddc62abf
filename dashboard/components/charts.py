"""Charts in one style for all pages: colour by meaning, hatched running windows, drag to zoom.

Labels from events are escaped: plotly renders a subset of HTML wherever it shows text.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from html import escape
from typing import Any, Literal

import msgspec
import streamlit as st

from dashboard import theme
from dashboard.browser import assets
from dashboard.components import zoom
from dashboard.data.periods import Period
from streamgauge.domain import format
from streamgauge.runtime.printable import printable

_LABEL = 24
# Gaps between more bars than this are narrower than a pixel on a phone, and flicker.
GAPS_UP_TO = 60
_plot = assets.component("chart", "chart.js", needs=assets.PLOTLY)
_json = msgspec.json.Encoder(decimal_format="number")
Kind = Literal["bar", "line"]


@dataclass(frozen=True)
class Series:
    """One line or layer: values by the start of their bucket. `dashed` marks the earlier span of a comparison."""

    name: str
    values: Mapping[datetime, float]
    colour: str
    dashed: bool = False


@dataclass(frozen=True)
class Bar:
    """One bar of a ranking or funnel, with its text."""

    name: str
    value: float
    text: str
    colour: str = theme.BLUE


def label(text: str) -> str:
    """Text of an event, escaped for plotly and cut to a bounded length."""
    text = printable(text)
    return escaped(text if len(text) <= _LABEL else text[: _LABEL - 1] + "…")


def escaped(text: str) -> str:
    """Text that plotly shows as it is: no markup, no placeholder of a template."""
    # Plotly knows no `&quot;` and would show these six letters.
    return escape(text, quote=False).replace("%{", "&#37;{")


def fixed_offset(since: datetime, until: datetime, clock: tzinfo) -> tuple[timezone, dict[str, Any]]:
    """The UTC offset of a chart (that of its end) and the title of its time axis.

    A chart has one offset: where the clocks change within it, two hours would coincide or one would be missing. The
    title then names the offset.
    """
    began, ended = (timezone(time.astimezone(clock).utcoffset() or timedelta()) for time in (since, until))
    return ended, {} if began == ended else {"title": {"text": f"all times {ended}"}}


def wall_time(time: datetime, clock: timezone) -> datetime:
    """The time without its zone: plotly shows times as they are written."""
    return time.astimezone(clock).replace(tzinfo=None)


class Chart:
    """A chart as plotly.js takes it; its colours and fonts are those of Streamlit's theme in the browser.

    `go.Figure` would validate and copy every value, half of the cost of drawing a page, every two seconds for every
    session; the tests validate every chart of every page with it instead.
    """

    def __init__(self, traces: list[dict[str, Any]], height: int, **layout: Any) -> None:
        common = {
            "height": height,
            "margin": {"l": 8, "r": 8, "t": 36, "b": 8},
            # The same revision keeps hidden series hidden, and a zoom, over refreshes.
            "uirevision": "keep",
        }
        self.height = height
        self.figure: dict[str, Any] = {"data": traces, "layout": {**common, **layout}}

    def to_json(self, alt: str = "") -> bytes:
        """What is sent."""
        return _json.encode({"alt": alt, **self.figure})


def timeline(
    period: Period,
    series: Sequence[Series],
    *,
    unit: str,
    clock: tzinfo = UTC,
    kind: Kind = "bar",
    first: datetime | None = None,
    absent: float | None = 0.0,
    height: int = 320,
    digits: str = ",.4~r",
) -> Chart:
    """Chart of values over the period: stacked bars or lines. Running buckets are hatched and pale.

    A bucket without a value is drawn as `absent` (None: a gap); before the bucket `first` nothing is drawn. `unit`
    names the axis, `digits` is the d3 format of a value on hover.
    """
    shown, title = fixed_offset(period.since, period.until - timedelta(microseconds=1), clock)
    starts = period.buckets(first)
    middle = timedelta(seconds=period.bucket_s / 2)
    running = [period.running(start) for start in starts]
    x = [wall_time(start + middle, shown) for start in starts]
    marker = {
        "opacity": [0.7 if yes else 1.0 for yes in running],
        "line": {"width": 0},
        "pattern": {"shape": ["/" if yes else "" for yes in running], "solidity": 0.5, "size": 6},
    }
    traces = []
    for one in series:
        trace: dict[str, Any] = {
            "name": label(one.name),
            # By which a hidden series is known again.
            "uid": one.name.encode().hex(),
            "x": x,
            "y": [one.values.get(start, absent) for start in starts],
            "hovertemplate": f"%{{y:{digits}}} {escaped(unit)}",
        }
        if kind == "line" or one.dashed:
            # Between two gaps a line alone would be invisible.
            mode = "lines+markers" if absent is None and not one.dashed else "lines"
            look = {"color": one.colour, "width": 2, "dash": "dot" if one.dashed else "solid"}
            trace |= {"type": "scatter", "mode": mode, "marker": {"size": 4}, "line": look, "connectgaps": False}
        else:
            width = period.bucket_s * 1000 * (0.88 if len(starts) <= GAPS_UP_TO else 1.0)
            trace |= {"type": "bar", "width": width, "marker": {**marker, "color": one.colour}}
        traces.append(trace)
    span = [wall_time(period.since, shown), wall_time(period.until, shown)]
    return Chart(
        traces,
        height,
        barmode="stack",
        bargap=0.12,
        hovermode="x unified",
        legend={"orientation": "h", "y": 1.07, "yanchor": "bottom", "x": 0, "traceorder": "normal"},
        showlegend=len(series) > 1,
        xaxis={"range": span, "showgrid": False, **title},
        yaxis={"title": {"text": unit}, "tickformat": ",", "rangemode": "tozero", "fixedrange": True, "nticks": 5},
        # The zoom reads times as they were drawn.
        meta={zoom.OFFSET: shown.utcoffset(None).total_seconds()},
        **(_running(wall_time(starts[running.index(True)], shown), span[1]) if any(running) else {}),
    )


def _running(since: datetime, until: datetime) -> dict[str, Any]:
    """Layout of the shade over the running windows, with its label."""
    shade = {
        **{"type": "rect", "xref": "x", "yref": "y domain", "x0": since, "x1": until, "y0": 0, "y1": 1},
        **{"fillcolor": theme.GREY, "opacity": 0.14, "line": {"width": 0}, "layer": "below"},
    }
    words = {
        **{"text": "running window ▾", "showarrow": False, "font": {"size": 11, "color": theme.GREY}},
        **{"x": until, "xref": "x", "xanchor": "right", "y": 1, "yref": "paper", "yanchor": "bottom"},
    }
    return {"shapes": [shade], "annotations": [words]}


def bars(parts: Sequence[Bar]) -> Chart:
    """Chart of a ranking or a funnel: horizontal bars in the given order, each with its text."""
    places = list(range(len(parts)))
    bar = {
        "type": "bar",
        "orientation": "h",
        # Two names may be equal once they are cut; positions never are.
        "y": places,
        "x": [part.value for part in parts],
        "text": [escaped(part.text) for part in parts],
        "textposition": "auto",
        "insidetextanchor": "start",
        "marker": {"color": [part.colour for part in parts]},
        "cliponaxis": False,
        "width": 0.72,
    }
    names = {"tickmode": "array", "tickvals": places, "ticktext": [label(part.name) for part in parts]}
    return Chart(
        [bar],
        34 * max(1, len(parts)) + 16,
        showlegend=False,
        hovermode=False,
        margin={"l": 8, "r": 8, "t": 4, "b": 8},
        yaxis={**names, "autorange": "reversed", "fixedrange": True, "showgrid": False, "ticklabelstandoff": 6},
        xaxis={"visible": False, "fixedrange": True, "rangemode": "tozero"},
    )


def show(figure: Chart, key: str, alt: str) -> None:
    """Draw a `timeline`; dragging over it zooms into that range. `alt` is the text for screen readers."""
    draw(figure, key, alt)


def reading(period: Period, one: str = "bar") -> str:
    """Caption of a chart over time: the width of a bar (or `one` of something else), and how to zoom."""
    return f"One {one} is {format.duration(period.bucket_s)}.{'' if _by_touch() else ' Drag to zoom in.'}"


def _by_touch() -> bool:
    """Whether the reader uses a touch screen, where a drag scrolls the page."""
    return "Mobi" in st.context.headers.get("User-Agent", "")


def draw(figure: Chart, key: str, alt: str) -> None:
    """Draw a chart; `alt` is the text for screen readers."""
    _plot(
        key=key,
        data=figure.to_json(alt),
        height=figure.height,
        on_range_change=lambda: zoom.dragged(st.session_state[key].range),
    )
