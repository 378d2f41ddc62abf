"""Pipeline health: lag of consumer groups, traffic, latency, partition balance, and processes."""

from __future__ import annotations

from datetime import UTC, datetime

import streamlit as st

from dashboard.components import frame, states, throughput, tiles
from dashboard.components.tiles import Remark
from dashboard.data import query_cache, traffic_queries
from dashboard.data.query_cache import Result
from dashboard.data.view_state import ViewState
from dashboard.pages.pipeline import figures, groups, lag, latency, process_table, queries, rights, streams
from dashboard.pages.pipeline.lag import Group
from dashboard.reconciliation import panel
from dashboard.session import address
from streamgauge.domain import consumer_lag, format
from streamgauge.warehouse.client import QueryError, WarehouseUnavailable

ALL = "all groups"


def show() -> None:
    """The page."""
    with st.container(horizontal=True, vertical_alignment="bottom", key="filters"):
        group = choose()
        measure = groups.measure()
        stream = streams.choose()
    frame.live(lambda view: draw(view, group, measure, stream))


def sampled(view: ViewState) -> Result:
    """The newest sample of all groups."""
    interval_ms = consumer_lag.current_within_ms(query_cache.settings().lag_interval_s)
    # Samples come every ten seconds; finding the newest of each group costs more than reading a window table.
    return query_cache.fetch(queries.GROUPS, view, shared_s=5.0, sample_ms=interval_ms)


def choose() -> str:
    """Select box for the group whose partitions are shown; empty for none."""
    try:
        names = [one.name for one in lag.groups(sampled(frame.view()).rows)]
    except (WarehouseUnavailable, QueryError):
        # The fragment reports why; the group in the address stays selected.
        names = []
    selected = str(st.session_state.get(address.key("group"), ALL))
    if selected not in (ALL, *names):
        names.append(selected)
    chosen = address.select("group", "Consumer group", [ALL, *names], ALL)
    return "" if chosen == ALL else chosen


def draw(view: ViewState, group: str, measure: str, stream: str) -> None:
    """Everything that refreshes by itself."""
    traffic = query_cache.fetch(traffic_queries.TRAFFIC, view)
    newest = tiles.trust_in(view).newest
    result = sampled(view)
    all_groups = lag.groups(result.rows)
    if newest is None and not traffic.rows and not all_groups:
        states.no_events()
        panel.panel(view, explain=True)
        rights.show()
        process_table.show()
        return
    states.freshness(newest, datetime.now(UTC), view)
    times = query_cache.fetch(queries.LATENCY, view)
    with tiles.row("pipeline"):
        headline(result, all_groups, times, view)
    groups.table(result, all_groups, view)
    groups.trend(measure, view)
    if group:
        groups.partitions(group, view)
    if traffic.rows:
        throughput.show(traffic, view)
    elif newest is not None:
        states.none_in_range(view, traffic.period, newest)
    # Freshness and waiting events matter most where no event arrives.
    streams.streams(traffic, view)
    streams.lost(view)
    if traffic.rows:
        streams.latencies(times, view)
        streams.balance(stream, view)
    panel.panel(view, explain=True)
    rights.show()
    process_table.show()


def headline(result: Result, all_groups: list[Group], times: Result, view: ViewState) -> None:
    """Tiles of lag and latency."""
    behind = [one for one in all_groups if one.behind]
    sampled_at = lag.sampled_at(result.rows)
    as_of = "no sample" if sampled_at is None else f"sampled {format.clock(sampled_at, result.period.now, view.clock)}"
    tiles.tile(
        figures.BEHIND_GROUPS,
        f"{len(behind)} of {len(all_groups)}" if all_groups else format.UNKNOWN,
        result,
        view,
        remark=Remark(f"worst: {all_groups[0].status}", "red") if behind else "none is behind" if all_groups else "",
        line=as_of,
    )
    unknown = any(one.lag is None for one in all_groups)
    tiles.tile(
        figures.WAITING,
        max((one.least for one in all_groups), default=None),
        result,
        view,
        remark="" if not all_groups else "at least" if unknown else "in one group",
        line=as_of,
    )
    seconds = [one.lag_seconds for one in all_groups if one.lag_seconds is not None]
    catching = lag.catch_up(behind[0]) if behind else format.UNKNOWN
    tiles.tile(
        figures.BEHIND,
        max(seconds) if seconds else None,
        result,
        view,
        remark={lag.NEVER: "not catching up", format.UNKNOWN: ""}.get(catching, f"caught up: {catching}"),
        line=as_of,
    )
    # An unknown amount is not 0.
    cents = [one for one in all_groups if one.cents is not None and (one.cents or one.complete)]
    most = max(cents, key=lambda one: one.cents or 0, default=None)
    tiles.tile(
        figures.MONEY_WAITING,
        most.cents if most else None,
        result,
        view,
        remark="" if most is None else "in one topic" if most.complete else "at least",
        line=as_of,
    )
    whole = latency.total(times.rows)
    tiles.tile(
        figures.LATENCY,
        latency.shown(latency.percentile(whole, latency.SHARES["p95"])),
        times,
        view,
        remark=f"p50 {latency.shown(latency.percentile(whole, latency.SHARES['p50']))}",
    )
