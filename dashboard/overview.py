"""The Overview: how much flows, what it earns, what fails, and how fresh all of that is."""

from __future__ import annotations

from datetime import UTC, datetime

import streamlit as st

from dashboard import charts, figures, picker, source, states, theme
from dashboard.results import Orders, Overview
from warehouse.client import QueryError, WarehouseUnavailable


def show() -> None:
    """The page. The picker is outside the fragment, so that a refresh never touches what the reader holds."""
    with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
        st.title("Overview", anchor=False, width="content")
        range_key = picker.time_range()
    st.html(theme.CSS)
    figures_now(range_key)


@st.fragment(run_every=source.REFRESH_S)
def figures_now(range_key: str) -> None:
    """Everything that refreshes by itself."""
    settings = source.settings()
    states.stand_in(settings.data_dir)
    try:
        overview = source.overview(range_key)
    except WarehouseUnavailable as error:
        return states.unavailable(settings, error)
    except QueryError as error:
        return states.refused(error)
    traffic, period = overview.traffic, overview.period
    if traffic.newest is None and not traffic.events:
        return states.no_events()
    states.freshness(traffic.newest, datetime.now(UTC))
    if not traffic.events and traffic.newest is not None:
        return states.none_in_range(period, traffic.newest)
    headline(overview)
    throughput(overview)
    if overview.orders is not None and overview.orders.orders:
        rankings(overview.orders)
    return None


def headline(overview: Overview) -> None:
    """The row of figures."""
    period, traffic, orders = overview.period, overview.traffic, overview.orders
    span = period.range.label
    with st.container(key="headline"):
        st.metric(
            "Events/s",
            figures.rate(figures.per_second(traffic.recent, period, traffic.first_window)),
            f"{figures.count(traffic.events)} in {span}",
            delta_color="off",
            delta_arrow="off",
            border=True,
            help="Complete 10-second windows of the last minute, all streams, good and bad events. "
            "Below: every event of the range, running window included.",
        )
        if orders is not None:
            per_second = figures.per_second(orders.recent, period, traffic.first_window)
            st.metric(
                "Orders/min",
                figures.rate(None if per_second is None else 60 * per_second),
                f"{figures.count(orders.orders)} in {span}",
                delta_color="off",
                delta_arrow="off",
                border=True,
                help="Orders placed, complete windows of the last minute. Below: all of the range.",
            )
            revenue(orders, span)
        st.metric(
            "Failures",
            figures.count(traffic.dead_letters),
            f"{figures.share(traffic.dead_letters, traffic.events)} of events",
            delta_color="red" if figures.failing(traffic.dead_letters, traffic.events) else "off",
            delta_arrow="off",
            border=True,
            help="Events of the range that could not be processed. Each is kept, untouched, as a dead letter.",
        )
        st.metric(
            "Late events",
            figures.count(traffic.late),
            f"{figures.share(traffic.late, traffic.events)} of events",
            delta_color="off",
            delta_arrow="off",
            border=True,
            help="Events more than 10 s older than the newest of their partition. They are counted in the window "
            "that they belong to, so past figures may still grow by them.",
        )


def revenue(orders: Orders, span: str) -> None:
    """Revenue of the range, against the range before."""
    change = figures.change(orders.complete_cents, orders.previous_cents)
    st.metric(
        "Revenue",
        figures.money(orders.revenue_cents),
        "no earlier data" if change is None else figures.percent_change(change),
        delta_color="off" if change is None else "normal",
        delta_arrow="off" if change is None else "auto",
        delta_description=None if change is None else f"vs {span} before",
        border=True,
        help="Orders placed in the range, at their amount, running window included. The change compares complete "
        "windows with the same span one range earlier; it is withheld until data reaches back that far.",
    )


def throughput(overview: Overview) -> None:
    """The chart of all streams."""
    period, traffic = overview.period, overview.traffic
    with st.container(border=True):
        st.subheader("Throughput by stream", anchor=False)
        first = min((bucket.start for bucket in traffic.buckets), default=None)
        st.plotly_chart(charts.throughput(period, traffic.buckets, first), key="throughput", config=charts.CONFIG)
        st.caption(f"One bar is {figures.duration(period.range.bucket_s)}; times are UTC.")


def rankings(orders: Orders) -> None:
    """Who buys, and where."""
    for column, title, slices in zip(
        st.columns(2), ("Top regions", "Top channels"), (orders.regions, orders.channels), strict=True
    ):
        with column, st.container(border=True, height="stretch"):
            st.subheader(title, anchor=False)
            st.plotly_chart(charts.ranking(slices), key=title, config=charts.CONFIG)
            st.caption("Revenue · orders placed")
