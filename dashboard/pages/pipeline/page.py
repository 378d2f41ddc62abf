"""Pipeline health: who is behind and by how much, where it is hot, how fast events come through, and what runs."""

from __future__ import annotations

from datetime import UTC, datetime

import streamlit as st

from dashboard.components import frame, states, throughput, tiles
from dashboard.components.tiles import Remark
from dashboard.data import query_cache, traffic_queries
from dashboard.data.query_cache import Result
from dashboard.data.view_state import ViewState
from dashboard.pages.pipeline import groups, lag, latency, process_table, queries, streams
from dashboard.pages.pipeline.lag import Group
from dashboard.reconciliation import panel
from dashboard.session import address
from streamgauge.domain import consumer_lag, format, lag_status
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
    # Samples come every ten seconds; looking for the newest of each group costs more than a window does.
    return query_cache.fetch(queries.GROUPS, view, shared_s=5.0, sample_ms=interval_ms)


def choose() -> str:
    """The group whose partitions are shown; empty for none."""
    try:
        names = [one.name for one in lag.groups(sampled(frame.view()).rows)]
    except (WarehouseUnavailable, QueryError):
        # The fragment says why; what the address asks for stays there.
        names = []
    asked = str(st.session_state.get(address.key("group"), ALL))
    if asked not in (ALL, *names):
        names.append(asked)
    chosen = address.select("group", "Consumer group", [ALL, *names], ALL)
    return "" if chosen == ALL else chosen


def draw(view: ViewState, group: str, measure: str, stream: str) -> None:
    """Everything that refreshes by itself."""
    traffic = query_cache.fetch(traffic_queries.TRAFFIC, view)
    newest = tiles.trust_in(view).newest
    result = sampled(view)
    found = lag.groups(result.rows)
    if newest is None and not traffic.rows and not found:
        states.no_events()
        panel.panel(view, explain=True)
        process_table.show()
        return
    states.freshness(newest, datetime.now(UTC), view)
    times = query_cache.fetch(queries.LATENCY, view)
    with tiles.row("pipeline"):
        headline(result, found, times, view)
    groups.table(result, found, view)
    groups.trend(measure, view)
    if group:
        groups.partitions(group, view)
    if traffic.rows:
        throughput.show(traffic, view)
    elif newest is not None:
        states.none_in_range(view, traffic.period, newest)
    # How old the newest event is, and what waits, is most wanted where none comes.
    streams.streams(traffic, view)
    if traffic.rows:
        streams.latencies(times, view)
        streams.balance(stream, view)
    panel.panel(view, explain=True)
    process_table.show()


def headline(result: Result, found: list[Group], times: Result, view: ViewState) -> None:
    """How bad it is."""
    behind = [one for one in found if one.behind]
    sampled_at = lag.sampled_at(result.rows)
    as_of = "no sample" if sampled_at is None else f"sampled {format.clock(sampled_at, result.period.now, view.clock)}"
    tiles.tile(
        "Groups behind",
        f"{len(behind)} of {len(found)}" if found else format.UNKNOWN,
        result,
        view,
        meaning=f"Consumer groups that are neither OK nor UNKNOWN in the newest sample. {lag_status.MEANING}",
        remark=Remark(f"worst: {found[0].status}", "red") if behind else "none is behind" if found else "",
        line=as_of,
    )
    waits = [one.lag for one in found if one.lag is not None]
    tiles.tile(
        "Events waiting",
        format.count(max(waits)) if waits else format.UNKNOWN,
        result,
        view,
        meaning="Offsets between the end of the log and what the group has committed, of the group with most. "
        "A single transaction marker that nobody reads does not count.",
        remark="in one group" if waits else "",
        line=as_of,
    )
    seconds = [one.lag_seconds for one in found if one.lag_seconds is not None]
    catching = lag.catch_up(behind[0]) if behind else ""
    tiles.tile(
        "Behind",
        format.duration(max(seconds)) if seconds else format.UNKNOWN,
        result,
        view,
        meaning="How long ago the next event to be read was written, of the group that is furthest behind.",
        # A tile has no room for more words.
        remark="not catching up" if catching == lag.NEVER else f"caught up: {catching}" if catching else "",
        line=as_of,
    )
    # Nothing known of what waits is not no money.
    cents = [one for one in found if one.cents is not None and (one.cents or one.complete)]
    most = max(cents, key=lambda one: one.cents or 0, default=None)
    tiles.tile(
        "Money waiting",
        format.money(most.cents if most else None),
        result,
        view,
        meaning="What the orders and payments that wait are worth, one amount each, in front of the group and topic "
        "where most waits. An order may wait in several; the figures of groups must not be added.",
        remark="" if most is None else "in one topic" if most.complete else "at least",
        line=as_of,
    )
    whole = latency.total(times.rows)
    tiles.tile(
        "Latency p95",
        latency.shown(latency.percentile(whole, latency.SHARES["p95"])),
        times,
        view,
        meaning="19 of 20 events of the range took at most so long from reaching Kafka to being processed; estimated "
        "from a histogram.",
        remark=f"p50 {latency.shown(latency.percentile(whole, latency.SHARES['p50']))}",
    )
