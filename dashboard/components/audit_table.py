"""Table of the newest operator actions, for the end of a page that acts."""

from __future__ import annotations

import streamlit as st

from dashboard.components import audit_queries, states, tables, tiles
from dashboard.components.tables import Column
from dashboard.data import query_cache
from dashboard.data.view_state import ViewState
from streamgauge.warehouse.client import QueryError


def show(view: ViewState) -> None:
    """Draw the newest actions, whatever the range, in a collapsed section."""
    with st.expander("Audit: who did what", icon=":material/history:"):
        try:
            newest = query_cache.fetch(audit_queries.NEWEST, view)
        except QueryError as error:
            if error.rule != "table":
                raise
            states.no_table("audit_events")
            return
        if not newest.rows:
            st.caption("No action was taken through the pages yet.")
            return
        tables.show(newest.rows, _COLUMNS, view, key="audit")
        st.caption(f"The newest 50. The topic keeps all of them. · {tiles.sql(newest)}")


_COLUMNS = {
    "acted_at": Column("when", "time"),
    "actor": Column("who", meaning="The signed-in reader, or the user of this machine."),
    "action": Column("action"),
    "target": Column("target", width="medium"),
    "outcome": Column("outcome", meaning="`requested` and nothing after it: it was started, and its end is unknown."),
    "came_of_it": Column("result", width="medium"),
    "announced": Column("announced", width="large"),
}
