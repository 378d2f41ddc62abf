"""Compensation ledger: what moved for an order, what was moved back, and what is left."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import streamlit as st

from dashboard.components import cards, tables, tiles
from dashboard.components.tables import Column
from dashboard.data import query_cache
from dashboard.data.query_cache import Result
from dashboard.data.view_state import ViewState
from dashboard.pages.fulfilment import figures, queries
from streamgauge.domain import format

_ORDER = Column("Order", "link", "fulfilment", "order", meaning="Its saga, step by step.")
MOVED = {
    "amount_cents": Column("Amount", "money"),
    "delivered": Column("Delivered", "yes"),
    "authorised_cents": Column("Charged", "money"),
    "refunded_cents": Column("Refunded", "money"),
    "residue_cents": Column("Money left", "money", meaning="Charged, less refunded, less the amount if delivered."),
    "reserved_units": Column("Reserved", "count"),
    "released_units": Column("Released", "count"),
    "shipped_units": Column("Shipped", "count"),
    "residue_units": Column("Units left", "count", meaning="Reserved, less released, less shipped."),
}
_TURNED = {
    "order_id": _ORDER,
    "state": Column("Ended"),
    "ended_at": Column("At", "time"),
    **MOVED,
    "reason": Column("Why"),
}
_RESIDUES = {
    "order_id": _ORDER,
    "state": Column("Ended"),
    "ended_at": Column("At", "time"),
    "amount_cents": Column("Amount", "money"),
    "residue_cents": Column("Money left", "money"),
    "residue_units": Column("Units left", "count"),
    "reason": Column("Why"),
}
# Clocks of services differ: a movement may be dated a little before its saga started.
_BEFORE = timedelta(minutes=1)


def moved(view: ViewState, orders: Sequence[Mapping[str, Any]], shared_s: float) -> Result:
    """What moved for these orders, given by `order_id` and `started_at`."""
    ids = tuple(row["order_id"] for row in orders)
    began: datetime = min(row["started_at"] for row in orders) - _BEFORE
    return query_cache.fetch(queries.LEDGER, view, shared_s=shared_s, orders=ids, began=began)


def balance(order: Mapping[str, Any], moves: Mapping[str, Any]) -> dict[str, Any]:
    """One order's line: a delivered one keeps its amount and no units, any other keeps nothing."""
    names = ("authorised_cents", "refunded_cents", "reserved_units", "released_units", "shipped_units")
    sums = {name: moves.get(name, 0) for name in names}
    kept = order["amount_cents"] if moves.get("delivered") else 0
    return {
        **order,
        **sums,
        "delivered": moves.get("delivered", False),
        "residue_cents": sums["authorised_cents"] - sums["refunded_cents"] - kept,
        "residue_units": sums["reserved_units"] - sums["released_units"] - sums["shipped_units"],
    }


def of_range(view: ViewState) -> None:
    """Table of the newest orders that were not delivered."""
    last = query_cache.fetch(queries.LAST_TURNED, view, shared_s=queries.SOON_S)
    with cards.card(figures.LEDGER):
        if not last.rows:
            st.caption(f"No order ended without a delivery in {last.period.label}. {tiles.sql(last)}")
            return
        result = moved(view, last.rows, queries.SLOW_S)
        by_order = {row["order_id"]: row for row in result.rows}
        rows = [balance(row, by_order.get(row["order_id"], {})) for row in last.rows]
        tables.show(rows, _TURNED, view, key="ledger")
        st.caption(
            f"The newest {len(rows)} orders of {last.period.label} that were not delivered, as reported by the "
            "services that moved money and units, each reply once. Nothing should be left. "
            f"{tiles.sql(last)} · {tiles.sql(result)}"
        )


def residues(result: Result, view: ViewState) -> None:
    """Table of ended sagas that left money or units behind."""
    with cards.card(figures.RESIDUES):
        if not result.rows:
            st.caption(f"None: no ended order left money or units behind. {tiles.sql(result)}")
            return
        tables.show(result.rows, _RESIDUES, view, key="residues")
        every = result.row["residues"]
        shown = f"The {len(result.rows)} largest of {format.count(every)}. " if every > len(result.rows) else ""
        st.caption(
            f"{shown}Of orders that ended in the last hour, failed ones of a day, whatever the range; what follows an "
            "end has a minute. Retry dead letters first; then refund or release what is left over by hand, as an event "
            f"of the payment or stock service. {tiles.sql(result)}"
        )
