"""Charts and tables of campaigns: funnel, segments, measures over time, channels, campaigns."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import streamlit as st

from dashboard import theme
from dashboard.components import cards, charts, splits, tables, tiles
from dashboard.components.charts import Bar
from dashboard.components.tables import Column
from dashboard.data.query_cache import Result
from dashboard.data.view_state import ViewState
from dashboard.pages.marketing import figures
from streamgauge.domain import format

Row = dict[str, Any]


@dataclass(frozen=True)
class Measure:
    """A measure over time: `value` of a row, or the ratio of `value` to `over` (drawn as a line: ratios do not add
    up)."""

    label: str
    unit: str
    digits: str
    value: Callable[[Row], float]
    over: Callable[[Row], float] | None = None


MEASURES = {
    "revenue": Measure("Revenue credited", "€", ",.2f", lambda row: row["revenue_cents"] / 100),
    "spend": Measure("Spend", "€", ",.2f", lambda row: row["cost_cents"] / 100),
    "return": Measure(
        "Return on spend", "€ per €", ",.1f", lambda row: row["revenue_cents"], lambda row: row["cost_cents"]
    ),
    "order_cost": Measure(
        "Cost per order", "€ per order", ",.2f", lambda row: row["cost_cents"] / 100, lambda row: row["orders"]
    ),
    "orders": Measure("Orders credited", "orders", ",d", lambda row: row["orders"]),
    "clicks": Measure("Clicks", "clicks", ",d", lambda row: row["clicks"]),
    "reached": Measure("Reached", "shown or sent", ",d", lambda row: row["reached"]),
}
SEGMENTS = {"new": theme.GREEN, "returning": theme.BLUE, "lapsed": theme.ORANGE}
_STATES = {"running": theme.GOOD, "ended": theme.GREY, "planned": theme.SKY}
_RATIOS = {
    "reached": Column("Reached", "count", meaning="Advertisements shown and emails sent"),
    "clicks": Column("Clicks", "count", meaning="Advertisements clicked and emails opened"),
    "click_share": Column("Of reached", "share", meaning="Clicks, of those reached"),
    "orders": Column("Orders", "count", meaning="Orders credited"),
    "order_share": Column("Of clicks", "share", meaning="Orders credited, of clicks"),
    "revenue_cents": Column("Revenue", "money", meaning="Of the orders credited"),
    "cost_cents": Column("Spend", "money"),
    "back": Column("Return ×", "rate", meaning="Revenue over spend"),
    "order_cents": Column("Cost per order", "money", meaning="Spend over orders credited"),
    "profit_cents": Column("Profit", "money", meaning="Margin of the orders credited, less spend"),
}
_CHANNEL = {"channel": Column("Channel", "link", "marketing", "channel", meaning="Show only this"), **_RATIOS}
_CAMPAIGN = {
    "campaign_id": Column("Campaign", "link", "marketing", "campaign", meaning="Show only this"),
    "name": Column("Name"),
    "channel": Column("Channel"),
    "category": Column("Category", meaning="What it advertises"),
    "state": Column("State", "badge", colours=_STATES, meaning="By its start and end"),
    **_RATIOS,
}


def funnel(totals: Result, credited: bool) -> None:
    """Chart from impression to order."""
    whole = totals.row
    steps = [
        Bar("Reached", whole["reached"], format.count(whole["reached"]), theme.SKY),
        Bar("Clicked", whole["clicks"], _step(whole["clicks"], whole["reached"], "reached"), theme.BLUE),
    ]
    if credited:
        bought = f"{_step(whole['orders'], whole['clicks'], 'clicks')} · {format.money(whole['revenue_cents'])}"
        steps.append(Bar("Ordered", whole["orders"], bought, theme.GOOD))
    with cards.card(figures.FUNNEL, height="stretch"):
        charts.draw(charts.bars(steps), "marketing-funnel", "Reached, clicked and ordered in the range")
        st.caption(
            "Shown or sent · clicked or opened · credited orders with their revenue. Each counts by its own time. "
            f"{tiles.sql(totals)}"
        )


def _step(count: int, before: int, of: str) -> str:
    return f"{format.count(count)} · {format.share(count, before)} of {of}"


def segments(result: Result) -> None:
    """Chart of credited orders by segment of the customer."""
    rows = [row for row in result.rows if row["orders"]]
    whole = sum(row["orders"] for row in rows)
    parts = [
        Bar(
            row["segment"] or "unknown",
            row["orders"],
            f"{format.count(row['orders'])} · {format.share(row['orders'], whole)} · "
            f"{format.money(row['revenue_cents'])}",
            SEGMENTS.get(row["segment"], theme.GREY),
        )
        for row in rows
    ]
    with cards.card(figures.SEGMENTS, height="stretch"):
        if parts:
            charts.draw(charts.bars(parts), "marketing-segments", "Orders credited by segment of the customer")
            st.caption(
                "Orders credited · share · revenue. New: no order before; lapsed: the previous order was long ago. "
                f"{tiles.sql(result)}"
            )
        else:
            st.text("No order of the range was credited to a campaign.")


def over_time(result: Result, totals: Result, view: ViewState, measure: str, by: str) -> None:
    """Chart of one measure, by channel or campaign."""
    what = MEASURES[measure]
    period = result.period
    timeline = splits.Timeline.of(result, reaches_back=totals.row["reaches_back"])
    chart = charts.timeline(
        period,
        timeline.series(what.value, what.over),
        unit=what.unit,
        clock=view.clock,
        kind="line" if what.over else "bar",
        first=timeline.first,
        absent=None if what.over else 0.0,
        digits=what.digits,
    )
    with cards.card(figures.OVER_TIME, f"{what.label} by {by}"):
        charts.show(chart, "marketing-time", f"{what.label} over time by {by}")
        one = "point" if what.over else "bar"
        gaps = " A gap: the divisor is 0." if what.over else ""
        st.caption(f"{charts.reading(period, one)}{gaps} {tiles.sql(result)}")


def by_channel(result: Result, view: ViewState) -> None:
    """Table of channels."""
    with cards.card(figures.CHANNELS):
        tables.show([ratios(row) for row in result.rows], _CHANNEL, view, key="marketing-channels")
        st.caption(f"In the range, running window included. {tiles.sql(result)}")


def by_campaign(result: Result, view: ViewState) -> None:
    """Table of campaigns."""
    rows = [{**ratios(row), "state": state(row, result.period.now)} for row in result.rows]
    with cards.card(figures.CAMPAIGNS):
        tables.show(rows, _CAMPAIGN, view, key="marketing-campaigns")
        st.caption(f"In the range, running window included; the 200 with the highest revenue. {tiles.sql(result)}")


def ratios(row: Row) -> Row:
    """A row of sums with its ratios and profit; a ratio is None if its divisor is 0."""
    return {
        **row,
        "click_share": row["clicks"] / row["reached"] if row["reached"] else None,
        "order_share": row["orders"] / row["clicks"] if row["clicks"] else None,
        "back": row["revenue_cents"] / row["cost_cents"] if row["cost_cents"] else None,
        "order_cents": format.mean_cents(row["cost_cents"], row["orders"]),
        "profit_cents": row["margin_cents"] - row["cost_cents"],
    }


def state(row: Row, now: datetime) -> str | None:
    """State of the campaign at `now`; None if its times are unknown."""
    if row["starts_at"] is None:
        return None
    if row["starts_at"] > now:
        return "planned"
    return "ended" if row["ends_at"] and row["ends_at"] <= now else "running"
