"""Events: search and live tail over every stream with raw events; the story of one order, customer or article."""

from __future__ import annotations

import streamlit as st

from dashboard import theme
from dashboard.components import frame
from dashboard.data import query_cache
from dashboard.pages.events import queries, search, story, tail
from dashboard.pages.events.search import ALL, Criteria
from dashboard.session import address
from streamgauge.catalog.loader import Catalog
from streamgauge.warehouse import story as story_of

_CRITERIA = "events:criteria"
_ANY = ""
_KEY_HELP = "The event's key in Kafka: an order, an article or a customer, depending on its stream."


def show() -> None:
    """The page."""
    if thing := search.things(query_cache.catalog(), st.query_params.to_dict()):
        kind, identifier = thing
        return frame.live(lambda view: story.draw(view, kind, identifier))
    criteria = filters()
    return frame.live(lambda view: tail.draw(view, criteria))


def filters() -> Criteria:
    """Draw the search filters, which are in the address. A change restarts at the newest event."""
    catalog = query_cache.catalog()
    with st.container(key="tiles-filters"):
        stream = address.select(
            "stream",
            "Stream",
            [ALL, *sorted(queries.kept(catalog), key=theme.stream_order)],
            shown=lambda name: "all streams" if name == ALL else name,
        )
        kind = address.select(
            "type", "Event type", [_ANY, *search.type_choices(catalog, stream)], shown=lambda name: name or "any type"
        )
        key = address.text("key", "Key", placeholder="any key", help=_KEY_HELP)
        among = Criteria(stream, kind).streams(catalog)
        field = address.select(
            "field", "Field", [_ANY, *search.field_choices(catalog, among)], shown=lambda name: name or "any field"
        )
        match, value = "", ""
        if field:
            match = address.select("match", "Match", ["is", "contains"])
            value = address.text("value", "Value", placeholder="any value")
        else:
            address.write({"match": None, "value": None})
        of_one(catalog)
    criteria = Criteria(stream, kind, key, field, match == "contains", value)
    if st.session_state.get(_CRITERIA, criteria) != criteria:
        tail.restart()
    st.session_state[_CRITERIA] = criteria
    return criteria


def of_one(catalog: Catalog) -> None:
    """Draw the form that opens a story."""
    with st.popover("Story of one…", icon=":material/timeline:", width="stretch"), st.form("story", border=False):
        kind = st.selectbox("Kind", sorted(map(search.short, story_of.identifiers(catalog))))
        identifier = st.text_input("Id")
        if st.form_submit_button("Show its story", width="stretch") and kind and identifier.strip():
            address.write({kind: identifier.strip()})
            st.rerun()
