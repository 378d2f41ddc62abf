"""Filters of a page: they offer the values that occur in the range, and are drawn outside the part that refreshes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import streamlit as st

from dashboard.data import query_cache
from dashboard.data.periods import Period
from dashboard.data.query import Query
from dashboard.data.view_state import ViewState
from dashboard.session import address
from streamgauge.warehouse.client import QueryError, WarehouseUnavailable

# The options change seldom, and are only fetched when the whole page is drawn.
SHARED_S = 20.0
_ICON = ":material/filter_alt_off:"


def options(query: Query, view: ViewState) -> list[dict[str, Any]]:
    """Rows with the options; empty if the warehouse cannot be queried, which the page itself reports."""
    try:
        return query_cache.fetch(query, view, shared_s=SHARED_S).rows
    except (QueryError, WarehouseUnavailable):
        return []


def choose(
    name: str, label: str, values: Iterable[str | None], *, all_of: str, names: Mapping[str, str] | None = None
) -> str:
    """Select box for one of the values, or "" for all; in the address under `name`. `names` are labels of values.

    A value from a link stays selected even if the range does not have it: the page then reports that nothing matches.
    """
    held = str(st.session_state.get(address.key(name), ""))
    options = sorted({value for value in (*values, held) if value})
    return address.select(name, label, ["", *options], shown=lambda value: (names or {}).get(value, value) or all_of)


def choice(name: str, label: str, choices: Mapping[str, str]) -> str:
    """Select box for one of the choices (key → label), by default the first; in the address under `name`."""
    return address.select(name, label, list(choices), shown=choices.__getitem__)


def no_match(what: str, period: Period) -> None:
    """Empty state: the range has figures, but none that match the filters."""
    last = "the last " if period.label != "the range" else ""
    st.info(
        f"**No {what} match these filters in {last}{period.label}.** Change the filters, or choose a longer range.",
        icon=_ICON,
    )
