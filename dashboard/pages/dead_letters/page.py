"""Dead letters: events that could not be processed, by cause; one cause with its sample and retry."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import streamlit as st

from dashboard.components import filters, frame
from dashboard.data import query_cache
from dashboard.data.view_state import ViewState
from dashboard.pages.dead_letters import cause, causes, history, queries
from dashboard.pages.dead_letters.retry_request import is_fingerprint
from dashboard.session import address


def show() -> None:
    """The page."""
    view = frame.view()
    rows = filters.options(queries.CHOICES, view)
    with st.container(horizontal=True, vertical_alignment="bottom"):
        chosen = {
            "stream": filters.choose("stream", "Stream", [row["stream"] for row in rows], all_of="all streams"),
            "reason": filters.choose("reason", "Reason", [row["reason"] for row in rows], all_of="all reasons"),
            "fingerprint": address.text("fingerprint", "Cause", placeholder="fingerprint or prefix"),
        }
    if chosen["fingerprint"] and not is_fingerprint(chosen["fingerprint"]):
        st.warning("A fingerprint has 4 to 12 hexadecimal digits.", icon=":material/filter_alt:")
        return None
    if chosen["fingerprint"]:
        return cause.show(view, chosen)
    frame.live(lambda now: draw(now, chosen))
    return None


def draw(view: ViewState, chosen: Mapping[str, Any]) -> None:
    """All causes, and the history of retries."""
    by_cause = query_cache.fetch(queries.CAUSES, view, **chosen)
    causes.headline(by_cause, view, chosen)
    if not by_cause.rows:
        causes.no_match(by_cause, chosen)
    else:
        causes.timeline(view, chosen)
        causes.table(by_cause, view, chosen)
    history.draw(view, chosen)
