"""Sagas in progress: the state they are in, what they wait for, and the consumer group responsible."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import streamlit as st

from dashboard.components import cards, tables, tiles
from dashboard.components.tables import Column
from dashboard.data import query_cache
from dashboard.data.query_cache import Result
from dashboard.data.view_state import ViewState
from dashboard.pages.fulfilment import figures, queries
from streamgauge.domain import format, saga_waits
from streamgauge.domain.saga_waits import WAITS
from streamgauge.warehouse.client import QueryError

_ASKED = f"How far the group `{saga_waits.SERVICES}` is behind on the requests."
_ANSWERED = f"How far the group `{saga_waits.SAGA}` is behind on the answers."
_STATES = {
    "state": Column("State"),
    "sagas": Column("Orders", "count"),
    "cents": Column("Money waiting", "money"),
    "past_deadline": Column("Past deadline", "count", meaning="Ten seconds past the deadline of their attempt."),
    "p50_seconds": Column("Usual", "seconds", meaning="Half of the sagas that left it in the last hour were faster."),
    "p95_seconds": Column("Slow", "seconds", meaning="95 of 100 sagas that left it in the last hour were faster."),
    "asked": Column("Request read", meaning=_ASKED),
    "answered": Column("Answer read", meaning=_ANSWERED),
    "waits": Column("Waits for", width="medium"),
    "oldest": Column("Oldest started", "time"),
}
_NOBODY = {"sagas": 0, "cents": 0, "past_deadline": 0}
_STUCK = {
    "order_id": Column("Order", "link", "fulfilment", "order", meaning="Its saga, step by step."),
    "state": Column("State"),
    "age_seconds": Column("In state for", "seconds"),
    "group": Column("Responsible", "link", "pipeline", "group", meaning="The consumer group that has to move first."),
    "lag": Column("Its lag", meaning="Of that group, on the topic that it has to read."),
    "waits": Column("Expected next", width="medium"),
    "amount_cents": Column("Money", "money"),
    "why": Column("Why", width="large", meaning="The first of the chain that is behind, or else the one that answers."),
    "attempt": Column("Attempt", "count"),
    "p95_seconds": Column("95 of 100", "seconds", meaning="95 of 100 others were in this state for at most this long."),
}


def lags(view: ViewState) -> Result | None:
    """Lag of the groups that sagas wait for; None if it is not sampled."""
    groups = tuple(sorted({saga_waits.SAGA, *(wait.service for wait in WAITS.values())}))
    try:
        return query_cache.fetch(queries.LAGS, view, groups=groups)
    except QueryError as error:
        if error.rule == "table":
            return None
        raise


def states_now(standing: Result, view: ViewState) -> None:
    """Table of states: orders in it, usual durations, what it waits for, and the lag of the groups that move it on."""
    times = query_cache.fetch(queries.TIMES, view, shared_s=queries.SLOW_S)
    known, now = lags(view), {row["state"]: row for row in standing.rows}
    usual = {row["state"]: row for row in times.rows}
    # Unknown states are shown too.
    names = [*WAITS, *sorted(now.keys() - WAITS.keys())]
    rows = [
        {"state": name, **_NOBODY, **usual.get(name, {}), **_chain(name, known), **now.get(name, {})} for name in names
    ]
    with cards.card(figures.STATES):
        tables.show(rows, _STATES, view, key="standing")
        links = " · ".join(tiles.sql(result) for result in (standing, times, known) if result)
        st.caption(f"Whatever the range. Durations are those of the sagas that left a state in the last hour. {links}")


def _chain(state: str, known: Result | None) -> Mapping[str, Any]:
    wait = WAITS.get(state)
    if wait is None:
        return {}
    rows = known.rows if known else []
    return {
        "waits": wait.expected,
        "asked": saga_waits.service_lag(wait, rows).text,
        "answered": saga_waits.saga_lag(wait, rows).text,
    }


def stuck_now(stuck: Result, view: ViewState) -> None:
    """Table of sagas that should have moved on, with the event expected next and the group responsible."""
    known = lags(view)
    rows = [{**row, **_responsible(row["state"], known)} for row in stuck.rows]
    with cards.card(figures.STUCK_ORDERS):
        if not rows:
            st.caption(f"None: every order moves on in time. {tiles.sql(stuck)}")
            return
        tables.show(rows, _STUCK, view, key="stuck")
        shown = f"The {len(rows)} longest of {format.count(stuck.row['stuck'])}. "
        st.caption(
            f"{shown if stuck.row['stuck'] > len(rows) else ''}The group responsible is the first of the chain that is "
            f"behind: the service that was asked, then the saga's processor, which reads the answer. {tiles.sql(stuck)}"
        )


def _responsible(state: str, known: Result | None) -> Mapping[str, Any]:
    wait = WAITS.get(state)
    if wait is None:
        return {}
    rows = known.rows if known else []
    responsible = saga_waits.responsible(wait, saga_waits.service_lag(wait, rows), saga_waits.saga_lag(wait, rows))
    return {"waits": wait.expected, "group": responsible.group, "lag": responsible.lag.text, "why": responsible.why}
