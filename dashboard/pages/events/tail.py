"""Live tail: the newest events that match. While one of them is open, the list is held."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import streamlit as st

from dashboard import theme
from dashboard.components import charts, hover, states, tiles
from dashboard.components.charts import Series
from dashboard.data import query_cache
from dashboard.data.query import Query
from dashboard.data.query_cache import Result
from dashboard.data.view_state import ViewState
from dashboard.pages.events import event_detail, event_table, queries, search
from dashboard.pages.events.search import ALL, Criteria, EventPosition
from dashboard.session import address
from streamgauge.catalog.loader import Catalog
from streamgauge.domain import format

# A search over hours of raw events does not run at every refresh.
LONG_S, LONG_SHARED_S = 6_000, 10.0
NO_COUNT = "Not counted: no window table counts events by key or field, and raw events are not read for a count."


def draw(view: ViewState, criteria: Criteria) -> None:
    """Everything that refreshes by itself."""
    catalog = query_cache.catalog()
    streams = criteria.streams(catalog)
    if holds := search.misfit(catalog, streams, criteria):
        st.warning(
            f"**`{criteria.field}` holds {holds}.** The value below is not one; use `contains` to search for a part."
        )
        st.text(criteria.value)
        return None
    query = queries.search(catalog, streams, criteria.by)
    if query is None:
        return states.no_table("raw events of this stream")
    counts_chart(view, criteria, streams, catalog)
    before = EventPosition.read(st.query_params.get("before", ""))
    position = EventPosition.read(st.query_params.get("open", ""))
    held_because = "an event is open" if position else "the pointer is over it" if hover.over() else ""
    held = event_table.held(event_table.SEARCH) if held_because else None
    result = newest(view, query, criteria, before)
    rows = held or result.rows[: queries.PAGE]
    if not rows and not position:
        return no_match(view, result, criteria, streams)
    if rows:
        more = len(result.rows) > queries.PAGE
        listing(view, rows, result, before, held_because if held else "")
        paging(rows, before, more=more)
    if position:
        event_detail.draw(view, position, rows)
    return None


def newest(view: ViewState, query: Query, criteria: Criteria, before: EventPosition | None) -> Result:
    """A page of events and one more, from the newest slice of the range that holds as many."""
    cursor: dict[str, Any] = {}
    if before:
        cursor = {
            "at": before.at,
            "at_stream": before.stream,
            "at_partition": before.partition,
            "at_offset": before.offset,
        }
    slice_s = queries.SLICE_S
    while True:
        result = query_cache.fetch(
            query,
            view,
            shared_s=LONG_SHARED_S if slice_s > LONG_S else query_cache.SHARED_S,
            type=criteria.type or None,
            key=criteria.key or None,
            value=criteria.value if criteria.by else None,
            slice_s=slice_s,
            **cursor,
        )
        if len(result.rows) == queries.MOST or slice_s >= result.period.seconds:
            return result
        slice_s *= 10 if result.rows else 100


def no_match(view: ViewState, result: Result, criteria: Criteria, streams: Sequence[str]) -> None:
    """Empty state: no event ever, none in the range, or none that matches."""
    latest = tiles.trust_in(view, *(streams if len(streams) == 1 else ())).newest
    if latest is None and not criteria.exact:
        return states.no_events()
    if criteria == Criteria(criteria.stream) and latest is not None and "before" not in st.query_params:
        return states.none_in_range(view, result.period, latest)
    st.info(
        f"**No event in {'the last ' if result.period.label != 'the range' else ''}{result.period.label} matches.** "
        "Choose a longer range, or remove a filter. Raw events are kept as long as retention allows.",
        icon=":material/search_off:",
    )
    return None


def listing(
    view: ViewState, rows: Sequence[Mapping[str, Any]], result: Result, before: EventPosition | None, held_because: str
) -> None:
    """The events as a table; `still` is why the list is held, empty if it is live."""
    span = format.duration((rows[0]["arrived_at"] - rows[-1]["arrived_at"]).total_seconds())
    if held_because:
        caption = f"The list is held while {held_because}"
    else:
        which = "older events" if before else "newest events"
        caption = f"{format.count(len(rows))} {which}, within {span}, by when they reached Kafka"
    st.caption(f"{caption} · {tiles.sql(result)}")
    with st.container(key=hover.LIST):
        event_table.show(rows, view, result.period, query_cache.catalog())
        hover.watch(event_table.hold_while_hovered)


def paging(rows: Sequence[Mapping[str, Any]], before: EventPosition | None, *, more: bool) -> None:
    """Buttons to older events, and back to the newest."""
    with st.container(horizontal=True, vertical_alignment="center"):
        if before:
            st.button("Newest", icon=":material/first_page:", on_click=go, args=(None,))
        if more:
            st.button("Older", icon=":material/chevron_right:", on_click=go, args=(str(EventPosition.of(rows[-1])),))
            st.caption("There are more.", width="content")
        else:
            st.caption("No older events in the range.", width="content")


def go(before: str | None) -> None:
    """Go to the events before a position, or to the newest."""
    event_table.release()
    address.write({"before": before, "open": None})


def restart() -> None:
    """Go back to the newest events, after a change of filters."""
    go(None)


def counts_chart(view: ViewState, criteria: Criteria, streams: Sequence[str], catalog: Catalog) -> None:
    """Chart of the number of events over time, if a window table counts them."""
    result, names = counts(view, criteria, streams, catalog)
    if result is None:
        st.caption(NO_COUNT if criteria.exact else "Not counted: no window table counts this type of event.")
        return
    rows = [row for row in result.rows if row["name"] in names]
    total = sum(row["events"] for row in rows)
    if total:
        series = [
            Series(name, {row["bucket"]: float(row["events"]) for row in rows if row["name"] == name}, colour)
            for name, colour in names.items()
            if any(row["name"] == name for row in rows)
        ]
        chart = charts.timeline(result.period, series, unit="events", clock=view.clock, height=190)
        charts.show(chart, "events:counts", "Events by type over the range")
    st.caption(f"{format.count(total)} in {result.period.label}, by when they happened · {tiles.sql(result)}")


def counts(
    view: ViewState, criteria: Criteria, streams: Sequence[str], catalog: Catalog
) -> tuple[Result | None, Mapping[str, str]]:
    """The counts, and the names to draw with their colours; None if no window table counts these events."""
    if criteria.exact:
        return None, {}
    if len(streams) == 1:
        by_type, known = queries.types(catalog, streams[0])
        every = queries.types_of(catalog.streams[streams[0]])
        colours = dict(zip(every, (theme.stream_colour(streams[0]), *theme.SPARE_COLOURS * 2), strict=False))
        if by_type and criteria.type in known:
            return query_cache.fetch(by_type, view), {criteria.type: colours[criteria.type]}
        if by_type and not criteria.type and known == set(every):
            return query_cache.fetch(by_type, view), colours
    if criteria.type:
        return None, {}
    chosen = None if criteria.stream == ALL else criteria.stream
    return query_cache.fetch(queries.STREAMS, view, stream=chosen), {
        name: theme.stream_colour(name) for name in streams
    }
