"""Streams: rate and freshness, latency, and balance over partitions."""

from __future__ import annotations

import streamlit as st

from dashboard import theme
from dashboard.components import cards, charts, tables, tiles
from dashboard.components.charts import Series
from dashboard.components.tables import Column
from dashboard.data import query_cache, trust_queries
from dashboard.data.query_cache import Result
from dashboard.data.view_state import ViewState
from dashboard.pages.pipeline import figures, latency, queries
from dashboard.session import address
from streamgauge.domain import format, partition_balance
from streamgauge.domain.freshness import Freshness, age_s
from streamgauge.domain.partition_balance import StreamBalance

BUSIEST = "most uneven"
_COLOURS = {"p50": theme.SKY, "p95": theme.ORANGE, "p99": theme.VERMILION}
_FRESH = {"fresh": theme.GOOD, "quiet": theme.WARN, "reference": theme.GREY, "no events": theme.GREY}
_EVEN = {"hot": theme.WARN, "even": theme.GOOD, "few events": theme.GREY}
_QUIET = "Quiet: no event for 15 s. Reference: data that seldom changes."


def choose() -> str:
    """Select box for the stream whose hot keys are shown; empty for the most uneven one."""
    names = sorted(query_cache.catalog().own, key=theme.stream_order)
    chosen = address.select("stream", "Hot keys of", [BUSIEST, *names], BUSIEST)
    return "" if chosen == BUSIEST else chosen


def streams(traffic: Result, view: ViewState) -> None:
    """Table of streams: rate, freshness, failures."""
    result = query_cache.fetch(trust_queries.STREAMS, view, group=query_cache.settings().analytics_group)
    if not result.rows:
        return
    period = result.period
    recent: dict[str, int] = {}
    for row in traffic.rows:
        recent[row["stream"]] = recent.get(row["stream"], 0) + row["recent"]
    rows = []
    for row in sorted(result.rows, key=lambda row: theme.stream_order(row["stream"])):
        age = age_s(row["newest"], period.now)
        quiet = "reference" if row["stream"] in query_cache.catalog().compacted else "quiet"
        state = {"empty": "no events", "stale": quiet, "fresh": "fresh"}[Freshness.of(age).value]
        rate = period.per_second(recent.get(row["stream"], 0))
        rows.append({**row, "state": state, "age": None if age is None else format.duration(age), "rate": rate})
    with cards.card(figures.FRESHNESS):
        tables.show(
            rows,
            {
                "state": Column("State", "badge", colours=_FRESH, width="small", meaning=_QUIET),
                "stream": Column("Stream", "link", page="events", param="stream"),
                "age": Column("Newest event", meaning="How long ago it happened; visible in SQL."),
                "rate": Column("Events/s", "rate", meaning="Complete windows of the last minute."),
                "events": Column("Events", "count", meaning="In the range, good and bad."),
                "dead_letters": Column("Dead letters", "count"),
                "lost": Column("Lost", "count", meaning="Deleted by retention before analytics read them."),
                "late": Column("Late", "count", meaning="More than 10 s older than the newest of their partition."),
                "waiting": Column("Waiting", "count", meaning="For analytics, in the newest sample."),
                "lag_seconds": Column("Behind", "seconds", meaning="Analytics, in the newest sample."),
            },
            view,
            key="streams",
        )
        st.caption(tiles.sql(result))


def lost(view: ViewState) -> None:
    """Table of what retention deleted before analytics read it; nothing where nothing was."""
    result = query_cache.fetch(queries.LOST, view, shared_s=5.0)
    if not result.rows:
        return
    with cards.card(figures.LOST):
        tables.show(
            result.rows,
            {
                "stream": Column("Stream", "link", page="events", param="stream"),
                "partition": Column("Partition", "count"),
                "first_offset": Column("From offset", "count"),
                "last_offset": Column("To offset", "count"),
                "events": Column("Events", "count", meaning="At most: transaction markers are in the number."),
                "lost_at": Column("Found at", "time"),
            },
            view,
            key="lost",
        )
        st.caption(f"The figures lack these events. {tiles.sql(result)}")


def latencies(times: Result, view: ViewState) -> None:
    """Chart of the latency over the range."""
    series = [
        Series(
            name,
            {row["bucket"]: ms / 1_000 for row in times.rows if (ms := latency.percentile(row, share)) is not None},
            _COLOURS[name],
        )
        for name, share in latency.SHARES.items()
    ]
    with cards.card(figures.LATENCIES):
        chart = charts.timeline(times.period, series, unit="s", clock=view.clock, kind="line", absent=None, height=240)
        charts.show(chart, "latency", "Latency percentiles over the range")
        st.caption(
            "From reaching Kafka to being processed; p50, p95 and p99. Estimated "
            f"from a histogram, at most 60 s. {tiles.sql(times)}"
        )


def balance(stream: str, view: ViewState) -> None:
    """Table of the balance of streams over partitions, and the hot keys of one."""
    result = query_cache.fetch(queries.BALANCE, view)
    seconds = (result.period.complete_until - result.period.since).total_seconds()
    # Streams with few events come last: their balance means little.
    balances = sorted(partition_balance.by_stream(result.rows), key=lambda one: list(_EVEN).index(_state(one, seconds)))
    with cards.card(figures.BALANCE):
        rows = [
            {
                "state": _state(one, seconds),
                "stream": one.stream,
                "skew": one.skew,
                "busiest": one.busiest,
                "share": one.share,
                "worth": f"{one.worth:.1f} of {one.partitions}",
                "events": one.events,
                "bytes": format.size(one.bytes),
            }
            for one in balances
        ]
        tables.show(
            rows,
            {
                "state": Column("State", "badge", colours=_EVEN, width="small", meaning=partition_balance.HOT_MEANING),
                "stream": Column("Stream", "link", page="pipeline", param="stream", meaning="Its hot keys are below."),
                "skew": Column(
                    "Skew", "rate", meaning="The busiest partition's events over the mean of all; 1 is even."
                ),
                "busiest": Column("Busiest", "count", meaning="The number of the partition that got most."),
                "share": Column("Its share", "share"),
                "worth": Column("Works like", meaning="Equivalent number of evenly filled partitions."),
                "events": Column("Events", "count"),
                "bytes": Column("Bytes"),
            },
            view,
            key="balance",
        )
        st.caption(f"Events of the range by partition. {tiles.sql(result)}")
        chosen = next((one for one in balances if one.stream == stream), None) if stream else next(iter(balances), None)
        if chosen is not None:
            _keys(chosen, view)


def _state(one: StreamBalance, seconds: float) -> str:
    if one.hot(seconds):
        return "hot"
    return "even" if one.skew < partition_balance.HOT_RATIO else "few events"


def _keys(one: StreamBalance, view: ViewState) -> None:
    query = queries.hot_keys(query_cache.catalog(), one.stream)
    if query is None:
        return
    # Reads a minute of a raw table, no more often than the lag is sampled.
    result = query_cache.fetch(query, view, shared_s=10.0, partition=one.busiest)
    st.text(f"Hot keys: {one.stream}, partition {one.busiest}, the last minute")
    if not result.rows:
        st.caption("No events there in the last minute.")
        return
    columns = {
        "key": Column("Key"),
        "events": Column("Events", "count"),
        "share": Column("Of the partition", "share"),
    }
    tables.show(result.rows, columns, view, key="keys")
    st.caption(
        "No number of partitions splits a key. Stop a bot or a retry loop, choose a finer key "
        f"(`streamgauge partitions --simulate KEY` shows what it gives), or salt the hot one. {tiles.sql(result)}"
    )
