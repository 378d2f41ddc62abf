"""Dead letters by cause: tiles, timeline, and the table of causes."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import streamlit as st

from dashboard import theme
from dashboard.components import cards, charts, filters, tables, tiles
from dashboard.components.charts import Series
from dashboard.components.tables import Column
from dashboard.components.tiles import Remark
from dashboard.data import query_cache
from dashboard.data.query_cache import Result
from dashboard.data.view_state import ViewState
from dashboard.pages.dead_letters import figures, queries
from streamgauge.domain import format

_CAUSES = {
    "fingerprint": Column(
        "Cause", "link", page="dead-letters", param="fingerprint", meaning="Opens the cause.", width=130
    ),
    "stream": Column("Stream", width=95),
    "reason": Column("Reason"),
    "field": Column("Field", meaning="The invalid field, if any."),
    "letters": Column("Dead letters", "count", width="small"),
    "trend": Column("Trend", "bars", meaning="The range in 24 equal parts; each cause scaled by its own highest bar."),
    "first": Column("First", "time", meaning="The first of the range."),
    "last": Column("Last", "time"),
    "retried": Column("Sent again", "count", width=95),
    "settled": Column("Settled", "count", meaning="Sent again, and not a dead letter again.", width="small"),
    "again": Column("Failed again", "count", width=105),
}


def headline(by_cause: Result, view: ViewState, chosen: Mapping[str, Any], *, several: bool = True) -> None:
    """Tiles: how many, of how many causes (if there may be several), how many were sent again and settled."""
    total = query_cache.fetch(queries.TOTAL, view, **chosen)
    # Of all causes, while the rows are the most frequent ones only.
    retried, settled, again, still_open = (
        by_cause.row.get(f"all_{name}", 0) for name in ("retried", "settled", "again", "open")
    )
    compared = tiles.compared(total.row, "letters", total.period)
    if compared.arrow:
        compared = Remark(compared.text, "inverse", arrow=True, versus=compared.versus)
    new = total.row["new_causes"]
    with tiles.row("letters"):
        tiles.tile(figures.DEAD_LETTERS, total.row["letters"], total, view, remark=compared)
        if several:
            tiles.tile(
                figures.CAUSES,
                total.row["causes"],
                total,
                view,
                remark=Remark(f"{format.count(new)} never seen before", "red" if new else "off"),
            )
        tiles.tile(figures.SENT_AGAIN, retried, by_cause, view, remark=f"{format.count(still_open)} open")
        tiles.tile(
            figures.SETTLED,
            settled,
            by_cause,
            view,
            remark=Remark(f"{format.count(again)} failed again", "red" if again else "off"),
        )


def no_match(by_cause: Result, chosen: Mapping[str, Any]) -> None:
    """Empty state: good, unless there are filters."""
    if any(chosen.values()):
        filters.no_match("dead letters", by_cause.period)
        return
    last = "the last " if by_cause.period.label != "the range" else ""
    st.success(f"**No dead letters in {last}{by_cause.period.label}.**", icon=":material/check:")


def timeline(view: ViewState, chosen: Mapping[str, Any], height: int = 320) -> None:
    """Dead letters over time, by stream."""
    result = query_cache.fetch(queries.TIMELINE, view, **chosen)
    names = sorted({row["stream"] for row in result.rows}, key=theme.stream_order)
    series = [
        Series(
            name,
            {row["bucket"]: row["letters"] for row in result.rows if row["stream"] == name},
            theme.stream_colour(name),
        )
        for name in names
    ]
    with cards.card(figures.TIMELINE):
        chart = charts.timeline(result.period, series, unit=figures.TIMELINE.unit, clock=view.clock, height=height)
        charts.show(chart, "letters-timeline", "Dead letters in each bar, by stream")
        st.caption(f"{charts.reading(result.period)} {tiles.sql(result)}")


def table(by_cause: Result, view: ViewState, chosen: Mapping[str, Any]) -> None:
    """Table of the causes, the most frequent first."""
    st.subheader(figures.BY_CAUSE.label, anchor=False, help=figures.BY_CAUSE.meaning)
    rows = with_trend(by_cause.rows, query_cache.fetch(queries.TREND, view, **chosen).rows)
    tables.show(rows, _CAUSES, view, key="letters-causes")
    most = f" The {queries.MOST} most frequent." if len(by_cause.rows) >= queries.MOST else ""
    st.caption(f"A fingerprint opens its cause. As of {datetime.now(UTC):%H:%M:%S} UTC.{most} {tiles.sql(by_cause)}")


def with_trend(rows: list[dict[str, Any]], parts: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The causes, each with its counts in the parts of the range (`trend`)."""
    trends: dict[tuple[Any, ...], list[int]] = {}
    for part in parts:
        trend = trends.setdefault((part["fingerprint"], part["stream"], part["reason"]), [0] * queries.BARS)
        trend[max(0, part["part"])] += part["letters"]
    return [
        {
            **row,
            "fingerprint": row["fingerprint"] or None,
            "trend": trends.get((row["fingerprint"], row["stream"], row["reason"])),
        }
        for row in rows
    ]
