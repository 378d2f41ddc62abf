"""One event in full: its fields, its position, and links for its keys."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import streamlit as st

from dashboard.components import tiles
from dashboard.data import query_cache
from dashboard.data.query_cache import Result
from dashboard.data.view_state import ViewState
from dashboard.pages.events import event_table, queries, search, story_queries
from dashboard.pages.events.search import EventPosition
from dashboard.session import address
from streamgauge.catalog.loader import Catalog
from streamgauge.domain import format
from streamgauge.warehouse import story

# Clocks differ by up to a second; more is a late event.
LATE_S = 1.0


def draw(view: ViewState, position: EventPosition, rows: Sequence[Mapping[str, Any]] = ()) -> None:
    """Draw the event at a position, from `rows` if it is among them."""
    catalog = query_cache.catalog()
    row = next((row for row in rows if "event_type" in row and str(EventPosition.of(row)) == str(position)), None)
    result: Result | None = None
    if row is None and position.stream in catalog.streams and (query := queries.one(catalog, position.stream)):
        result = query_cache.fetch(query, view, at=position.at, partition=position.partition, offset=position.offset)
        row = result.row or None
    with st.container(border=True, key="opened"):
        with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
            st.subheader("The event", anchor=False, width="content")
            st.button("Close", icon=":material/close:", type="tertiary", on_click=event_table.close)
        if row is None:
            return letter(view, position)
        event = search.fields(row)
        origin(view, row, position)
        links(catalog, event)
        st.code(json.dumps(event, indent=2, ensure_ascii=False), language=None, wrap_lines=True)
        if result:
            st.caption(tiles.sql(result))
    return None


def letter(view: ViewState, position: EventPosition) -> None:
    """Draw the dead letter at a position without an event; or that nothing is kept there."""
    result = query_cache.fetch(
        story_queries.LETTER,
        view,
        at=position.at,
        stream=position.stream,
        partition=position.partition,
        offset=position.offset,
    )
    st.text(f"topic {position.stream}, partition {position.partition}, offset {position.offset}")
    if not result.row:
        st.info("**Nothing is kept at this position.** Retention may have removed it.", icon=":material/search_off:")
        return
    st.text(f"dead letter: {result.row['reason']} · {result.row['detail']}")
    if result.row["fingerprint"]:
        known = address.to("dead-letters", fingerprint=result.row["fingerprint"])
        st.markdown(f"[All with this cause]({known})")
    st.code(result.row["payload"] or "", language=None, wrap_lines=True)
    st.caption(f"At most the first 4,096 bytes. {tiles.sql(result)}")


def origin(view: ViewState, row: Mapping[str, Any], position: EventPosition) -> None:
    """Position and times of the event."""
    happened, published = row["happened_at"], row["arrived_at"]
    took = (published - happened).total_seconds()
    st.text(f"{row['event_type']} · topic {position.stream}, partition {position.partition}, offset {position.offset}")
    clock = view.clock
    late = f", {format.duration(took)} later" if took > LATE_S else ""
    st.text(f"happened {stamp(happened, clock)} · arrived {stamp(published, clock)}{late}")


def stamp(time: Any, clock: Any) -> str:
    """A time to the millisecond, with its date."""
    return f"{time.astimezone(clock):%Y-%m-%d %H:%M:%S.%f}"[:-3]


def links(catalog: Catalog, event: Mapping[str, Any]) -> None:
    """Draw the ids that the event names, each with its links."""
    for kind, identifier in named(catalog, event):
        thing = search.short(kind)
        known = [f"[story]({address.to('events', **{thing: identifier})})"]
        if kind == "order_id":
            known.append(f"[saga]({address.to('fulfilment', order=identifier)})")
        with st.container(horizontal=True, vertical_alignment="center", gap="small"):
            st.text(f"{thing} {identifier}", width="content")
            st.markdown(" · ".join(known), width="content")


def named(catalog: Catalog, event: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Pairs of id field and id in the event, its lists included, each once."""
    kinds = story.identifiers(catalog)
    inner = [item for value in event.values() if isinstance(value, list) for item in value if isinstance(item, dict)]
    pairs = [(name, str(value)) for one in (event, *inner) for name, value in one.items() if name in kinds]
    return list(dict.fromkeys(pairs))
