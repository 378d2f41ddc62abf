"""Saga of one order: its state, its steps, what moved, and the events of all services. All of it is event text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import streamlit as st

from dashboard import theme
from dashboard.components import cards, charts, tables, tiles
from dashboard.components.charts import Bar
from dashboard.components.tables import Column
from dashboard.data import query_cache
from dashboard.data.view_state import ViewState
from dashboard.pages.fulfilment import current_state, figures, ledger, queries, saga_queries
from dashboard.session import address
from streamgauge.domain import format, saga_waits
from streamgauge.domain.saga_waits import WAITS

_ENDS = {"completed": theme.GOOD, "compensated": theme.WARN, "failed": theme.BAD}
_STEPS = {
    "entered_at": Column("Entered", "time"),
    "change": Column("State", width="medium"),
    "seconds": Column("For", "seconds", meaning="Until it entered the next state; of the last one, until now."),
    "attempts": Column("Attempts", "count"),
    "deadline_at": Column("Deadline", "time", meaning="When the last attempt times out."),
    "reason": Column("Reason"),
}
_STORY = {
    "happened_at": Column("Time", "time"),
    "since": Column("After", "seconds", meaning="Since the first event of the order."),
    "stream": Column("Stream"),
    "event": Column("Event"),
    "service": Column("Service"),
    "detail": Column(
        "What changed", width="large", meaning="Fields of the event; of later ones of a key, what changed."
    ),
}


def draw(view: ViewState, order: str) -> None:
    """Everything about this order."""
    result = query_cache.fetch(saga_queries.SAGA, view, order=order, shared_s=queries.SOON_S)
    st.markdown(f"[All orders]({address.to('fulfilment')}) · [Every event]({address.to('events', order=order)})")
    if not result.rows:
        st.info("**No saga of this order.** It is unknown, or has no items, or its id is mistyped.")
        st.text(order)
        return
    now = result.row
    standing(now, view)
    began = now["started_at"]
    steps = query_cache.fetch(saga_queries.STEPS, view, order=order, began=began)
    with cards.card(figures.STEPS):
        rows = timed(steps.rows, now, datetime.now(UTC))
        charts.draw(charts.bars([_bar(row) for row in rows]), "steps", "How long the saga was in each state")
        tables.show(rows, _STEPS, view, key="steps")
        st.caption(tiles.sql(steps))
    moved(now, view)
    story(order, view)


def standing(now: Mapping[str, Any], view: ViewState) -> None:
    """Its state, and what it waits for."""
    wait = WAITS.get(now["state"])
    with st.container(border=True):
        st.text(f"{now['order_id']}: {now['state']}")
        began = format.clock(now["started_at"], datetime.now(UTC), view.clock)
        st.text(f"{format.money(now['amount_cents'])}, started {began}")
        if now["reason"]:
            st.text(now["reason"])
        if wait is not None:
            known = current_state.lags(view)
            rows = known.rows if known else []
            service, saga = saga_waits.service_lag(wait, rows), saga_waits.saga_lag(wait, rows)
            responsible = saga_waits.responsible(wait, service, saga)
            st.text(f"Waits for {wait.expected}, attempt {now['attempt'] or 1}.")
            st.text(f"{service.group} on {service.topic}: {service.text}. {saga.group} on {saga.topic}: {saga.text}.")
            st.text(f"Responsible: {responsible.group} {responsible.why}.")


def timed(steps: Sequence[Mapping[str, Any]], now: Mapping[str, Any], at: datetime) -> list[dict[str, Any]]:
    """The steps with their change of state and duration; an end state has none."""
    rows = []
    for row in steps:
        until = row["left_at"] or (row["entered_at"] if now["step"] == "ended" else at)
        seconds = max(0.0, (until - row["entered_at"]).total_seconds())
        before = row["previous_state"]
        change = f"{before} → {row['state']}" if before else str(row["state"])
        rows.append({**row, "seconds": seconds, "change": change, "over": row["left_at"] is not None})
    return rows


def _bar(row: Mapping[str, Any]) -> Bar:
    state, attempts = row["state"], row["attempts"]
    again = f" · {attempts} attempts" if attempts > 1 else ""
    if state in _ENDS:
        return Bar(state, 0, "the end", _ENDS[state])
    back = state in WAITS and WAITS[state].back
    colour = theme.WARN if back else theme.STREAM_COLOURS["fulfilment"]
    running = "" if row["over"] else " so far"
    return Bar(state, row["seconds"], f"{format.duration(row['seconds'])}{running}{again}", colour)


def moved(now: Mapping[str, Any], view: ViewState) -> None:
    """Its line of the compensation ledger."""
    result = ledger.moved(view, [now], queries.SOON_S)
    with cards.card(figures.MOVED):
        tables.show([ledger.balance(now, result.row)], ledger.MOVED, view, key="moved")
        so_far = "" if now["step"] == "ended" else "While the saga runs, what is left is in progress. "
        st.caption(f"{so_far}As the services reported it, each reply once. {tiles.sql(result)}")


def story(order: str, view: ViewState) -> None:
    """Every event of the order."""
    result = query_cache.fetch(saga_queries.STORY, view, order=order, shared_s=queries.SOON_S)
    first = min((row["happened_at"] for row in result.rows), default=None)
    rows = [{**row, "since": (row["happened_at"] - first).total_seconds()} for row in result.rows if first]
    with cards.card(figures.STORY):
        tables.show(rows, _STORY, view, key="story")
        st.caption(f"In causal order; the first 200 events. {tiles.sql(result)}")
