"""What a page's filters offer: what there is in the range, from window tables. They stand outside what refreshes."""

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

# What there is to choose from changes seldom, and is only asked for when the whole page is drawn.
SHARED_S = 20.0
_ICON = ":material/filter_alt_off:"


def options(query: Query, view: ViewState) -> list[dict[str, Any]]:
    """The rows to choose from; none where they cannot be had: the page itself says why."""
    try:
        return query_cache.fetch(query, view, shared_s=SHARED_S).rows
    except (QueryError, WarehouseUnavailable):
        return []


def choose(
    name: str, label: str, values: Iterable[str | None], *, all_of: str, names: Mapping[str, str] | None = None
) -> str:
    """One of the values, or "" for all of them; in the address under `name`. `names` are what to show for values.

    What a link asks for stays chosen where the range has none of it: the page then says that there is nothing.
    """
    held = str(st.session_state.get(address.key(name), ""))
    options = sorted({value for value in (*values, held) if value})
    return address.select(name, label, ["", *options], shown=lambda value: (names or {}).get(value, value) or all_of)


def choice(name: str, label: str, choices: Mapping[str, str]) -> str:
    """One of the choices (key → what it is called), the first unless said otherwise; in the address under `name`."""
    return address.select(name, label, list(choices), shown=choices.__getitem__)


def no_match(what: str, period: Period) -> None:
    """There are figures in the range, but none of what was chosen."""
    last = "the last " if period.label != "the range" else ""
    st.info(f"**No {what} of this choice in {last}{period.label}.** Choose otherwise, or a longer range.", icon=_ICON)
