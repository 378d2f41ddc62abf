"""Chart of the throughput of all streams, for the pages Overview and Pipeline health."""

from __future__ import annotations

import streamlit as st

from dashboard import theme
from dashboard.components import cards, charts, tiles
from dashboard.components.charts import Series
from dashboard.data.figure import Figure
from dashboard.data.query_cache import Result
from dashboard.data.traffic_queries import TRAFFIC
from dashboard.data.view_state import ViewState

THROUGHPUT = Figure(
    "Throughput by stream",
    "events/s",
    "Events a second in each bar, by stream. A bar without events is 0; before the first event there is no bar.",
    TRAFFIC,
)


def show(traffic: Result, view: ViewState) -> None:
    """Events a second of each stream, stacked; `traffic` is the result of `traffic_queries.TRAFFIC`."""
    period = traffic.period
    names = sorted({row["stream"] for row in traffic.rows}, key=theme.stream_order)
    series = [
        Series(
            name,
            {row["bucket"]: row["events"] / period.bucket_s for row in traffic.rows if row["stream"] == name},
            theme.stream_colour(name),
        )
        for name in names
    ]
    with cards.card(THROUGHPUT):
        first = min(row["bucket"] for row in traffic.rows)
        chart = charts.timeline(period, series, unit=THROUGHPUT.unit, clock=view.clock, first=first)
        charts.show(chart, "throughput", "Events a second by stream")
        st.caption(f"{charts.reading(period)} {tiles.sql(traffic)}")
