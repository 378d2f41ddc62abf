"""Orders and revenue: number, amount, outcomes, and where they come from."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import streamlit as st

from dashboard import theme
from dashboard.components import cards, charts, filters, frame, splits, states, tables, tiles
from dashboard.components.charts import Bar
from dashboard.components.tables import Column
from dashboard.data import query_cache
from dashboard.data.query_cache import Result
from dashboard.data.view_state import ViewState
from dashboard.pages.orders import figures, queries
from streamgauge.domain import format
from streamgauge.warehouse.client import QueryError

# Dimensions to split by: name in the address and the table → label.
DIMENSIONS = {"region": "Region", "channel": "Channel", "payment_method": "Payment method"}
OUTCOMES = {"confirmed": figures.CONFIRMED, "cancelled": figures.CANCELLED, "completed": figures.COMPLETED}
RANKED = 8
# Filters by name, as the queries have them.
Chosen = dict[str, Any]


def show() -> None:
    """The page."""
    view = frame.view()
    rows = filters.options(queries.CHOICES, view)
    with st.container(horizontal=True, key="filters"):
        chosen = {
            name: filters.choose(name, label, (row[name] for row in rows), all_of=f"All {label.lower()}s")
            for name, label in DIMENSIONS.items()
        }
        by = filters.choice("by", "Split by", DIMENSIONS)
    frame.live(lambda view: draw(view, chosen, by))


def draw(view: ViewState, chosen: Chosen, by: str) -> None:
    """Everything that refreshes by itself."""
    try:
        totals = query_cache.fetch(queries.TOTALS, view, **chosen)
    except QueryError as error:
        if error.rule == "table":
            return states.no_table("order_windows")
        raise
    known = tiles.trust_in(view, "orders")
    if known.newest is None:
        return states.no_events()
    states.freshness(known.newest, datetime.now(UTC), view)
    ranking = query_cache.fetch(queries.RANKING, view, by=by, **chosen)
    if not ranking.rows and any(chosen.values()):
        return filters.no_match("orders", totals.period)
    if not ranking.rows:
        return states.none_in_range(view, totals.period, known.newest)
    with tiles.row("orders"):
        headline(totals, view)
    with tiles.row("outcomes"):
        outcomes(totals, view)
    over_time(totals, view, chosen, by)
    rank(ranking, by)
    table(ranking, view, by)
    return None


def headline(totals: Result, view: ViewState) -> None:
    """Tiles of orders and revenue."""
    row, period = totals.row, totals.period
    tiles.tile(figures.ORDERS, row["orders"], totals, view, remark=tiles.compared(row, "orders", period))
    tiles.tile(figures.REVENUE, row["revenue_cents"], totals, view, remark=tiles.compared(row, "revenue_cents", period))

    def mean(suffix: str = "") -> int | None:
        return format.mean_cents(row[f"revenue_cents{suffix}"], row[f"orders{suffix}"])

    now, before = mean("_complete"), mean("_earlier") if row["reaches_back"] else None
    tiles.tile(figures.ORDER_VALUE, mean(), totals, view, remark=tiles.changed(now, before, period) if now else "")
    tiles.tile(figures.UNITS, row["units"], totals, view, remark=tiles.compared(row, "units", period))


def outcomes(totals: Result, view: ViewState) -> None:
    """Tiles of the outcomes of orders."""
    row = totals.row
    for name, figure in OUTCOMES.items():
        share = format.share(row[name], row["orders"])
        tiles.tile(figure, share, totals, view, remark=f"{format.count(row[name])} orders")


def over_time(totals: Result, view: ViewState, chosen: Chosen, by: str) -> None:
    """Charts of revenue and orders, split, with the earlier span dashed."""
    result = query_cache.fetch(queries.TIMELINE, view, by=by, **chosen)
    timeline = splits.Timeline.of(result, reaches_back=totals.row["reaches_back"])
    measures = (
        ("Revenue", figures.REVENUE_OVER_TIME, ",.2f", lambda row: row["revenue_cents"] / 100),
        ("Orders", figures.ORDERS_OVER_TIME, ",d", lambda row: row["orders"]),
    )
    for column, (title, figure, digits, value) in zip(st.columns(2), measures, strict=True):
        layers = timeline.series(value)
        chart = charts.timeline(
            result.period, layers, unit=figure.unit, clock=view.clock, first=timeline.first, digits=digits
        )
        with column, cards.card(figure, f"{title} by {DIMENSIONS[by].lower()}", height="stretch"):
            charts.show(chart, f"orders-{title}", f"{title} over time by {DIMENSIONS[by].lower()}")
            st.caption(f"{charts.reading(result.period)} {tiles.sql(result)}")


def rank(ranking: Result, by: str) -> None:
    """Chart of the largest names."""
    whole = ranking.row["all_cents"]
    own = splits.colours(row["name"] for row in ranking.rows[: splits.MOST])
    parts = [
        Bar(
            row["name"],
            row["revenue_cents"],
            f"{format.money(row['revenue_cents'])} · {format.share(row['revenue_cents'], whole)}",
            own.get(row["name"], theme.GREY),
        )
        for row in ranking.rows[:RANKED]
    ]
    with cards.card(figures.RANKING, f"Top {DIMENSIONS[by].lower()}s"):
        charts.draw(charts.bars(parts), "orders-top", f"Revenue by {DIMENSIONS[by].lower()}")
        st.caption(f"Revenue · share of the range's revenue · {tiles.sql(ranking)}")


def table(ranking: Result, view: ViewState, by: str) -> None:
    """Table of all names."""
    whole = ranking.row["all_cents"]
    compares = ranking.row["reaches_back"] and ranking.period.compare != "none"
    rows = [
        {
            **row,
            "share": row["revenue_cents"] / whole if whole else None,
            "mean_cents": format.mean_cents(row["revenue_cents"], row["orders"]),
            "change": format.change(row["revenue_cents_complete"], row["revenue_cents_earlier"]) if compares else None,
            **{f"{name}_share": row[name] / row["orders"] if row["orders"] else None for name in OUTCOMES},
        }
        for row in ranking.rows
    ]
    columns = {
        "name": Column(DIMENSIONS[by], "link", "orders", by, meaning="Show only this"),
        "orders": Column("Orders", "count"),
        "revenue_cents": Column("Revenue", "money"),
        "share": Column("Of revenue", "share"),
        "mean_cents": Column("Order value", "money", meaning="Revenue over orders"),
        "units": Column("Units", "count"),
        **{f"{name}_share": Column(one.label, "share", meaning=one.meaning) for name, one in OUTCOMES.items()},
    }
    if compares:
        columns["change"] = Column("Revenue change", "share", meaning=f"Complete windows, {ranking.period.compared}")
    with cards.card(figures.TABLE, f"By {DIMENSIONS[by].lower()}"):
        tables.show(rows, columns, view, key="orders-table")
        st.caption(f"Orders placed in the range, running window included. {tiles.sql(ranking)}")
