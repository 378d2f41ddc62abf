"""History of retries by run, and of the actions taken through the pages."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import streamlit as st

from dashboard.components import tables, tiles
from dashboard.components.tables import Column
from dashboard.data import query_cache
from dashboard.data.view_state import ViewState
from dashboard.pages.dead_letters import figures, queries
from streamgauge.warehouse.client import QueryError

_RUNS = {
    "began": Column("Began", "time"),
    "who": Column("Who", meaning="Who confirmed it in the dashboard, or ran the command line."),
    "fingerprint": Column("Cause", "link", page="dead-letters", param="fingerprint"),
    "stream": Column("Stream"),
    "letters": Column("Sent", "count", meaning="Dead letters that this run sent again, each once."),
    "settled": Column("Settled", "count", meaning="Of those, events that are not dead letters again."),
    "again": Column("Failed again", "count", meaning="Of those, events that became dead letters again."),
    "edited": Column("Edited", "count", meaning="Of those, events whose payload was edited."),
    "edit": Column("Edit", width="large"),
}
_ACTIONS = {
    "began": Column("When", "time"),
    "who": Column("Who"),
    "action": Column("Action"),
    "target": Column("Of", meaning="The cause, and one dead letter or all of them."),
    "outcome": Column("Outcome"),
    "detail": Column("Result", width="large"),
}


def draw(view: ViewState, filters: Mapping[str, Any]) -> None:
    """Draw both tables; the second only if the catalog has the audit stream."""
    st.subheader(figures.HISTORY.label, anchor=False, help=figures.HISTORY.meaning)
    runs = query_cache.fetch(queries.HISTORY, view, **filters)
    if not runs.rows:
        st.caption("Nothing has been sent again yet.")
    else:
        tables.show(runs.rows, _RUNS, view, key="letters-runs")
        st.caption(f"The newest 50 runs, of any time. {tiles.sql(runs)}")
    try:
        actions = query_cache.fetch(queries.ACTIONS, view, fingerprint=filters["fingerprint"])
    except QueryError as error:
        if error.rule == "table":
            return
        raise
    if actions.rows:
        with st.expander("Actions taken through the pages"):
            tables.show(actions.rows, _ACTIONS, view, key="letters-actions")
            st.caption(f"From the audit stream; the newest 50, of any time. {tiles.sql(actions)}")
