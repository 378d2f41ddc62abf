"""Overview: traffic, orders and revenue, failures, and how fresh and complete these figures are."""

from __future__ import annotations

from datetime import UTC, datetime

import streamlit as st

from dashboard import theme
from dashboard.components import cards, charts, frame, states, throughput, tiles
from dashboard.components.charts import Bar
from dashboard.components.tiles import Remark
from dashboard.data import query_cache, traffic_queries
from dashboard.data.query_cache import Result
from dashboard.data.view_state import ViewState
from dashboard.pages.overview import figures, queries
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
    # It has no range, and is needed most where nothing is visible.
    panel.panel(view)


def events(traffic: Result, view: ViewState) -> None:
    """Tile of the event rate."""
    tiles.tile(
        figures.EVENTS,
        per_second(traffic, sum(row["recent"] for row in traffic.rows)),
        traffic,
        view,
        remark=f"{format.count(sum(row['events'] for row in traffic.rows))} in {traffic.period.label}",
    )


def per_second(traffic: Result, recent: int) -> float | None:
    """Rate over the complete windows of the last minute, or over the part of it with data."""
    first = min((row["first_window"] for row in traffic.rows if row["first_window"]), default=None)
    return traffic.period.per_second(recent, first)


def orders(traffic: Result, view: ViewState) -> bool:
    """Tiles of orders and revenue; False if the catalog has no orders, or the range has none."""
    try:
        sold = query_cache.fetch(queries.ORDERS, view)
    except QueryError as error:
        if error.rule == "table":
            return False
        raise
    rate = per_second(traffic, sold.row["recent"])
    tiles.tile(
        figures.ORDERS,
        None if rate is None else 60 * rate,
        sold,
        view,
        remark=f"{format.count(sold.row['orders'])} in {sold.period.label}",
    )
    tiles.tile(
        figures.REVENUE,
        sold.row["revenue_cents"],
        sold,
        view,
        remark=tiles.compared(sold.row, "revenue_cents", sold.period),
    )
    return bool(sold.row["orders"])


def failures(traffic: Result, view: ViewState) -> None:
    """Tiles of failures and late events."""
    whole = sum(row["events"] for row in traffic.rows)
    dead, late = (sum(row[name] for row in traffic.rows) for name in ("dead_letters", "late"))
    tiles.tile(
        figures.FAILURES,
        dead,
        traffic,
        view,
        remark=Remark(f"{format.share(dead, whole)} of events", "red" if limits.failing(dead, whole) else "off"),
    )
    tiles.tile(figures.LATE, late, traffic, view, remark=f"{format.share(late, whole)} of events")


def rankings(view: ViewState) -> None:
    """Charts of the top regions and channels."""
    tops = query_cache.fetch(queries.TOPS, view)
    for column, figure, dimension in zip(
        st.columns(2), (figures.TOP_REGIONS, figures.TOP_CHANNELS), ("region", "channel"), strict=True
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
        with column, cards.card(figure, height="stretch"):
            charts.draw(charts.bars(parts), figure.label, f"{figure.label} by revenue")
            st.caption(f"Revenue · orders placed · {tiles.sql(tops)}")
