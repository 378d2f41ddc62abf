"""Tiles: figures with their meaning, freshness and completeness, each with a link to its SQL."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal

import streamlit as st

from dashboard.data import query_cache, trust, trust_queries
from dashboard.data.figure import Figure
from dashboard.data.periods import Period
from dashboard.data.query_cache import Result
from dashboard.data.trust import Trust
from dashboard.data.view_state import ViewState
from dashboard.session import address, incident
from streamgauge.domain import format


@dataclass(frozen=True)
class Remark:
    """Line below a figure. A change has an `arrow`, and `versus` names what it is compared with."""

    text: str = ""
    colour: Literal["normal", "inverse", "off", "red"] = "off"
    arrow: bool = False
    versus: str | None = None


NOTHING = Remark()
# How a number is shown, by the unit of its figure.
FORMATS: Mapping[str, Callable[[Any], str]] = {
    "count": format.count,
    "€": format.money,
    "/s": format.rate,
    "/min": format.rate,
    "s": format.duration,
}


@contextlib.contextmanager
def row(name: str) -> Iterator[None]:
    """Container for tiles, side by side where there is room; `name` is unique on the page."""
    with st.container(key=f"tiles-{name}"):
        yield


def trust_in(view: ViewState, *streams: str) -> Trust:
    """Freshness and completeness of figures made of these streams (none: of all streams)."""
    result = query_cache.fetch(trust_queries.STREAMS, view, group=query_cache.settings().analytics_group)
    return trust.of(result.rows, streams, result.period)


def sql(result: Result) -> str:
    """Markdown link that opens the query of a result on the SQL page, with its filters.

    It holds the name of the query, not the statement, which is long and whose times change at each refresh.
    """
    query = result.query
    return f"[SQL]({address.to('sql', question=query.name, given=query.chosen(result.filters) or None)})"


def tile(
    figure: Figure,
    value: float | str | None,
    result: Result,
    view: ViewState,
    *,
    remark: Remark | str = NOTHING,
    line: str = "",
) -> None:
    """One figure. `value` is formatted by its unit: None is unknown, text is shown as it is, money is in cents.

    `line` replaces the line about completeness: as of when the value holds.
    """
    below = Remark(remark) if isinstance(remark, str) else remark
    shown = formatted(figure, value)
    # Never fresher than its own result, which may be older than the result about its streams.
    trusted = None if line else trust_in(view, *result.query.streams).known_at(result.period.now)
    line = line if trusted is None else trusted.line(datetime.now(UTC), view.clock)
    with st.container(border=True, gap="xsmall", height="stretch"):
        st.metric(
            figure.label,
            shown,
            below.text or None,
            delta_color=below.colour,
            delta_arrow="auto" if below.arrow else "off",
            delta_description=below.versus,
            help=figure.meaning if trusted is None else f"{figure.meaning}\n\n{trusted.detail()}",
        )
        st.caption(f"{line} · {sql(result)}")
    text = " ".join(filter(None, (below.text, below.versus)))
    incident.record(incident.FigureSnapshot(figure.label, shown, text, line, result.sql))


def formatted(figure: Figure, value: float | str | None) -> str:
    """The value as its tile shows it."""
    if value is None:
        return format.UNKNOWN
    return value if isinstance(value, str) else FORMATS[figure.unit](value)


def compared(row: Mapping[str, Any], measure: str, period: Period) -> Remark:
    """How a measure of a row compares with the earlier span; the row is one of `comparison.compared`."""
    before = row[f"{measure}_earlier"] if row["reaches_back"] else None
    return changed(row[f"{measure}_complete"], before, period)


def changed(now: int, before: int | None, period: Period) -> Remark:
    """How a value compares with the earlier span; `before` is None where there is no earlier data."""
    if period.compare == "none":
        return NOTHING
    change = format.change(now, before)
    if change is None:
        return Remark("no earlier data")
    text = format.percent_change(change)
    if text == format.percent_change(0):
        return Remark("unchanged", versus=period.compared)
    return Remark(text, "normal", arrow=True, versus=period.compared)
