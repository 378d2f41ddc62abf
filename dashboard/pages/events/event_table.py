"""Table of events: one row each, coloured by stream. Selecting a row opens the event.

The rows are held while an event is open and while the pointer is over the table, so that no row moves away under it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import streamlit as st

from dashboard import theme
from dashboard.data.periods import DAY_S, Period
from dashboard.data.view_state import ViewState
from dashboard.pages.events import search
from dashboard.pages.events.search import EventPosition
from dashboard.session import address
from streamgauge.catalog.loader import Catalog

Rows = Sequence[Mapping[str, Any]]
_SHOWN, _HELD, _GENERATION = "events:shown", "events:held", "events:turn"
SEARCH = "events"
HEIGHT_PX = 440
ROW_PX = 35


def show(rows: Rows, view: ViewState, period: Period, catalog: Catalog) -> None:
    """The rows of a search."""
    config = st.column_config
    columns = {
        "time": time("Reached Kafka", view, dated=period.seconds > DAY_S),
        "stream": streams({row["stream"] for row in rows}),
        "event": config.TextColumn("Event", width=170),
        "key": config.TextColumn("Key", width=190),
        "what": config.TextColumn("Fields", width=900),
    }
    shown = [
        {
            "time": row["arrived_at"],
            "stream": [row["stream"]],
            "event": row["event_type"],
            "key": row["key"],
            "what": search.what(catalog.streams[row["stream"]], search.fields(row)),
        }
        for row in rows
    ]
    selectable(rows, shown, columns, SEARCH)


def time(label: str, view: ViewState, *, dated: bool) -> Any:
    """A column of times, to the millisecond."""
    shown = "MM-DD HH:mm:ss.SSS" if dated else "HH:mm:ss.SSS"
    return st.column_config.DatetimeColumn(label, format=shown, timezone=str(view.clock), width=150 if dated else 110)


def streams(names: Iterable[str]) -> Any:
    """A column of streams, each in its colour."""
    known = sorted(names, key=theme.stream_order)
    return st.column_config.MultiselectColumn(
        "Stream", options=known, color=[theme.stream_colour(name) for name in known], width=110
    )


def selectable(
    rows: Rows, shown: Sequence[Mapping[str, Any]], columns: Mapping[str, Any], name: str, most_px: int = HEIGHT_PX
) -> None:
    """Draw the table; selecting a row writes its position to the address."""
    st.session_state[_SHOWN] = rows
    key = f"{name}:{st.session_state.get(_GENERATION, 0)}"

    def chosen() -> None:
        numbers = st.session_state[key].selection.rows
        there = st.session_state.get(_SHOWN, ())
        if not numbers or numbers[0] >= len(there):
            return close()
        st.session_state[_HELD] = name, there
        return address.write({"open": str(EventPosition.of(there[numbers[0]]))})

    st.dataframe(
        shown,
        hide_index=True,
        column_config=dict(columns),
        column_order=list(columns),
        height=min(most_px, ROW_PX * (len(shown) + 1) + 3),
        row_height=ROW_PX,
        on_select=chosen,
        selection_mode="single-row",
        key=key,
    )


def held(name: str) -> Rows | None:
    """The held rows of a table; None if it is live."""
    whose, rows = st.session_state.get(_HELD, ("", None))
    return rows if whose == name else None


def hold_while_hovered(over: bool) -> None:
    """Hold the rows while the pointer is over them, and as long as an event is open."""
    if over:
        st.session_state[_HELD] = SEARCH, st.session_state.get(_SHOWN, ())
    elif "open" not in st.query_params:
        st.session_state.pop(_HELD, None)


def close() -> None:
    """Close the event, and release the list."""
    release()
    address.write({"open": None})


def release() -> None:
    """Release the held rows, with no row selected."""
    st.session_state.pop(_HELD, None)
    # A table with another key has no selected row.
    st.session_state[_GENERATION] = st.session_state.get(_GENERATION, 0) + 1
