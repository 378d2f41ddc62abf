"""Current stock, whatever the range: stock-outs, cover, and the surge guard."""

from __future__ import annotations

from typing import Any

import streamlit as st

from dashboard import theme
from dashboard.components import cards, tables, tiles
from dashboard.components.tables import Column
from dashboard.components.tiles import Remark
from dashboard.data import query_cache
from dashboard.data.query_cache import Result
from dashboard.data.view_state import ViewState
from dashboard.pages.inventory import figures, queries
from streamgauge.domain import format

STATUSES = {"oversold": "Oversold", "out": "Out of stock", "low": "Low cover", "ok": "In stock"}
_STATUS = {"oversold": theme.BAD, "out": theme.BAD, "low": theme.WARN, "ok": theme.GOOD}
_LEVEL = {"sold_out": theme.BAD, "critical": theme.BAD, "warning": theme.WARN, "ok": theme.GOOD}
_RATES = "units reserved less released, a minute, over ten minutes"

_ARTICLE = {
    "sku": Column("Article", "link", "events", "sku", meaning="Its events"),
    "name": Column("Name"),
    "location": Column("Location"),
}
_OUT = {
    **_ARTICLE,
    "status": Column("Status", "badge", colours=_STATUS, meaning="oversold: more is promised than there is"),
    "on_hand": Column("On hand", "count"),
    "reserved": Column("Reserved", "count"),
    "available": Column("Available", "count", meaning="On hand less reserved"),
    "refused_per_minute": Column("Refused/min", "rate", meaning="Units that could not be promised, over ten minutes"),
    "refused_cents_per_minute": Column("Refused €/min", "money", meaning="The same at the article's price"),
    "available_elsewhere": Column("Elsewhere", "count", meaning="What all other locations can promise together"),
    "changed_at": Column("Since", "time", meaning="Its newest event"),
}
_COVER = {
    **_ARTICLE,
    "status": Column("Status", "badge", colours=_STATUS, meaning="low: less than five minutes of cover"),
    "available": Column("Available", "count", meaning="On hand less reserved"),
    "minutes_of_cover": Column("Cover, min", "rate", meaning=f"Available over {_RATES}"),
    "units_per_minute": Column("Taken/min", "rate", meaning=_RATES.capitalize()),
    "units_per_minute_lately": Column("Lately/min", "rate", meaning="The same, of the last two minutes"),
    "refused_per_minute": Column("Refused/min", "rate", meaning="Units that could not be promised, over ten minutes"),
    "available_elsewhere": Column("Elsewhere", "count", meaning="What all other locations can promise together"),
}
_GUARD = {
    "campaign_id": Column("Campaign", "link", "marketing", "campaign", meaning="Its cost and revenue"),
    "channel": Column("Channel"),
    "sku": _ARTICLE["sku"],
    "location": _ARTICLE["location"],
    "level": Column("Level", "badge", colours=_LEVEL, meaning="critical: gone within a minute; warning: within five"),
    "available": Column("Available", "count"),
    "minutes_until_sold_out": Column("Lasts, min", "rate", meaning="Available over the current rate"),
    "campaign_minutes_left": Column("Campaign, min", "rate", meaning="Time until the campaign ends"),
    "units_per_minute": Column("Taken/min", "rate", meaning="Of ten minutes, or of the last two where that is more"),
    "times_usual": Column("× usual", "rate", meaning="Against the rate of the last full hours, up to 24"),
    "wanted_per_minute": Column("Wanted/min", "rate", meaning="Taken and refused"),
}


def headline(view: ViewState, location: str) -> None:
    """Tiles: articles out of stock or low, and what is refused."""
    now = view.current
    levels = query_cache.fetch(queries.LEVELS, now, shared_s=figures.SHARED_S, location=location)
    row = levels.row
    articles = f"of {format.count(row['articles'])}"
    with tiles.row("stock"):
        for figure, name in ((figures.OVERSOLD, "oversold"), (figures.OUT_OF_STOCK, "out"), (figures.LOW_COVER, "low")):
            wrong = bool(row[name]) and name != "low"
            tiles.tile(figure, row[name], levels, now, remark=Remark(articles, "red" if wrong else "off"))
        tiles.tile(figures.REFUSED_UNITS, row["refused_per_minute"], levels, now, remark="over ten minutes")
        tiles.tile(
            figures.REFUSED_MONEY,
            refused_cents(row),
            levels,
            now,
            remark=f"{format.count(row['unpriced'])} without a price" if row["unpriced"] else "over ten minutes",
        )


def refused_cents(row: dict[str, Any]) -> int | None:
    """Cents refused a minute; None if no rate is known, or no price of a refused article."""
    cents = row["refused_cents_per_minute"]
    return None if cents is None or (row["unpriced"] and not cents) else round(cents)


def short(view: ViewState, location: str, status: str) -> None:
    """Tables of stock-outs and of the lowest cover."""
    result = query_cache.fetch(queries.SHORT, view.current, shared_s=figures.SHARED_S, location=location, status=status)
    out = [row for row in result.rows if row["is_out"]]
    cover = [row for row in result.rows if not row["is_out"]]
    with cards.card(figures.STOCK_OUTS):
        _table(out, _OUT, view, "stock-outs", "No article that matches the filters is out of stock.")
        st.caption(f"Most refused money first, up to 100. {figures.NOW} {tiles.sql(result)}")
    with cards.card(figures.LOWEST_COVER):
        _table(
            cover, _COVER, view, "cover", "No article that matches the filters is being taken, or no rate is known yet."
        )
        st.caption(
            f"In stock and being taken, the first to run out on top, up to 100. {figures.NOW} {tiles.sql(result)}"
        )


def guard(view: ViewState, location: str) -> None:
    """Table of the surge guard."""
    result = query_cache.fetch(queries.GUARD, view.current, shared_s=figures.SHARED_S, location=location)
    with cards.card(figures.SURGE_GUARD):
        if result.rows:
            levels(result)
        _table(result.rows, _GUARD, view, "guard", "No campaign is running.")
        st.caption(
            f"Articles in running campaigns, the first to sell out on top, up to 100. {figures.NOW} {tiles.sql(result)}"
        )


def levels(result: Result) -> None:
    """Badges with the number of articles at each level."""
    with st.container(horizontal=True, gap="small"):
        for name in ("sold_out", "critical", "warning"):
            text = f"{format.count(result.row[name])} {name.replace('_', ' ')}"
            if not result.row[name]:
                st.badge(text, color="gray")
            else:
                st.badge(text, color="orange" if name == "warning" else "red")


def _table(rows: list[dict[str, Any]], columns: dict[str, Column], view: ViewState, key: str, none: str) -> None:
    if not rows:
        st.text(none)
        return
    tables.show(rows, columns, view, key=f"inventory-{key}", height=320 if len(rows) > 8 else None)
