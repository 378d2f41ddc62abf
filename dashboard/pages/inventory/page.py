"""Inventory: movements, stock-outs and low cover, and the surge guard of campaigns."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Literal

import streamlit as st

from dashboard import theme
from dashboard.components import cards, charts, filters, frame, splits, states, tiles
from dashboard.components.charts import Series
from dashboard.data import query_cache
from dashboard.data.query_cache import Result
from dashboard.data.view_state import ViewState
from dashboard.pages.inventory import figures, queries, stock
from streamgauge.warehouse.client import QueryError

# Movements: the column's name, what each is called, and its colour.
MOVES = {
    "reserved": ("Reserved", theme.BLUE),
    "shipped": ("Shipped", theme.GOOD),
    "received": ("Received", theme.ORANGE),
    "released": ("Released", theme.PINK),
    "rejected": ("Refused", theme.BAD),
}
HEADLINE = {
    "reserved": figures.RESERVED,
    "shipped": figures.SHIPPED,
    "received": figures.RECEIVED,
    "rejected": figures.REFUSED,
}


def show() -> None:
    """The page."""
    rows = filters.options(queries.CHOICES, frame.view())
    with st.container(horizontal=True, key="filters"):
        location = filters.choose("location", "Location", (row["location"] for row in rows), all_of="All locations")
        status = filters.choice("status", "Status", {"": "Every status", **stock.STATUSES})
        move = filters.choice("move", "Movement by location", {name: label for name, (label, _) in MOVES.items()})
    frame.live(lambda view: draw(view, location, status, move))


def draw(view: ViewState, location: str, status: str, move: str) -> None:
    """Everything that refreshes by itself."""
    try:
        moved = query_cache.fetch(queries.MOVED, view, location=location)
    except QueryError as error:
        if error.rule == "table":
            return states.no_table("inventory_windows")
        raise
    known = tiles.trust_in(view, "inventory")
    if known.newest is None:
        return states.no_events()
    states.freshness(known.newest, datetime.now(UTC), view)
    stock.headline(view, location)
    with tiles.row("moved"):
        movements(moved, view)
    if moved.row["windows"]:
        over_time(moved, view, location, move)
    elif location:
        filters.no_match("movements", moved.period)
    else:
        states.none_in_range(view, moved.period, known.newest)
    stock.short(view, location, status)
    stock.guard(view, location)
    return None


def movements(moved: Result, view: ViewState) -> None:
    """Tiles of the movements in the range."""
    for name, figure in HEADLINE.items():
        change = tiles.compared(moved.row, name, moved.period)
        # More is neither better nor worse, except for what was refused.
        colour: Literal["inverse", "off"] = "inverse" if name == "rejected" and change.arrow else "off"
        tiles.tile(figure, moved.row[name], moved, view, remark=replace(change, colour=colour))


def over_time(moved: Result, view: ViewState, location: str, move: str) -> None:
    """Charts of all movements, and of the chosen one by location."""
    result = query_cache.fetch(queries.TIMELINE, view, location=location)
    period = result.period
    timeline = splits.Timeline.of(result, reaches_back=moved.row["reaches_back"])
    lines = []
    for name, (label, colour) in MOVES.items():
        values: dict[datetime, float] = {}
        for row in timeline.now:
            values[row["bucket"]] = values.get(row["bucket"], 0) + row[name]
        lines.append(Series(label, values, colour))
    layers = timeline.series(lambda row: row[move])
    chosen = MOVES[move][0]
    left, right = st.columns(2)
    with left, cards.card(figures.MOVEMENTS, height="stretch"):
        chart = charts.timeline(
            period, lines, unit="units", clock=view.clock, kind="line", first=timeline.first, digits=",d"
        )
        charts.show(chart, "inventory-moves", "Units received, reserved, released, shipped and refused over time")
        st.caption(f"{charts.reading(period, 'point')} {tiles.sql(result)}")
    with right, cards.card(figures.BY_LOCATION, f"{chosen} by location", height="stretch"):
        chart = charts.timeline(period, layers, unit="units", clock=view.clock, first=timeline.first, digits=",d")
        charts.show(chart, "inventory-locations", f"Units {chosen.lower()} over time by location")
        st.caption(f"{charts.reading(period)} {tiles.sql(result)}")
