"""Consumer groups: the table, the trend, and the partitions of one group."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import streamlit as st

from dashboard import theme
from dashboard.components import cards, charts, tables, tiles
from dashboard.components.charts import Series
from dashboard.components.tables import Column
from dashboard.data import query_cache
from dashboard.data.query_cache import Result
from dashboard.data.view_state import ViewState
from dashboard.pages.pipeline import figures, lag, queries
from dashboard.pages.pipeline.lag import Group
from dashboard.session import address
from streamgauge.domain import consumer_lag, format, lag_status
from streamgauge.domain.freshness import age_s

# Name in the address → column of the trend, title, unit, and the column's value of one unit.
MEASURES: Mapping[str, tuple[str, str, str, float]] = {
    "seconds": ("lag_seconds", "Lag in seconds", "s", 1.0),
    "events": ("lag", "Lag in events", "events", 1.0),
    "money": ("waiting_cents", "Money waiting", "€", 100.0),
}
# More lines than this are indistinguishable.
MOST_LINES = 8
STATUS = Column("Status", "badge", meaning=lag_status.MEANING, colours=lag.COLOURS, width=115)
_RETENTION = (
    "How much of what the log retains is unread. From 100 % on, the next event to be read is the next "
    "to be deleted. Unknown if nothing was deleted yet."
)
_BETWEEN = (
    "Where nothing was committed yet: a consumer may begin at the oldest event or after the newest, so between none "
    "and all of what is there waits."
)
_LOST = "Events that retention deleted before the group read them. They do not wait: they are gone."
_UNDECIDED = "Events of an open transaction: nobody can read them yet."


def measure() -> str:
    """Select box for the measure of the trend."""
    return address.select("lag", "Trend", list(MEASURES), shown=lambda key: MEASURES[key][1])


def table(result: Result, rows: list[Group], view: ViewState) -> None:
    """Table of all groups, the worst first."""
    with cards.card(figures.GROUPS):
        sampled_at = lag.sampled_at(result.rows)
        if sampled_at is None:
            st.info(
                "**The lag is not sampled.** Start the sampler with `streamgauge process lag`; `streamgauge up` does.",
                icon=":material/hourglass_empty:",
            )
            return
        age = age_s(sampled_at, result.period.now) or 0.0
        if age > consumer_lag.stale_after_s(query_cache.settings().lag_interval_s):
            st.warning(
                f"**The newest sample is {format.duration(age)} old.** The sampler, analytics or the warehouse has "
                "stopped: these figures are of that time.",
                icon=":material/warning:",
            )
        shown = [one.row() for one in rows]
        tables.show(
            shown,
            {
                "status": STATUS,
                "name": Column("Group", "link", page="pipeline", param="group", meaning="Its partitions are below."),
                "lag": Column("Events behind", "count", meaning="Events left to read, over all its topics.", width=110),
                **_where_any(
                    shown,
                    {
                        "between": Column("If not known", meaning=_BETWEEN, width=120),
                        "lost": Column("Lost", "count", meaning=_LOST, width="small"),
                    },
                ),
                "lag_seconds": Column("Behind", "seconds", meaning="Age of the next event to be read.", width="small"),
                "cents": Column("Money waiting", "money", meaning="In the topic where most waits."),
                "catch_up": Column("Caught up in", width=140, meaning="At the rates of the newest samples."),
                "produced": Column("In/s", "rate", width="small"),
                "consumed": Column("Out/s", "rate", width="small"),
                "retention_used": Column("Unread of log", "share", meaning=_RETENTION, width=110),
                "members": Column("Members", "count", width="small"),
            },
            view,
            key="groups",
        )
        sampled = f"Sampled {format.duration(age)} ago. A dash is unknown."
        for one in rows:
            if said := lag.remarks(one):
                st.text(f"{one.name}: {'; '.join(said)}.")
        st.caption(f"{sampled} A group links to its partitions. {tiles.sql(result)}")


def trend(chosen: str, view: ViewState) -> None:
    """Chart of the trend of the lag."""
    column, title, unit, of_one = MEASURES[chosen]
    # Thousands of rows, new ones every ten seconds.
    result = query_cache.fetch(queries.TREND, view, shared_s=5.0)
    rows = [row for row in result.rows if row[column] is not None]
    peaks: dict[str, float] = {}
    for row in rows:
        peaks[row["group"]] = max(peaks.get(row["group"], 0.0), row[column] / of_one)
    names = sorted(peaks, key=lambda name: (-peaks[name], name))[:MOST_LINES]
    with cards.card(figures.TREND, title):
        if not names:
            st.caption("No sample in the range.")
            return
        # Sorted by name, so that a group keeps its place when another one is worse.
        series = [
            Series(
                name,
                {row["bucket"]: row[column] / of_one for row in rows if row["group"] == name},
                theme.group_colour(name),
            )
            for name in sorted(names)
        ]
        chart = charts.timeline(
            result.period, series, unit=unit, clock=view.clock, kind="line", absent=None, height=260
        )
        charts.show(chart, "lag", f"{title} by consumer group")
        more = f" The {MOST_LINES} groups with the most." if len(peaks) > MOST_LINES else ""
        st.caption(
            f"The worst sample in each {format.duration(result.period.bucket_s)}, by consumer group.{more} "
            f"{tiles.sql(result)}"
        )


def partitions(group: str, view: ViewState) -> None:
    """Table of the partitions that the chosen group reads."""
    interval_ms = consumer_lag.current_within_ms(query_cache.settings().lag_interval_s)
    result = query_cache.fetch(queries.PARTITIONS, view, shared_s=5.0, sample_ms=interval_ms, group=group)
    with cards.card(figures.PARTITIONS):
        st.text(group)
        if not result.rows:
            st.caption(
                "The newest sample has no partition of this group: it has committed nothing, or no longer exists."
            )
            return
        shown = [_partition(row) for row in sorted(result.rows, key=_worst)]
        tables.show(
            shown,
            {
                "status": STATUS,
                "topic": Column("Topic", width="medium"),
                "partition": Column("Partition", "count", width="small"),
                "lag": Column("Events behind", "count"),
                **_where_any(
                    shown,
                    {
                        "between": Column("If not known", meaning=_BETWEEN),
                        "lost": Column("Lost", "count", meaning=_LOST),
                        "undecided": Column("Undecided", "count", meaning=_UNDECIDED),
                    },
                ),
                "lag_seconds": Column("Behind", "seconds"),
                "waiting_cents": Column("Money waiting", "money"),
                "waiting": Column("Orders or keys"),
                "catch_up_seconds": Column("Caught up in", "seconds", meaning="A dash where the lag does not shrink."),
                "produced_per_second": Column("In/s", "rate"),
                "consumed_per_second": Column("Out/s", "rate"),
                "retention_used": Column("Unread of log", "share", meaning=_RETENTION),
                "member": Column("Member", meaning="The member that it is assigned to; a dash if none, or unknown."),
                "committed_offset": Column("Committed", "count"),
                "end_offset": Column("End of log", "count"),
            },
            view,
            key="partitions",
        )
        st.caption(f"The worst first. A dash is unknown. {tiles.sql(result)}")


def _where_any(rows: Sequence[Mapping[str, Any]], columns: Mapping[str, Column]) -> dict[str, Column]:
    """The columns that some row has a value in: most clusters have none of these, and the table is wide."""
    return {name: column for name, column in columns.items() if any(row[name] is not None for row in rows)}


def _worst(row: Mapping[str, Any]) -> tuple[Any, ...]:
    return (lag_status.WORST_FIRST.index(row["status"]), -(row["lag_seconds"] or 0), -(row["lag"] or 0), row["topic"])


def _partition(row: Mapping[str, Any]) -> dict[str, Any]:
    kept = row["retention_used"] if row["lag"] else None
    counted = lag.waiting(row["waiting_keys"], complete=bool(row["waiting_complete"]))
    unknown = lag.between(row["lag_least"] or 0, row["lag_most"]) if row["lag"] is None else None
    some = {name: row[name] or None for name in ("lost", "undecided")}
    return {**row, **some, "between": unknown, "waiting": counted, "retention_used": kept}
