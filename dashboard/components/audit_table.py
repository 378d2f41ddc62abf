"""Table of the newest operator actions, for the end of a page that acts."""

from __future__ import annotations

import streamlit as st

from dashboard.components import audit_queries, states, tables, tiles
from dashboard.components.tables import Column
from dashboard.data import query_cache
from dashboard.data.view_state import ViewState
from streamgauge.warehouse.client import QueryError


def show(view: ViewState) -> None:
    """The newest actions, whatever the range, folded away. For the end of a page that acts."""
    with st.expander("Audit: who did what", icon=":material/history:"):
        try:
            newest = query_cache.fetch(audit_queries.NEWEST, view)
        except QueryError as error:
            if error.rule != "table":
                raise
            states.no_table("audit_events")
            return
        if not newest.rows:
            st.caption("Nobody has acted through the pages yet.")
            return
        tables.show(newest.rows, _COLUMNS, view, key="audit")
        st.caption(f"The newest 50. The topic keeps all of them for good. · {tiles.sql(newest)}")


_COLUMNS = {
    "acted_at": Column("when", "time"),
    "actor": Column("who", meaning="The signed-in reader, or the user of this machine."),
    "action": Column("action"),
    "target": Column("to what", width="medium"),
    "outcome": Column(
        "outcome", meaning="`requested` and nothing after it: it was begun, and nobody knows how it ended."
    ),
    "came_of_it": Column("what came of it", width="medium"),
    "announced": Column("what was announced", width="large"),
}
