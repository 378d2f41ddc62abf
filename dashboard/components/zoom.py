"""Zoom: dragging over a chart over time shows that range."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import streamlit as st

from dashboard.data.view_state import CUSTOM, stamp
from dashboard.session import address

# Name in the `meta` of a chart that can be zoomed: the UTC offset of its times, in seconds.
OFFSET = "offset_s"


def show(since: datetime, until: datetime) -> None:
    """Make this the range of the page. Call in a callback: before any widget is drawn."""
    held = {"range": CUSTOM, "from": stamp(since), "to": stamp(until), "bar": ""}
    for name, value in held.items():
        st.session_state[address.key(name)] = value


def dragged(value: Any) -> None:
    """Show the range that the browser sent after a drag, on the whole page; nothing if it is invalid."""
    if (span := read(value)) is not None:
        show(*span)
        # A chart is in a part of the page that runs by itself; the range and the address are outside of it.
        st.rerun()


def read(value: Any) -> tuple[datetime, datetime] | None:
    """Parse what the browser sent: two times as the chart shows them, the earlier first, and their UTC offset in
    seconds. None if it is invalid."""
    try:
        clock = timedelta(seconds=float(value[OFFSET]))
        since, until = (datetime.fromisoformat(time).replace(tzinfo=UTC) - clock for time in value["range"])
    except (TypeError, ValueError, KeyError, OverflowError):
        return None
    return (since, until) if since < until else None
