"""The newest events that match, at each look; one can be opened, and then the list stands still until it is closed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import streamlit as st

from dashboard.components import charts, hover, states, theme, tiles
from dashboard.components.charts import Series
from dashboard.data import query_cache
from dashboard.data.query import Question
from dashboard.data.query_cache import Answer
from dashboard.pages.events import opened, search, table
from dashboard.pages.events import queries as questions
from dashboard.pages.events.search import ALL, Asked, Place
from dashboard.session import address
from dashboard.session.view import View
from streamgauge.catalog.loader import Catalog
from streamgauge.domain import format

# A search that reads hours of raw events is not asked anew at each look.
LONG_S, LONG_SHARED_S = 6_000, 10.0
NO_COUNT = "Not counted: no window table counts events by key or field, and raw events are not read for a count."


def draw(view: View, asked: Asked) -> None:
    """Everything that refreshes by itself."""
    catalog = query_cache.catalog()
    streams = asked.streams(catalog)
    if holds := search.misfit(catalog, streams, asked):
        st.warning(f"**`{asked.field}` holds {holds}.** The value below is none; take `contains` to look for a part.")
        st.text(asked.value)
        return None
    question = questions.search(catalog, streams, asked.by)
    if question is None:
        return states.no_table("raw events of this stream")
    counted(view, asked, streams, catalog)
    before = Place.read(st.query_params.get("before", ""))
    place = Place.read(st.query_params.get("open", ""))
    pointed = hover.watch(table.pointed)
    still = "an event is open" if place else "the pointer is on it" if pointed else ""
    held = table.held(table.SEARCH) if still else None
    found = newest(view, question, asked, before)
    rows = held or found.rows[: questions.PAGE]
    if not rows and not place:
        return nothing(view, found, asked, streams)
    if rows:
        more = len(found.rows) > questions.PAGE
        listing(view, rows, found, before, still if held else "")
        paging(rows, before, more=more)
    if place:
        opened.draw(view, place, rows)
    return None


def newest(view: View, question: Question, asked: Asked, before: Place | None) -> Answer:
    """A page of events and one more, from the newest slice of the range that has them."""
    cursor: dict[str, Any] = {}
    if before:
        cursor = {
            "at": before.at,
            "at_stream": before.stream,
            "at_partition": before.partition,
            "at_offset": before.offset,
        }
    slice_s = questions.SLICE_S
    while True:
        answer = query_cache.ask(
            question,
            view,
            shared_s=LONG_SHARED_S if slice_s > LONG_S else query_cache.SHARED_S,
            type=asked.type or None,
            key=asked.key or None,
            value=asked.value if asked.by else None,
            slice_s=slice_s,
            **cursor,
        )
        if len(answer.rows) == questions.MOST or slice_s >= answer.period.seconds:
            return answer
        slice_s *= 10 if answer.rows else 100


def nothing(view: View, found: Answer, asked: Asked, streams: Sequence[str]) -> None:
    """No event is shown: none ever, none in the range, or none that matches."""
    latest = tiles.trust_in(view, *(streams if len(streams) == 1 else ())).newest
    if latest is None and not asked.exact:
        return states.no_events()
    if asked == Asked(asked.stream) and latest is not None and "before" not in st.query_params:
        return states.none_in_range(view, found.period, latest)
    st.info(
        f"**No event in {'the last ' if found.period.label != 'the range' else ''}{found.period.label} matches.** "
        "Choose a longer range, or take a filter away. Raw events are kept for as long as retention says.",
        icon=":material/search_off:",
    )
    return None


def listing(view: View, rows: Sequence[Mapping[str, Any]], found: Answer, before: Place | None, still: str) -> None:
    """The events as a table; `still` is why they are held, empty where they are not."""
    span = format.duration((rows[0]["published_at"] - rows[-1]["published_at"]).total_seconds())
    if still:
        said = f"The list stands still while {still}"
    else:
        which = "older events" if before else "newest events"
        said = f"{format.count(len(rows))} {which}, within {span}, by when they reached Kafka"
    st.caption(f"{said} · {tiles.sql(found)}")
    with st.container(key=hover.LIST):
        table.show(rows, view, found.period, query_cache.catalog())


def paging(rows: Sequence[Mapping[str, Any]], before: Place | None, *, more: bool) -> None:
    """On to older events, and back; it says when there are no more."""
    with st.container(horizontal=True, vertical_alignment="center"):
        if before:
            st.button("Newest", icon=":material/first_page:", on_click=go, args=(None,))
        if more:
            st.button("Older", icon=":material/chevron_right:", on_click=go, args=(str(Place.of(rows[-1])),))
            st.caption("There are more.", width="content")
        else:
            st.caption("There are no older ones in the range.", width="content")


def go(before: str | None) -> None:
    """To the events before a place, or to the newest."""
    table.release()
    address.write({"before": before, "open": None})


def begin_anew() -> None:
    """Other filters: the newest events that match them."""
    go(None)


def counted(view: View, asked: Asked, streams: Sequence[str], catalog: Catalog) -> None:
    """How many events there are over time, where a window counts them."""
    answer, names = counts(view, asked, streams, catalog)
    if answer is None:
        st.caption(NO_COUNT if asked.exact else "Not counted: no window table counts this type of event.")
        return
    rows = [row for row in answer.rows if row["name"] in names]
    total = sum(row["events"] for row in rows)
    if total:
        series = [
            Series(name, {row["bucket"]: float(row["events"]) for row in rows if row["name"] == name}, colour)
            for name, colour in names.items()
            if any(row["name"] == name for row in rows)
        ]
        chart = charts.timeline(answer.period, series, unit="events", clock=view.clock, height=190)
        charts.show(chart, "events:counts", "Events by type over the range")
    st.caption(f"{format.count(total)} in {answer.period.label}, by when they happened · {tiles.sql(answer)}")


def counts(
    view: View, asked: Asked, streams: Sequence[str], catalog: Catalog
) -> tuple[Answer | None, Mapping[str, str]]:
    """The answer, and the names in it that count, with their colours."""
    if asked.exact:
        return None, {}
    if len(streams) == 1:
        by_type, known = questions.types(catalog, streams[0])
        every = questions.types_of(catalog.streams[streams[0]])
        colours = dict(zip(every, (theme.stream_colour(streams[0]), *theme.SPARE_COLOURS * 2), strict=False))
        if by_type and asked.type in known:
            return query_cache.ask(by_type, view), {asked.type: colours[asked.type]}
        if by_type and not asked.type and known == set(every):
            return query_cache.ask(by_type, view), colours
    if asked.type:
        return None, {}
    chosen = None if asked.stream == ALL else asked.stream
    return query_cache.ask(questions.STREAMS, view, stream=chosen), {
        name: theme.stream_colour(name) for name in streams
    }
