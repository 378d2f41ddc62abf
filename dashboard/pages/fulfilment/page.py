"""Fulfilment: how far orders come, which are stuck and on whom they wait, and what ended orders left behind."""

from __future__ import annotations

from datetime import UTC, datetime

import streamlit as st

from dashboard import theme
from dashboard.components import cards, charts, frame, states, tables, tiles
from dashboard.components.charts import Bar
from dashboard.components.tables import Column
from dashboard.components.tiles import Remark
from dashboard.data import query_cache
from dashboard.data.query_cache import Result
from dashboard.data.view_state import ViewState
from dashboard.pages.fulfilment import current_state, figures, ledger, queries, saga
from dashboard.session import address
from streamgauge.domain import format
from streamgauge.warehouse.client import QueryError

# Entering a state means that the step before it is done.
FUNNEL = {
    "reserving_stock": "Started",
    "requesting_payment": "Stock reserved",
    "requesting_shipment": "Paid",
    "shipping": "Dispatched",
    "completed": "Delivered",
    "compensated": "Compensated",
    "failed": "Failed",
}
_COLOURS = {"completed": theme.GOOD, "compensated": theme.WARN, "failed": theme.BAD}
_TURNED = {
    "why": Column("Why", meaning="The reason its saga ended with, up to the first colon."),
    "state": Column("Ended"),
    "sagas": Column("Orders", "count"),
    "cents": Column("Money", "money"),
}


def show() -> None:
    """The page."""
    with st.container(width=theme.DIALOG_PX):
        order = address.text("order", "Order", placeholder="order_id", help="Show the saga of one order.")
    frame.live(lambda view: draw(view, order))


def draw(view: ViewState, order: str) -> None:
    """Everything that refreshes by itself."""
    try:
        flow = query_cache.fetch(queries.FLOW, view)
    except QueryError as error:
        if error.rule == "table":
            return states.no_table("fulfilment_windows")
        raise
    newest = tiles.trust_in(view, "fulfilment").newest
    if newest is None:
        return no_sagas(view)
    states.freshness(newest, datetime.now(UTC), view)
    if order:
        return saga.draw(view, order)
    standing = query_cache.fetch(queries.STANDING, view, shared_s=queries.SOON_S)
    stuck = query_cache.fetch(queries.STUCK, view, shared_s=queries.SLOW_S / 2)
    residues = query_cache.fetch(queries.RESIDUES, view, shared_s=queries.SLOW_S)
    # The current state is shown whatever the range.
    if not any(row["sagas"] for row in flow.rows) and not (standing.rows or stuck.rows or residues.rows):
        return states.none_in_range(view, flow.period, newest)
    with tiles.row("now"):
        now(standing, stuck, view)
        left_over(residues, view)
    with tiles.row("ended"):
        ended(flow, view)
    funnel(flow, view)
    current_state.states_now(standing, view)
    current_state.stuck_now(stuck, view)
    turned(view)
    ledger.of_range(view)
    ledger.residues(residues, view)
    return None


def no_sagas(view: ViewState) -> None:
    """Empty state: no event ever, or no saga."""
    if tiles.trust_in(view).newest is None:
        return states.no_events()
    st.info(
        "**No saga yet.** There are events, but none of `fulfilment`: start `streamgauge process fulfilment` and the "
        "services that answer it, `streamgauge services`.",
        icon=":material/local_shipping:",
    )
    return None


def entered(flow: Result, state: str) -> int:
    """How many sagas entered a state in the range."""
    return next((int(row["sagas"]) for row in flow.rows if row["state"] == state), 0)


def delivered_change(flow: Result) -> Remark:
    """How the number of completed sagas compares with the earlier span."""
    if not flow.rows:
        return tiles.changed(0, 0, flow.period)
    none = {"sagas_complete": 0, "sagas_earlier": 0, "reaches_back": flow.row["reaches_back"]}
    row = next((row for row in flow.rows if row["state"] == "completed"), none)
    return tiles.compared(row, "sagas", flow.period)


def now(standing: Result, stuck: Result, view: ViewState) -> None:
    """Sagas in progress and stuck, now."""
    tiles.tile(
        figures.IN_PROGRESS,
        sum(row["sagas"] for row in standing.rows),
        standing,
        view,
        remark=f"{format.money(sum(row['cents'] for row in standing.rows))} waiting",
    )
    count = stuck.row.get("stuck", 0)
    tiles.tile(
        figures.STUCK,
        count,
        stuck,
        view,
        remark=Remark(f"{format.money(stuck.row.get('stuck_cents', 0))} held up", "red" if count else "off"),
    )


def ended(flow: Result, view: ViewState) -> None:
    """How sagas ended in the range."""
    done = entered(flow, "completed")
    tiles.tile(figures.DELIVERED, done, flow, view, remark=delivered_change(flow))
    compensated, failed = entered(flow, "compensated"), entered(flow, "failed")
    whole = done + compensated + failed
    tiles.tile(
        figures.COMPENSATED,
        format.share(compensated, whole),
        flow,
        view,
        remark=f"{format.count(compensated)} of {format.count(whole)} ended",
    )
    tiles.tile(
        figures.FAILED,
        failed,
        flow,
        view,
        remark=Remark(f"{format.share(failed, whole)} of ended", "red" if failed else "off"),
    )


def left_over(residues: Result, view: ViewState) -> None:
    """Residues of ended sagas, now."""
    orders = residues.row.get("residues", 0)
    units = format.count(residues.row.get("left_units", 0))
    tiles.tile(
        figures.RESIDUE,
        residues.row.get("left_cents", 0),
        residues,
        view,
        remark=Remark(f"{format.count(orders)} orders, {units} units", "red" if orders else "off"),
    )


def funnel(flow: Result, view: ViewState) -> None:
    """How far sagas came in the range."""
    started = entered(flow, "reserving_stock")
    parts = []
    for state, name in FUNNEL.items():
        sagas = entered(flow, state)
        if not sagas and state == "failed":
            continue
        text = f"{format.count(sagas)} · {format.share(sagas, started)}"
        parts.append(Bar(name, sagas, text, _COLOURS.get(state, theme.STREAM_COLOURS["fulfilment"])))
    retries = sum(row["retries"] for row in flow.rows)
    with cards.card(figures.FUNNEL):
        charts.draw(charts.bars(parts), "funnel", "Sagas that entered each state in the range")
        st.caption(
            f"Sagas that entered each state in {flow.period.label}, each once, and their share of those started, "
            f"some of them before the range. {format.count(retries)} further attempts. {tiles.sql(flow)}"
        )


def turned(view: ViewState) -> None:
    """Table of the reasons for orders that were not delivered."""
    result = query_cache.fetch(queries.TURNED, view, shared_s=queries.SOON_S)
    with cards.card(figures.REASONS):
        if result.rows:
            tables.show(result.rows, _TURNED, view, key="turned")
        nothing = "" if result.rows else f"None in {result.period.label}. "
        st.caption(f"{nothing}From raw events, as far back as they are kept. {tiles.sql(result)}")
