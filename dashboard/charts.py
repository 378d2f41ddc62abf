"""Charts. Labels that come from events are escaped: plotly renders a subset of HTML wherever it shows text."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime, timedelta
from html import escape
from typing import Any

import plotly.graph_objects as go

from dashboard import figures, theme
from dashboard.periods import Period
from dashboard.results import Slice, StreamBucket

# No toolbar and no zoom by accident: on a telephone the page must scroll.
CONFIG = {"displayModeBar": False, "scrollZoom": False, "doubleClick": False}
_LABEL = 24
# Gaps between more bars than this are narrower than a pixel on a telephone, and flicker there.
GAPS_UP_TO = 60


def label(text: str) -> str:
    """Text of an event, safe to show in a chart, and bounded."""
    return escape(text if len(text) <= _LABEL else text[: _LABEL - 1] + "…")


def _plain(time: datetime) -> datetime:
    """UTC without the zone: plotly shows wall-clock time as it is written."""
    return time.replace(tzinfo=None)


def _base(height: int, **layout: Any) -> go.Figure:
    figure = go.Figure()
    figure.update_layout(
        height=height,
        margin={"l": 8, "r": 8, "t": 28, "b": 8},
        hovermode="x unified",
        dragmode=False,
        # The same revision keeps hidden streams hidden over refreshes.
        uirevision="keep",
        **layout,
    )
    return figure


def throughput(period: Period, buckets: Sequence[StreamBucket], first: datetime | None) -> go.Figure:
    """Events a second by stream, stacked; running buckets are hatched and pale, and fill up as events come."""
    by_stream: dict[str, dict[datetime, int]] = defaultdict(dict)
    for bucket in buckets:
        by_stream[bucket.stream][bucket.start] = bucket.events
    starts = period.buckets(first)
    middle = timedelta(seconds=period.range.bucket_s / 2)
    running = [period.running(start) for start in starts]
    figure = _base(
        320,
        barmode="stack",
        bargap=0.12,
        legend={"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0, "traceorder": "normal"},
    )
    known = list(theme.STREAM_COLOURS)
    for stream in sorted(by_stream, key=lambda name: (known.index(name) if name in known else len(known), name)):
        figure.add_bar(
            name=label(stream),
            x=[_plain(start + middle) for start in starts],
            y=[by_stream[stream].get(start, 0) / period.range.bucket_s for start in starts],
            width=period.range.bucket_s * 1000 * (0.88 if len(starts) <= GAPS_UP_TO else 1.0),
            marker={
                "color": theme.stream_colour(stream),
                "opacity": [0.7 if yes else 1.0 for yes in running],
                "line": {"width": 0},
                "pattern": {"shape": ["/" if yes else "" for yes in running], "solidity": 0.5, "size": 6},
            },
            hovertemplate="%{y:,.1f} events/s",
        )
    if any(running):
        _mark_running(figure, period, starts[running.index(True)])
    figure.update_xaxes(range=[_plain(period.since), _plain(period.until)], showgrid=False, fixedrange=True)
    figure.update_yaxes(title="events/s", rangemode="tozero", fixedrange=True, nticks=5)
    return figure


def _mark_running(figure: go.Figure, period: Period, since: datetime) -> None:
    figure.add_vrect(
        x0=_plain(since), x1=_plain(period.until), fillcolor=theme.GREY, opacity=0.14, line_width=0, layer="below"
    )
    figure.add_annotation(
        x=_plain(period.until),
        xanchor="right",
        y=1,
        yref="paper",
        yanchor="bottom",
        text="running window ▾",
        showarrow=False,
        font={"size": 11, "color": theme.GREY},
    )


def ranking(slices: Sequence[Slice]) -> go.Figure:
    """Revenue of each slice as a bar, the largest on top, with revenue and number of orders written beside it."""
    names = [label(part.name) for part in slices]
    figure = _base(34 * max(1, len(slices)) + 16, showlegend=False)
    figure.update_layout(hovermode=False, margin={"t": 4})
    figure.add_bar(
        orientation="h",
        # Two names may look alike once they are cut; positions never do.
        y=list(range(len(slices))),
        x=[part.revenue_cents / 100 for part in slices],
        text=[f"{figures.money(part.revenue_cents)} · {figures.count(part.orders)}" for part in slices],
        textposition="auto",
        insidetextanchor="start",
        marker={"color": theme.STREAM_COLOURS["orders"]},
        cliponaxis=False,
        width=0.72,
    )
    figure.update_yaxes(
        autorange="reversed",
        tickmode="array",
        tickvals=list(range(len(slices))),
        ticktext=names,
        fixedrange=True,
        showgrid=False,
        ticklabelstandoff=6,
    )
    figure.update_xaxes(visible=False, fixedrange=True, rangemode="tozero")
    return figure
