"""The Overview: how much flows, what it earns, what fails, and how fresh and complete all of that is."""

from __future__ import annotations

from datetime import UTC, datetime

import streamlit as st

from dashboard import theme
from dashboard.components import charts, frame, states, throughput, tiles
from dashboard.components.charts import Bar
from dashboard.components.tiles import Remark
from dashboard.data import query_cache, traffic_queries
from dashboard.data.query_cache import Result
from dashboard.data.view_state import ViewState
from dashboard.pages.overview import queries
from dashboard.reconciliation import panel
from streamgauge.domain import format, limits
from streamgauge.warehouse.client import QueryError


def show() -> None:
    """The page."""
    frame.live(draw)


def draw(view: ViewState) -> None:
    """Everything that refreshes by itself."""
    traffic = query_cache.fetch(traffic_queries.TRAFFIC, view)
    newest = tiles.trust_in(view).newest
    states.freshness(newest, datetime.now(UTC), view)
    if traffic.rows:
        with tiles.row("headline"):
            events(traffic, view)
            sold = orders(traffic, view)
            failures(traffic, view)
        throughput.show(traffic, view)
        if sold:
            rankings(view)
    elif newest is None:
        states.no_events()
    else:
        states.none_in_range(view, traffic.period, newest)
    # It knows no range, and is most wanted where what was produced is not to be seen.
    panel.panel(view)


def events(traffic: Result, view: ViewState) -> None:
    """How much flows."""
    tiles.tile(
        "Events/s",
        format.rate(per_second(traffic, sum(row["recent"] for row in traffic.rows))),
        traffic,
        view,
        remark=f"{format.count(sum(row['events'] for row in traffic.rows))} in {traffic.period.label}",
        meaning="Complete 10-second windows of the last minute, all streams, good and bad events. "
        "Below: every event of the range, running window included.",
    )


def per_second(traffic: Result, recent: int) -> float | None:
    """A rate of the last minute's complete windows, or of as much of it as there is data for."""
    first = min((row["first_window"] for row in traffic.rows if row["first_window"]), default=None)
    return traffic.period.per_second(recent, first)


def orders(traffic: Result, view: ViewState) -> bool:
    """What it earns; False where the catalog has no orders, or there are none."""
    try:
        sold = query_cache.fetch(queries.ORDERS, view)
    except QueryError as error:
        if error.rule == "table":
            return False
        raise
    rate = per_second(traffic, sold.row["recent"])
    tiles.tile(
        "Orders/min",
        format.rate(None if rate is None else 60 * rate),
        sold,
        view,
        remark=f"{format.count(sold.row['orders'])} in {sold.period.label}",
        meaning="Orders placed, complete windows of the last minute. Below: all of the range.",
    )
    tiles.tile(
        "Revenue",
        format.money(sold.row["revenue_cents"]),
        sold,
        view,
        meaning="Orders placed in the range, at their amount, running window included. The change compares complete "
        "windows with the same span earlier; it is withheld until data reaches back that far.",
        remark=tiles.compared(sold.row, "revenue_cents", sold.period),
    )
    return bool(sold.row["orders"])


def failures(traffic: Result, view: ViewState) -> None:
    """What fails, and what comes late."""
    whole = sum(row["events"] for row in traffic.rows)
    dead, late = (sum(row[name] for row in traffic.rows) for name in ("dead_letters", "late"))
    tiles.tile(
        "Failures",
        format.count(dead),
        traffic,
        view,
        remark=Remark(f"{format.share(dead, whole)} of events", "red" if limits.failing(dead, whole) else "off"),
        meaning="Events of the range that could not be processed. Each is kept, untouched, as a dead letter.",
    )
    tiles.tile(
        "Late events",
        format.count(late),
        traffic,
        view,
        remark=f"{format.share(late, whole)} of events",
        meaning="Events more than 10 s older than the newest of their partition. They are counted in the window "
        "that they belong to, so past figures may still grow by them.",
    )


def rankings(view: ViewState) -> None:
    """Who buys, and where."""
    tops = query_cache.fetch(queries.TOPS, view)
    for column, title, dimension in zip(
        st.columns(2), ("Top regions", "Top channels"), ("region", "channel"), strict=True
    ):
        parts = [
            Bar(
                row["name"],
                row["revenue_cents"],
                f"{format.money(row['revenue_cents'])} · {format.count(row['orders'])}",
                theme.STREAM_COLOURS["orders"],
            )
            for row in tops.rows
            if row["dimension"] == dimension
        ]
        with column, st.container(border=True, height="stretch"):
            st.subheader(title, anchor=False)
            charts.draw(charts.bars(parts), title, f"{title} by revenue")
            st.caption(f"Revenue · orders placed · {tiles.sql(tops)}")
