"""Events: search and live tail over every stream with raw events, and the whole story of one thing."""

from __future__ import annotations

import streamlit as st

from dashboard import address, frame, search, source, theme
from dashboard.pages import event_tail, story
from dashboard.search import ALL, Asked
from dashboard.view import View

_ASKED = "events:asked"
_ANY = ""

_KEY_HELP = "The event's key in Kafka: an order, an article, a customer, as its stream has it."


def show() -> None:
    """The page."""
    if thing := search.things(source.catalog(), st.query_params.to_dict()):
        kind, identifier = thing
        return frame.live(lambda view: story.draw(view, kind, identifier))
    asked = filters()
    return frame.live(lambda view: tail(view, asked))


def tail(view: View, asked: Asked) -> None:
    """Everything that refreshes by itself."""
    event_tail.draw(view, asked)


def filters() -> Asked:
    """What is looked for; in the address. Other filters begin at the newest event again."""
    catalog = source.catalog()
    with st.container(key="tiles-filters"):
        stream = address.select(
            "stream",
            "Stream",
            [ALL, *sorted(search.kept(catalog), key=theme.stream_order)],
            shown=lambda name: "all streams" if name == ALL else name,
        )
        kind = address.select(
            "type", "Event type", [_ANY, *search.type_choices(catalog, stream)], shown=lambda name: name or "any type"
        )
        key = address.text("key", "Key", placeholder="any key", help=_KEY_HELP)
        among = Asked(stream, kind).streams(catalog)
        field = address.select(
            "field", "Field", [_ANY, *search.field_choices(catalog, among)], shown=lambda name: name or "any field"
        )
        match = address.select("match", "Match", ["is", "contains"])
        value = address.text("value", "Value", placeholder="any value")
        event_tail.of_one(catalog)
    asked = Asked(stream, kind, key, field, match == "contains", value)
    if st.session_state.get(_ASKED, asked) != asked:
        event_tail.begin_anew()
    st.session_state[_ASKED] = asked
    return asked
