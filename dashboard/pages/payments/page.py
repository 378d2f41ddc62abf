"""Payments and fraud: requests, outcomes by method, fraud flags and alerts."""

from __future__ import annotations

from datetime import UTC, datetime

import streamlit as st

from dashboard import theme
from dashboard.components import cards, charts, frame, states, tables, tiles
from dashboard.components.charts import Series
from dashboard.components.tables import Column
from dashboard.components.tiles import Remark
from dashboard.data import query_cache
from dashboard.data.query_cache import Result
from dashboard.data.view_state import ViewState
from dashboard.pages.payments import figures, fraud, queries
from dashboard.session import address
from streamgauge.catalog.commerce.values import PAYMENT_METHODS
from streamgauge.domain import format, limits
from streamgauge.warehouse.client import QueryError

# As the alert PaymentDeclineRate: above this orders are being lost.
OUTCOMES = {"authorised": theme.GOOD, "declined": theme.BAD, "refunded": theme.WARN}
_COLUMNS = {
    "method": Column("Method"),
    "requested": Column("Requested", "count"),
    "authorised": Column("Authorised", "count"),
    "declined": Column("Declined", "count"),
    "share": Column("Declined share", "share", meaning="Declined, of those that were authorised or declined."),
    "authorised_cents": Column("Authorised money", "money"),
    "refunded": Column("Refunded", "count"),
    "refunded_cents": Column("Refunded money", "money"),
}


def show() -> None:
    """The page."""
    with st.container(horizontal=True):
        method = address.select("method", "Method", ("", *PAYMENT_METHODS), shown=lambda one: one or "All methods")
        rule = address.select("rule", "Fraud rule", ("", *fraud.RULES), shown=lambda one: one or "All rules")
    frame.live(lambda view: draw(view, method, rule))


def draw(view: ViewState, method: str, rule: str) -> None:
    """Everything that refreshes by itself."""
    try:
        paid = query_cache.fetch(queries.METHODS, view, method=method)
    except QueryError as error:
        if error.rule == "table":
            return states.no_table("payment_windows")
        raise
    known = tiles.trust_in(view, "payments")
    if known.newest is None:
        return states.no_events()
    states.freshness(known.newest, datetime.now(UTC), view)
    if not any(row[name] for row in paid.rows for name in ("requested", *OUTCOMES)):
        # A verdict counts when it was given: fraud may lag behind the payments.
        if not method and not fraud.judged(view):
            return states.none_in_range(view, paid.period, known.newest)
        by, other = (f" by {method}", "method or range") if method else ("", "range")
        st.info(f"**No payments{by} in {paid.period.label}.** Choose another {other}.")
    with tiles.row("payments"):
        headline(paid, view)
    outcomes(view, method)
    methods(paid, view)
    fraud.draw(view, method, rule)
    return None


def headline(paid: Result, view: ViewState) -> None:
    """Tiles of requests and outcomes."""

    def total(name: str) -> int:
        return sum(row[name] or 0 for row in paid.rows)

    def before(name: str) -> int | None:
        return total(f"{name}_earlier") if all(row["reaches_back"] for row in paid.rows) else None

    tiles.tile(
        figures.REQUESTED,
        total("requested"),
        paid,
        view,
        remark=tiles.changed(total("requested_complete"), before("requested"), paid.period),
    )
    tiles.tile(
        figures.AUTHORISED,
        total("authorised_cents"),
        paid,
        view,
        remark=tiles.changed(total("authorised_cents_complete"), before("authorised_cents"), paid.period),
    )
    answered = total("authorised") + total("declined")
    tiles.tile(
        figures.DECLINED,
        format.share(total("declined"), answered),
        paid,
        view,
        remark=Remark(
            f"{format.count(total('declined'))} of {format.count(answered)} answered",
            "red" if total("declined") > limits.MANY_DECLINED * answered else "off",
        ),
    )
    tiles.tile(
        figures.REFUNDED,
        total("refunded_cents"),
        paid,
        view,
        remark=f"{format.count(total('refunded'))} refunds and voids",
    )


def outcomes(view: ViewState, method: str) -> None:
    """Chart of outcomes over time."""
    result = query_cache.fetch(queries.OUTCOMES, view, method=method)
    series = [
        Series(name, {row["bucket"]: row[name] for row in result.rows}, colour) for name, colour in OUTCOMES.items()
    ]
    with cards.card(figures.OUTCOMES):
        first = min((row["bucket"] for row in result.rows), default=None)
        chart = charts.timeline(result.period, series, unit="payments", clock=view.clock, first=first)
        charts.show(chart, "outcomes", "Payments authorised, declined and refunded over time")
        st.caption(f"{charts.reading(result.period)} {tiles.sql(result)}")


def methods(paid: Result, view: ViewState) -> None:
    """Table by payment method."""
    rows = [{**row, "share": _share(row["declined"], row["authorised"] + row["declined"])} for row in paid.rows]
    with cards.card(figures.BY_METHOD):
        tables.show(rows, _COLUMNS, view, key="methods")
        st.caption(f"All of the range, running window included. {tiles.sql(paid)}")


def _share(part: int, whole: int) -> float | None:
    return part / whole if whole else None
