"""Marketing: cost and reach of campaigns, and the orders credited to them."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import streamlit as st

from dashboard.components import filters, frame, states, tiles
from dashboard.components.tiles import Remark
from dashboard.data import query_cache
from dashboard.data.query_cache import Result
from dashboard.data.view_state import ViewState
from dashboard.pages.marketing import campaigns, figures, queries
from streamgauge.domain import format
from streamgauge.warehouse.client import QueryError

SPLITS = {"channel": "Channel", "campaign": "Campaign"}


def show() -> None:
    """The page."""
    rows = filters.options(queries.CHOICES, frame.view())
    names = {row["campaign_id"]: row["name"] for row in rows if row["name"]}
    with st.container(horizontal=True, key="filters"):
        channel = filters.choose("channel", "Channel", (row["channel"] for row in rows), all_of="All channels")
        campaign = filters.choose(
            "campaign", "Campaign", (row["campaign_id"] for row in rows), all_of="All campaigns", names=names
        )
        measure = filters.choice("measure", "Over time", {name: one.label for name, one in campaigns.MEASURES.items()})
        by = filters.choice("by", "Split by", SPLITS)
    chosen = {"channel": channel, "campaign": campaign}
    frame.live(lambda view: draw(view, chosen, measure, by))


def draw(view: ViewState, chosen: dict[str, Any], measure: str, by: str) -> None:
    """Everything that refreshes by itself."""
    try:
        totals = query_cache.fetch(queries.TOTALS, view, **chosen)
    except QueryError as error:
        if error.rule == "table":
            return states.no_table("marketing_windows")
        raise
    known = tiles.trust_in(view, "marketing", "attribution")
    if known.newest is None:
        return states.no_events()
    states.freshness(known.newest, datetime.now(UTC), view)
    if not totals.row["windows"] and any(chosen.values()):
        return filters.no_match("campaigns", totals.period)
    if not totals.row["windows"]:
        return states.none_in_range(view, totals.period, known.newest)
    # If no order was ever credited, the revenue of campaigns is unknown, not 0.
    credited = tiles.trust_in(view, "attribution").newest is not None
    with tiles.row("spent"):
        spent(totals, view)
    with tiles.row("brought"):
        brought(totals, view, credited)
    left, right = st.columns(2)
    with left:
        campaigns.funnel(totals, credited)
    with right:
        campaigns.segments(query_cache.fetch(queries.SEGMENTS, view, **chosen))
    campaigns.over_time(query_cache.fetch(queries.TIMELINE, view, by=by, **chosen), totals, view, measure, by)
    campaigns.by_channel(query_cache.fetch(queries.CHANNELS, view, **chosen), view)
    campaigns.by_campaign(query_cache.fetch(queries.CAMPAIGNS, view, **chosen), view)
    return None


def spent(totals: Result, view: ViewState) -> None:
    """Tiles of cost and reach."""
    for figure, name in ((figures.SPEND, "cost_cents"), (figures.REACHED, "reached"), (figures.CLICKS, "clicks")):
        change = _change(totals, name)
        # Spending more is neither good nor bad.
        remark = replace(change, colour="off") if name == "cost_cents" else change
        tiles.tile(figure, totals.row[name], totals, view, remark=remark)
    whole = totals.row
    tiles.tile(figures.REDEEMED, whole["redemptions"], totals, view, remark=_change(totals, "redemptions"))


def brought(totals: Result, view: ViewState, credited: bool) -> None:
    """Tiles of credited orders."""
    whole = totals.row
    tiles.tile(
        figures.ORDERS,
        whole["orders"] if credited else None,
        totals,
        view,
        remark=_change(totals, "orders") if credited else "",
    )
    tiles.tile(
        figures.REVENUE,
        whole["revenue_cents"] if credited else None,
        totals,
        view,
        remark=_change(totals, "revenue_cents") if credited else "",
    )
    back = whole["revenue_cents"] / whole["cost_cents"] if credited and whole["cost_cents"] else None
    profit = format.money(whole["margin_cents"] - whole["cost_cents"]) if credited else format.UNKNOWN
    tiles.tile(
        figures.RETURN,
        format.UNKNOWN if back is None else f"{format.rate(back)}×",
        totals,
        view,
        remark=f"{profit} after margin",
    )
    tiles.tile(
        figures.ORDER_COST,
        format.mean_cents(whole["cost_cents"], whole["orders"]) if credited else None,
        totals,
        view,
        remark=f"{format.share(whole['orders'], whole['clicks']) if credited else format.UNKNOWN} of clicks",
    )


def _change(totals: Result, name: str) -> Remark:
    return tiles.compared(totals.row, name, totals.period)
