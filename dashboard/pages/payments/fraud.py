"""Fraud: flags by rule, verdicts, and the newest alerts. Rules, ids and evidence are text of events."""

from __future__ import annotations

from collections import Counter
from datetime import datetime

import streamlit as st

from dashboard import theme
from dashboard.components import cards, charts, tables, tiles
from dashboard.components.charts import Series
from dashboard.components.tables import Column
from dashboard.data import query_cache
from dashboard.data.query_cache import Result
from dashboard.data.view_state import ViewState
from dashboard.pages.payments import figures, queries
from streamgauge.domain import format
from streamgauge.domain.fraud import BY_NAME
from streamgauge.warehouse.client import QueryError

_COLOURS = (
    theme.BLUE,
    theme.ORANGE,
    theme.GREEN,
    theme.VERMILION,
    theme.PINK,
    theme.SKY,
    "#7A6FD0",
    "#B8A63A",
    "#9C5B8E",
    "#6B7F3B",
)
# Each rule with its colour everywhere.
RULES = dict(zip(BY_NAME, _COLOURS, strict=True))
_COLUMNS = {
    "occurred_at": Column("Time", "time"),
    "what": Column("What", meaning="A rule that fired, or the verdict: the payment was declined."),
    "rule": Column("Rule", meaning="For a verdict, the strongest rule that fired."),
    "score": Column("Score", "share", meaning="Suspicion of the rule, or of all rules together."),
    "amount_cents": Column("Amount", "money"),
    "payment_method": Column("Method"),
    "order_id": Column("Order", "link", "events", "order", meaning="Its story across all streams."),
    "customer_id": Column("Customer", "link", "events", "customer", meaning="The story of the customer."),
    "detail": Column("Evidence", width="large"),
}


def judged(view: ViewState) -> bool:
    """Whether fraud judged anything in the range."""
    result = _rules(view, "")
    return result is not None and bool(result.rows)


def _rules(view: ViewState, method: str) -> Result | None:
    """None if the catalog has no fraud."""
    try:
        return query_cache.fetch(queries.RULES, view, method=method)
    except QueryError as error:
        if error.rule == "table":
            return None
        raise


def draw(view: ViewState, method: str, rule: str) -> None:
    """Draw all of it; nothing if the catalog has no fraud."""
    result = _rules(view, method)
    if result is None:
        return
    with tiles.row("fraud"):
        headline(result, view, rule)
    over_time(result, view, rule)
    alerts(view, method, rule)


def headline(result: Result, view: ViewState, rule: str) -> None:
    """Tiles of flags and of declined payments."""
    chosen = [row for row in result.rows if not rule or row["rule"] == rule]

    def total(name: str) -> int:
        return sum(row[name] or 0 for row in chosen)

    tiles.tile(figures.FLAGS, total("flagged"), result, view, remark="rules that fired")
    tiles.tile(figures.FLAGGED_MONEY, total("flagged_cents"), result, view, remark="once for each flag")
    judged = sum(row["declined"] + row["cleared"] for row in result.rows)
    tiles.tile(
        figures.DECLINED_BY_FRAUD,
        format.share(total("declined"), judged),
        result,
        view,
        remark=f"{format.count(total('declined'))} of {format.count(judged)} judged",
    )
    tiles.tile(
        figures.MONEY_DECLINED,
        total("declined_cents"),
        result,
        view,
        remark=f"{format.count(total('declined'))} payments",
    )


def over_time(result: Result, view: ViewState, rule: str) -> None:
    """Chart of flags by rule: the most frequent ones, always in the same order."""
    flags: Counter[str] = Counter()
    for row in result.rows:
        if row["flagged"] and (not rule or row["rule"] == rule):
            flags[row["rule"]] += row["flagged"]
    series = [Series(name, _values(result, name), RULES.get(name) or theme.stream_colour(name)) for name in _top(flags)]
    with cards.card(figures.FLAGS_BY_RULE):
        if not series:
            st.caption(f"No rule fired in {result.period.label}. {tiles.sql(result)}")
            return
        first = min(row["bucket"] for row in result.rows)
        chart = charts.timeline(result.period, series, unit="flags", clock=view.clock, first=first)
        charts.show(chart, "fraud", "Fraud flags by rule over time")
        st.caption(f"{charts.reading(result.period)} {tiles.sql(result)}")


def _top(flags: Counter[str]) -> list[str]:
    known = list(RULES)
    most = sorted(flags, key=lambda name: (-flags[name], name))[: len(known)]
    return sorted(most, key=lambda name: (known.index(name) if name in known else len(known), name))


def _values(result: Result, rule: str) -> dict[datetime, float]:
    return {row["bucket"]: row["flagged"] for row in result.rows if row["rule"] == rule}


def alerts(view: ViewState, method: str, rule: str) -> None:
    """Table of the newest alerts."""
    result = query_cache.fetch(queries.ALERTS, view, method=method, rule=rule)
    rows = [{**row, "what": "declined" if row["declined"] else "flagged"} for row in result.rows]
    with cards.card(figures.ALERTS):
        if rows:
            tables.show(rows, _COLUMNS, view, key="alerts")
        st.caption(
            f"{'The newest 100 at most' if rows else 'No alerts'} in {result.period.label}. An order links to its "
            f"story, a customer to theirs. {tiles.sql(result)}"
        )
