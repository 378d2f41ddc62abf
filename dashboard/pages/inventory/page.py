"""Inventory: what moves, what is out or about to be, and which campaign sells out next."""

from __future__ import annotations

from datetime import UTC, datetime

import streamlit as st

from dashboard import theme
from dashboard.components import charts, filters, frame, splits, states, tiles
from dashboard.components.charts import Series
from dashboard.components.tiles import Remark
from dashboard.data import query_cache
from dashboard.data.query_cache import Result
from dashboard.data.view_state import ViewState
from dashboard.pages.inventory import queries, stock
from streamgauge.domain import format
from streamgauge.warehouse.client import QueryError

# Movements: what each is called, its colour, and what it says.
MOVES = {
    "reserved": ("Reserved", theme.BLUE, "promised to orders"),
    "shipped": ("Shipped", theme.GOOD, "that left"),
    "received": ("Received", theme.ORANGE, "that came"),
    "released": ("Released", theme.PINK, "promised and given back, of orders that came to nothing"),
    "rejected": ("Refused", theme.BAD, "that orders asked for and could not be promised"),
}
HEADLINE = ("reserved", "shipped", "received", "rejected")


def show() -> None:
    """The page."""
    rows = filters.known(queries.CHOICES, frame.view())
    with st.container(horizontal=True, key="filters"):
        location = filters.choose("location", "Location", (row["location"] for row in rows), all_of="All locations")
        status = filters.one_of("status", "Status", {"": "Every status", **stock.STATUSES})
        move = filters.one_of("move", "Movement by location", {name: said for name, (said, *_) in MOVES.items()})
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
        filters.nothing("movements", moved.period)
    else:
        states.none_in_range(view, moved.period, known.newest)
    stock.short(view, location, status)
    stock.guard(view, location)
    return None


def movements(moved: Result, view: ViewState) -> None:
    """What moved in the range."""
    for name in HEADLINE:
        said, _, meaning = MOVES[name]
        change = tiles.compared(moved.row, name, moved.period)
        tiles.tile(
            f"{said} in range",
            format.count(moved.row[name]),
            moved,
            view,
            # More is not better, nor worse, but for what was refused.
            remark=Remark(
                change.text, "inverse" if name == "rejected" and change.arrow else "off", change.arrow, change.versus
            ),
            meaning=f"Units {meaning}, in the range, running window included. The change compares complete windows "
            "with the same span earlier; it is withheld until data reaches back that far.",
        )


def over_time(moved: Result, view: ViewState, location: str, move: str) -> None:
    """All movements, and one of them by location."""
    result = query_cache.fetch(queries.TIMELINE, view, location=location)
    period = result.period
    timeline = splits.Timeline.of(result, reaches_back=moved.row["reaches_back"])
    lines = []
    for name, (said, colour, _) in MOVES.items():
        values: dict[datetime, float] = {}
        for row in timeline.now:
            values[row["bucket"]] = values.get(row["bucket"], 0) + row[name]
        lines.append(Series(said, values, colour))
    layers = timeline.series(lambda row: row[move])
    said = MOVES[move][0]
    left, right = st.columns(2)
    with left, st.container(border=True, height="stretch"):
        st.subheader("Units by movement", anchor=False)
        chart = charts.timeline(
            period, lines, unit="units", clock=view.clock, kind="line", first=timeline.first, digits=",d"
        )
        charts.show(chart, "inventory-moves", "Units received, reserved, released, shipped and refused over time")
        st.caption(f"{charts.reading(period, 'point')} {tiles.sql(result)}")
    with right, st.container(border=True, height="stretch"):
        st.subheader(f"{said} by location", anchor=False)
        chart = charts.timeline(period, layers, unit="units", clock=view.clock, first=timeline.first, digits=",d")
        charts.show(chart, "inventory-locations", f"Units {said.lower()} over time by location")
        st.caption(f"{charts.reading(period)} {tiles.sql(result)}")
