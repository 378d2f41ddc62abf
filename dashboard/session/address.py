"""The address bar and the widgets say the same, so that a link reproduces a view.

A widget's choice is kept under its name in the session and, unless it is the default, in the address. A followed link
(parameters that are not the ones written last) wins over the session; a click in the navigation clears the address, and
then the frame's choices stay while the pages' filters start anew.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from urllib.parse import quote_plus, urlencode

import streamlit as st

from dashboard.data.view_state import PARAMETERS

_WRITTEN = "address:written"
# The frame's choices that a link of a page's own takes along; it refreshes as it likes.
_HELD = [name for name in PARAMETERS if name != "refresh"]


def key(name: str) -> str:
    """The session's key of the widget that is `name` in the address."""
    return f"address:{name}"


def begin(defaults: Mapping[str, str]) -> None:
    """First thing in a run: let a followed link win. `defaults` are the frame's, for what the link leaves out."""
    given = st.query_params.to_dict()
    if given and given != st.session_state.get(_WRITTEN):
        for name, value in {**defaults, **given}.items():
            st.session_state[key(name)] = value
    st.session_state[_WRITTEN] = given


def write(values: Mapping[str, str | None]) -> None:
    """Put choices into the address; None takes one out."""
    before = st.query_params.to_dict()
    now = {name: value for name, value in {**before, **values}.items() if value is not None}
    if now != before:
        # At once: nobody shall see an address that is half of the old view and half of the new one.
        st.query_params.from_dict(now)
    st.session_state[_WRITTEN] = st.query_params.to_dict()


def to(page: str, **params: object) -> str:
    """A link to a page of ours, with the frame's choices that hold now unless `params` say otherwise.

    Values are encoded, so the text of an event may stand in one.
    """
    now = st.query_params.to_dict()
    held = {name: now[name] for name in _HELD if name in now}
    parameters = {name: str(value) for name, value in {**held, **params}.items() if value is not None}
    return f"/{page}?{urlencode(parameters)}" if parameters else f"/{page}"


def links(page: str, param: str) -> Callable[[object], str]:
    """Makes links to a page of ours, one for each value of a parameter; what the frame holds is read once."""
    begin = to(page, **{param: ""})
    return lambda value: begin + quote_plus(str(value))


def select(
    name: str, label: str, options: Sequence[str], default: str = "", *, shown: Callable[[str], str] = str
) -> str:
    """A select box that is in the address under `name`; the first option (or `default`) is not written there."""
    default = default or options[0]
    if st.session_state.get(key(name), default) not in options:
        st.session_state[key(name)] = default
    st.session_state.setdefault(key(name), default)
    chosen: str = st.selectbox(label, options, key=key(name), format_func=shown)
    write({name: None if chosen == default else chosen})
    return chosen


def text(name: str, label: str, *, placeholder: str = "", help: str | None = None) -> str:  # noqa: A002
    """A text field that is in the address under `name`."""
    st.session_state.setdefault(key(name), "")
    typed = str(st.text_input(label, key=key(name), placeholder=placeholder, help=help) or "").strip()
    write({name: typed or None})
    return typed
